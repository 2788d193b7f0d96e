"""A lock without the system's help, for file systems that have none: a file that names its owner.

The file is created exclusively. It is taken over only if its owner is certainly dead: a process
of this machine that no longer runs, or whose number now belongs to a process that started at
another time.
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

Owner: TypeAlias = tuple[str, int, str]
"""Machine, process number, and when the process started (empty if the system does not say)."""


class OwnerFile:
    """Held from construction to `release`.

    Args:
        path: The file.
        dead: Whether an owner is certainly gone.

    Raises:
        BlockingIOError: If somebody holds it, or may; the message says who, and what to do.
    """

    def __init__(self, path: Path, dead: Callable[[Owner], bool] | None = None) -> None:
        """Create the file, over a dead owner's if need be."""
        self._path = path
        self._dead = dead or is_dead
        if not _created(path):
            self._take_over()

    def release(self) -> None:
        """Give it back."""
        self._path.unlink(missing_ok=True)

    def _take_over(self) -> None:
        """Remove a dead owner's file and create ours.

        Whoever removes one holds a second file meanwhile and looks again under it, so that
        nobody removes the file of somebody who was faster.
        """
        owner = _read(self._path)
        if owner is None or not self._dead(owner):
            raise BlockingIOError(_told(self._path, owner))
        guard = self._path.with_name(f"{self._path.name}.takeover")
        if not _created(guard):
            raise BlockingIOError(_told(guard, _read(guard)))
        try:
            owner = _read(self._path)
            if owner is not None and self._dead(owner):
                self._path.unlink()
            if not _created(self._path):
                raise BlockingIOError(_told(self._path, _read(self._path)))
        finally:
            guard.unlink(missing_ok=True)


def this_process() -> Owner:
    """The owner that this process is."""
    return socket.gethostname(), os.getpid(), _started(os.getpid())


def is_dead(owner: Owner) -> bool:
    """Whether an owner is certainly gone; on another machine nobody can tell."""
    host, number, started = owner
    if host != socket.gethostname() or sys.platform == "win32":
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it runs as somebody else, or the number is none
        return False
    now = _started(number)
    return bool(started and now) and started != now


def _created(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    try:
        os.write(descriptor, json.dumps(this_process()).encode())
    finally:
        os.close(descriptor)
    return True


def _read(path: Path) -> Owner | None:
    """The owner a file names; None if it is gone, or being written, or damaged."""
    with contextlib.suppress(OSError, ValueError):
        host, number, started = json.loads(path.read_text("utf-8"))
        if isinstance(host, str) and isinstance(number, int) and isinstance(started, str):
            return host, number, started
    return None


def _told(path: Path, owner: Owner | None) -> str:
    if owner is None:
        return f"another process (if none runs, remove {path})"
    host, number, _ = owner
    return f"process {number} on {host} (if it is gone, remove {path})"


def _started(number: int) -> str:
    """When a process started, as Linux tells it; empty elsewhere, or if it is gone."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text("ascii", "replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before may hold blanks and brackets
    return f"{boot}/{fields[19]}" if len(fields) > 19 else ""
