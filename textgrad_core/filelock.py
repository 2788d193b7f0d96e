"""One writer per run folder: an advisory lock that the system releases when a process dies."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path

from textgrad_core.errors import JournalBusy

log = logging.getLogger("textgrad_core")
_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


class FileLock:
    """Held from construction to `release`, or to the death of the process.

    Raises:
        JournalBusy: If another process holds it; the message names its process number.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock and leave the process number in the file."""
        self._path = path
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(self._descriptor)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                log.warning("%s: this file system has no locks; keep to one process", path)
                return
            holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            self._descriptor = None
            raise JournalBusy(
                f"{path.parent} is being written by process {holder or 'unknown'}: wait for it, "
                "stop it, or choose another folder with --out"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """Give the lock back; the empty lock file stays, removing it would race."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 64, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
