"""One writer per file: an advisory lock that the system releases when a process dies.

Where the file system has no locks, as some network file systems, an `OwnerFile` stands in.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from weakref import WeakSet

from textgrad_core import heartbeat
from textgrad_core.errors import JournalBusy
from textgrad_core.logs import log
from textgrad_core.ownerfile import OwnerFile, Undecided

LOOKS_PER_BEAT = 10
_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


class FileLock:
    """Held from construction to `release`, or to the end of the process.

    Args:
        path: The lock file.
        lock: Locks a descriptor at once or raises OSError; the system's own by default.
        temporary: Whether the lock file goes with the lock; else it stays, empty.
        patient: Whether to wait, at most `heartbeat.silence_s`, for a sign of life of an owner
            on another machine, where the file system has no locks. One who looks again and
            again need not be.

    Raises:
        JournalBusy: If another process holds it; the message names its process number.
    """

    def __init__(
        self,
        path: Path,
        lock: Callable[[int], None] | None = None,
        *,
        temporary: bool = False,
        patient: bool = False,
    ) -> None:
        """Take the lock and leave the process number in the file."""
        self._path, self._temporary, self._patient = path.absolute(), temporary, patient
        self._owner_file: OwnerFile | None = None
        self._descriptor: int | None = None
        self._guard = threading.Lock()
        while self._descriptor is None and self._owner_file is None:
            self._take(lock or _lock)
        _held.add(self)

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        with self._guard:
            if self._owner_file is not None:
                self._owner_file.release()
                self._owner_file = None
            if self._descriptor is not None:
                os.ftruncate(self._descriptor, 0)
                _unlock(self._descriptor)  # closing alone leaves it to processes that were forked
                if self._temporary:
                    with contextlib.suppress(OSError):  # Windows removes no open file
                        self._path.unlink()
                os.close(self._descriptor)
                self._descriptor = None

    def held(self) -> bool:
        """Whether the lock still protects: not released, taken over, or removed."""
        if self._owner_file is not None:
            return self._owner_file.held()
        return self._descriptor is not None and os.fstat(self._descriptor).st_nlink > 0

    def forget(self) -> None:
        """Close the file without unlocking it: for a child that was forked."""
        if self._owner_file is not None:
            self._owner_file.forget()
            self._owner_file = None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self, lock: Callable[[int], None]) -> None:
        """Try once; takes nothing if the file was removed while it was locked."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            lock(descriptor)
        except OSError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno in _UNSUPPORTED:
                if self._temporary:  # it says nothing here, so whoever made it removes it
                    with contextlib.suppress(OSError):  # gone, or open elsewhere on Windows
                        self._path.unlink()
                self._owner_file = self._without_system()
                return
            raise self._busy(f"process {holder or 'unknown'}") from error
        if not _is_still(descriptor, self._path):
            os.close(descriptor)
            return
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def _without_system(self) -> OwnerFile:
        log.info("%s: this file system has no locks; a file names the owner", self._path)
        path = self._path.with_name(f"{self._path.name}.owner")
        first: bytes | None = None
        while True:
            try:
                return OwnerFile(path)
            except Undecided as error:
                if not self._patient or first not in (None, error.content):
                    raise self._busy(str(error)) from error
                if first is None:
                    told = "%s is held by %s: waiting up to %g s for a sign of life"
                    log.warning(told, self._path, error, heartbeat.silence_s())
                first = error.content
            except BlockingIOError as error:
                raise self._busy(str(error)) from error
            time.sleep(heartbeat.INTERVAL_S / LOOKS_PER_BEAT)

    def _busy(self, holder: str) -> JournalBusy:
        return JournalBusy(
            f"{self._path.parent} is being written by {holder}: wait for it, "
            "stop it, or choose another folder with --out"
        )


_held: WeakSet[FileLock] = WeakSet()


def release_all() -> None:
    """Give back every lock of this process, which is about to end."""
    for lock in list(_held):
        lock.release()


def _let_go_in_child() -> None:
    """A forked child must not keep its parent's locks alive; closing does not unlock here."""
    for lock in list(_held):
        lock.forget()


atexit.register(release_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one at a path: its last holder may have removed it."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 64, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 64, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
