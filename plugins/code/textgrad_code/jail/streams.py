"""What a program reads and prints."""

from __future__ import annotations

import atexit
import builtins
import gc
import io
import os
import sys
import threading
from typing import Any

DEVICES = {f"{folder}{number}": number for folder in ("/dev/fd/", "/proc/self/fd/")
           for number in (0, 1, 2)}  # fmt: skip
DEVICES |= {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
WRITERS = io.TextIOWrapper, io.BufferedWriter  # the first writes to the second


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
    return streams


def use_streams(streams: tuple[Any, Any, Any]) -> None:
    """Make them the program's."""
    sys.stdin, sys.stdout, sys.stderr = streams
    names = "__stdin__", "__stdout__", "__stderr__"
    vars(sys).update(zip(names, streams, strict=True))  # typeshed calls them final


def flush_streams(streams: tuple[Any, Any, Any]) -> None:
    """Hand on what was printed, first by streams the program put in their place.

    Raises:
        MemoryError: If there is no memory to do so.
    """
    own = [getattr(sys, name, None) for name in ("stdout", "stderr")]  # it may have none
    for stream in (*own, *streams[1:]):
        _flush(stream)


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except MemoryError:
        raise
    except BaseException:  # a stream of the program's own may do anything
        return


def name_devices() -> None:
    """Let the names of the standard streams be opened: in the jail, no device can."""
    builtins.open = io.open = _open
    os.open = _os_open


def _open(file: Any, *arguments: Any, **options: Any) -> Any:
    """The built-in `open`."""
    number = device(file)
    return _OPEN(file if number is None else os.dup(number), *arguments, **options)


def _os_open(path: Any, *arguments: Any, **options: Any) -> int:
    number = device(path)
    return _OS_OPEN(path, *arguments, **options) if number is None else os.dup(number)


_OPEN, _OS_OPEN = open, os.open


def device(file: Any) -> int | None:
    """The number of the standard stream that a name means, if it means one."""
    if type(file) is int:
        return None
    try:
        return DEVICES.get(os.fsdecode(file))
    except (TypeError, ValueError):  # whatever it is, `open` will say what is wrong with it
        return None


def end_script(streams: tuple[Any, Any, Any]) -> None:
    """Do what Python does when a script has ended, in its order, up to the last flush.

    Its threads go on to their end, then what is registered for the exit is called; then what
    the script itself holds goes, and may print as it does.
    """
    vars(threading)["_shutdown"]()  # which typeshed does not know
    atexit._run_exitfuncs()
    flush_streams(streams)
    use_streams(streams)
    sys.modules.pop("__main__", None)  # the script may have done so
    _flush_writers()
    gc.collect()
    flush_streams(streams)


def _flush_writers() -> None:
    """Flush the streams that the script built, from the top; a collection goes in any order.

    What is not flushed when the stream below it is closed is lost.
    """
    try:
        found = [one for one in gc.get_objects() if issubclass(type(one), WRITERS)]
    except MemoryError:  # a list of all that the script holds; few scripts need it
        return
    for kind in WRITERS:
        for one in found:
            if issubclass(type(one), kind):
                _flush(one)
