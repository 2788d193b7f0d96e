"""What a program reads and prints."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import gc
import io
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

NAMED = {"/dev/stdin": 0, "/dev/fd/0": 0, "/proc/self/fd/0": 0}
NAMED |= {"/dev/stdout": 1, "/dev/fd/1": 1, "/proc/self/fd/1": 1}


def own_streams() -> tuple[Any, Any, Any]:
    """Streams on the descriptors 0, 1 and 2 that never fail for a character."""
    streams = (
        open(0, encoding="utf-8", errors="replace", closefd=False),  # descriptors
        open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False),
        open(  # descriptors
            2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1
        ),
    )
    use_streams(streams)
    vars(sys).update(__stdout__=streams[1], __stderr__=streams[2])
    return streams


def use_streams(streams: tuple[Any, Any, Any]) -> None:
    """Make them the program's."""
    sys.stdin, sys.stdout, sys.stderr = streams
    vars(sys)["__stdin__"] = streams[0]  # which typeshed calls final


def flush_streams(streams: tuple[Any, Any, Any]) -> None:
    """Hand on what was printed, also to streams the program put in their place."""
    for stream in (*streams[1:], sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # a stream of the program's own may do anything
            continue


class Captured(io.BytesIO):
    """Standard output as bytes; too many end the test.

    Args:
        most: How many bytes are taken.
        too_many: Called when there are more; does not return.
    """

    mode, name = "wb", "<stdout>"

    def __init__(self, most: int, too_many: Callable[[], None]) -> None:
        super().__init__()
        self.most, self.too_many = most, too_many

    def write(self, data: Any) -> int:
        """Take bytes."""
        written = super().write(data)
        if self.tell() > self.most:
            self.too_many()
        return written

    def fileno(self) -> int:
        """What ``os.write`` is called with: see `Scripts`."""
        return 1

    def close(self) -> None:
        """Keep what was printed, even if the program closes the stream."""

    def text_stream(self, encoding: str = "utf-8") -> io.TextIOWrapper:
        """A text stream that writes here."""
        stream = io.TextIOWrapper(self, encoding=encoding, errors="backslashreplace")
        vars(stream)["mode"] = "w"  # as `open` does
        return stream


class Script:
    """Standard input and output of one run of a script.

    Args:
        most: How many bytes it may print.
        too_many: Called when it prints more; does not return.
    """

    def __init__(self, most: int, too_many: Callable[[], None]) -> None:
        self.captured = Captured(most, too_many)
        self.stdin = _OPEN(0, encoding="utf-8", closefd=False)
        self.stdout = self.captured.text_stream()

    def finish(self) -> str:
        """Do what Python does at a script's end; all that it printed."""
        join_threads()
        atexit._run_exitfuncs()
        if not self.stdout.closed:
            self.stdout.flush()
        return self.captured.getvalue().decode("utf-8", "backslashreplace")


class Scripts:
    """Runs of one script after another, each with an input of its own.

    Descriptor 0 is the input itself, a file. Descriptor 1 goes elsewhere, so the ways to write
    to it are led to what is captured; and so are the names that devices have, since no device
    can be opened here. Nothing depends on it but what the program sees: an answer is its own word.
    """

    def __init__(self) -> None:
        self.kept = os.dup(0)  # a program may close descriptor 0, on purpose or not
        self.running: Script | None = None
        atexit._clear()  # what the library has there is not the script's
        builtins.open = io.open = self._open
        os.open, os.write, os.writev = self._os_open, self._os_write, self._os_writev

    def begin(self, script: Callable[[], Script]) -> Script:
        """Put the input back to its start.

        Raises:
            OSError: If an earlier run has spoilt the descriptors.
        """
        self.running = None
        with contextlib.suppress(KeyError):
            sys.modules["fileinput"].close()
        gc.collect()  # a file the last run forgot to close would close this run's descriptor
        with contextlib.suppress(OSError):
            os.close(0)
        if os.dup(self.kept) != 0:
            raise OSError("standard input cannot be renewed after what earlier tests did")
        os.lseek(0, 0, os.SEEK_SET)
        self.running = script()
        return self.running

    def _open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        """The built-in `open`."""
        number = standard(file)
        if number == 1 and self.running is not None:
            captured = self.running.captured
            return captured if "b" in mode else captured.text_stream(encoding or "utf-8")
        if number == 0:
            file, closefd = 0, False
            encoding = encoding or (None if "b" in mode else "utf-8")
        return _OPEN(file, mode, buffering, encoding, errors, newline, closefd, opener)

    def _os_open(self, path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        if standard(path) == 0 and not flags & (os.O_WRONLY | os.O_RDWR):
            return os.dup(0)
        return _OS_OPEN(path, flags, mode, **options)

    def _os_write(self, descriptor: int, data: Any) -> int:
        if descriptor == 1 and self.running is not None:
            return self.running.captured.write(data)
        return _OS_WRITE(descriptor, data)

    def _os_writev(self, descriptor: int, buffers: Any) -> int:
        if descriptor == 1 and self.running is not None:
            return sum(map(self.running.captured.write, buffers))
        return _OS_WRITEV(descriptor, buffers)


_OPEN, _OS_OPEN, _OS_WRITE, _OS_WRITEV = open, os.open, os.write, os.writev


def standard(file: Any) -> int | None:
    """The number of the standard stream that is meant, if it is one."""
    if type(file) is int:
        return file if file in (0, 1) else None
    try:
        return NAMED.get(os.fsdecode(file))
    except (TypeError, ValueError):  # whatever it is, `open` will say what is wrong with it
        return None


def join_threads() -> None:
    """Wait for the threads that keep a script alive, but for those of pools that wait for work."""
    pools = sys.modules.get("concurrent.futures.thread")
    idle = getattr(pools, "_threads_queues", ())
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon and thread not in idle:
            thread.join()
