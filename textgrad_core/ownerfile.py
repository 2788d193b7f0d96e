"""A lock without the system's help, for file systems that have none: a file that names its owner.

The file is created exclusively, and its owner keeps changing a number in it. It is taken over from
an owner that is certainly dead (a process of this machine that no longer runs, or whose number now
belongs to a process that started at another time), and, where nobody can tell, from one whose file
has not changed for `heartbeat.silence_s` before the eyes of who wants it.

An owner that was only suspended finds out: `OwnerFile.held` looks at the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from textgrad_core import heartbeat
from textgrad_core.logs import log

Owner: TypeAlias = tuple[str, int, str]
"""Machine, process number, and when the process started (empty if the system does not say)."""


class Undecided(BlockingIOError):
    """Somebody holds it who may be dead; looking again decides.

    Args:
        message: Who.
        content: What the file holds, which changes if its owner lives.
    """

    def __init__(self, message: str, content: bytes) -> None:
        """Keep both."""
        super().__init__(message)
        self.content = content


class OwnerFile:
    """Held from construction to `release`.

    Args:
        path: The file.
        dead: Whether an owner is certainly gone.
        watch: How long files have stayed as they are; one for the whole process by default.

    Raises:
        BlockingIOError: If somebody holds it, or may; the message says who, and what to do.
            `Undecided` if nobody can tell yet whether that one lives.
    """

    def __init__(
        self,
        path: Path,
        dead: Callable[[Owner], bool] | None = None,
        watch: heartbeat.Watch | None = None,
    ) -> None:
        """Create the file, over a dead owner's if need be."""
        self._path = path.absolute()
        self._dead, self._watch = dead or is_dead, watch or heartbeat.watch
        self._token = os.urandom(8).hex().encode()
        self._beats = 0
        if not self._created(self._path):
            self._take_over()
        self._watch.forget(self._path)
        heartbeat.heart.start(self)

    def release(self) -> None:
        """Give it back, unless somebody has taken it over."""
        heartbeat.heart.stop(self)
        if self.held():
            self._path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Let it be without giving it back: for a child that was forked."""
        self._token = b"none"

    def held(self) -> bool:
        """Whether the file is still this owner's."""
        return _token_in(_content(self._path)) == self._token

    def beat(self) -> bool:
        """Show that the owner lives; False if the file is no longer its own."""
        self._beats += 1
        try:
            with self._path.open("r+b") as file:
                content = file.read()
                if _token_in(content) == self._token:
                    file.seek(content.index(b"\n") + 1)
                    file.write(self._sign())
                    return True
        except FileNotFoundError:
            pass  # told below
        except OSError as error:  # a full disk, a network that is away: the next beat may work
            log.warning("%s: cannot show that this process lives: %s", self._path, error)
            return True
        log.warning("%s: another process has taken this over", self._path)
        return False

    def _sign(self) -> bytes:
        return b"%s %016x\n" % (self._token, self._beats)

    def _created(self, path: Path) -> bool:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(this_process()).encode() + b"\n" + self._sign())
        except BaseException:
            path.unlink(missing_ok=True)  # nobody would know whose it is
            raise
        return True

    def _take_over(self) -> None:
        """Remove a dead owner's file and create ours.

        Whoever removes one holds a second file meanwhile and looks again under it, so that
        nobody removes the file of somebody who was faster.
        """
        content = self._gone(self._path)
        guard = self._path.with_name(f"{self._path.name}.takeover")
        if not self._created(guard):
            self._gone(guard)
            guard.unlink(missing_ok=True)  # of somebody who died between the two
            raise Undecided(_told(self._path, content), content or b"")
        try:
            if content is not None and _content(self._path) == content:
                self._path.unlink(missing_ok=True)
            if not self._created(self._path):
                raise BlockingIOError(_told(self._path, _content(self._path)))
        finally:
            guard.unlink(missing_ok=True)

    def _gone(self, path: Path) -> bytes | None:
        """The content of a file whose owner is gone; None if the file is.

        Raises:
            BlockingIOError: If the owner lives, or may.
        """
        content = _content(path)
        if content is None:
            return None
        owner = _owner_in(content)
        if owner is not None and self._dead(owner):
            return content
        told = _told(path, content)
        if owner is not None and is_alive(owner):
            raise BlockingIOError(told)
        silent_s = self._watch.unchanged_s(path, content)
        if silent_s < heartbeat.silence_s():
            raise Undecided(told, content)
        log.warning(
            "%s is taken over from %s: no sign of life for %.3g s", path, _named(owner), silent_s
        )
        return content


def this_process() -> Owner:
    """The owner that this process is."""
    return socket.gethostname(), os.getpid(), _started(os.getpid())


def is_dead(owner: Owner) -> bool:
    """Whether an owner is certainly gone; on another machine nobody can tell."""
    host, number, started = owner
    if host != socket.gethostname() or sys.platform == "win32":
        return False
    if started and not started.startswith(f"{_numbering()}/"):
        return False  # another machine or container of this name, or this one before it restarted
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it runs as somebody else, or the number is none
        return False
    now = _started(number)
    return bool(started and now) and started != now


def is_alive(owner: Owner) -> bool:
    """Whether an owner certainly runs, on this machine."""
    host, number, started = owner
    return bool(started) and host == socket.gethostname() and started == _started(number)


def _content(path: Path) -> bytes | None:
    """What a file holds; None if there is none, or it cannot be read."""
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return None


def _owner_in(content: bytes | None) -> Owner | None:
    """The owner a file names; None if it is gone, or being written, or damaged."""
    with contextlib.suppress(ValueError, TypeError, IndexError):
        host, number, started = json.loads((content or b"").splitlines()[0])
        if isinstance(host, str) and isinstance(number, int) and isinstance(started, str):
            return host, number, started
    return None


def _token_in(content: bytes | None) -> bytes:
    lines = (content or b"").splitlines()
    return lines[1].partition(b" ")[0] if len(lines) > 1 else b""


def _named(owner: Owner | None) -> str:
    return "an unknown process" if owner is None else f"process {owner[1]} on {owner[0]}"


def _told(path: Path, content: bytes | None) -> str:
    owner = _owner_in(content)
    if owner is None:
        return f"another process (if none runs, remove {path})"
    return f"{_named(owner)} (if it is gone, remove {path})"


def _numbering() -> str:
    """Where this process's number means something: this start of the system, this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(number: int) -> str:
    """When a process started, as Linux tells it; empty elsewhere, or if it is gone."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    place = _numbering()
    fields = stat.rpartition(")")[2].split()  # the name before may hold blanks and brackets
    return f"{place}/{fields[19]}" if place and len(fields) > 19 else ""
