"""The file behind a journal: locked, written line by line, and whole whatever happens between."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from textgrad_core.errors import JournalError
from textgrad_core.filelock import FileLock
from textgrad_core.journal_lines import Entry, read_entries


class JournalFile:
    """Open for writing, and locked, from construction to `close`.

    Args:
        path: The file; it is made if need be, with its folder.

    Attributes:
        entries: What it held when it was opened. A torn last line is cut off.

    Raises:
        JournalBusy: If another process writes it.
        JournalError: If it is damaged before its end, or no journal.
        OSError: If the folder cannot be used.
    """

    def __init__(self, path: Path) -> None:
        """Lock it, read it, open it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._descriptor: int | None = None
        self._lock = FileLock(path.with_suffix(".lock"), patient=True)
        try:
            self.entries: list[Entry] = []
            self._size = 0
            if path.exists():
                self.entries, self._size = read_entries(path)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._descriptor, self._size)
        except BaseException:
            self.close()
            raise

    def append(self, line: bytes) -> None:
        """Write one line and bring it to the disk, or leave the file as it was.

        Raises:
            JournalError: If that cannot be done; the message says how to go on.
        """
        if self._descriptor is None:
            raise JournalError(f"the journal {self._path} is closed")
        try:
            self._check()
            _write_whole(self._descriptor, line)
        except OSError as error:
            with contextlib.suppress(OSError):  # else the next one cuts it off, or the next run
                os.ftruncate(self._descriptor, self._size)
            raise JournalError(
                f"cannot write {self._path}: {error}; free some space and run the same "
                "command again: nothing recorded so far is lost"
            ) from error
        self._size += len(line)

    def close(self) -> None:
        """Close the file and release the lock; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        self._lock.release()

    def _check(self) -> None:
        """Cut off what an interrupted write left; refuse a file that is no longer ours."""
        if self._descriptor is None or not self._lock.held():
            raise JournalError(
                f"the lock of {self._path} is gone: the folder was removed, or another process "
                "has taken it over because this one showed no life; run the same command again"
            )
        there = os.fstat(self._descriptor)
        if there.st_nlink == 0 or there.st_size < self._size:
            raise JournalError(
                f"{self._path} was removed or shortened while it was written: restore it, or run "
                "the same command again with what is left"
            )
        if there.st_size > self._size:
            os.ftruncate(self._descriptor, self._size)


def _write_whole(descriptor: int, line: bytes) -> None:
    """Write and sync one line, or raise OSError: a full disk writes a part and says so."""
    written = os.write(descriptor, line)
    if written != len(line):
        raise OSError(f"{written} of {len(line)} bytes written")
    os.fsync(descriptor)
