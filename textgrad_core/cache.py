"""What is shared between runs, in sqlite files: outcomes of instruments, replies of models.

Values are JSON, never pickled, each under the digest of everything that shapes it. A cache
saves work, it is never needed: if the file cannot be used, a warning is logged and the run goes
on without. One that can be read and not written, as on a full disk, is read.

sqlite's write-ahead log does not work on network file systems. Where it is refused, the
rollback journal is used: slower, and as safe.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from textgrad_core.errors import JournalBusy
from textgrad_core.filelock import FileLock
from textgrad_core.jsondata import JSON, canonical_json
from textgrad_core.logs import log

Connect = Callable[[Path], sqlite3.Connection]


def connect(path: Path) -> sqlite3.Connection:
    """Open a file that several threads and processes use."""
    return sqlite3.connect(path, timeout=10, check_same_thread=False)


def default_cache_path() -> Path:
    """``TEXTGRAD_CACHE`` if set, else ``textgrad/evaluations.sqlite3`` in the user's cache."""
    named = os.environ.get("TEXTGRAD_CACHE")
    if named:
        return Path(named).expanduser() / "evaluations.sqlite3"
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        folder = Path(base)
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        folder = Path.home() / ".cache"
    return folder / "textgrad" / "evaluations.sqlite3"


class JsonFile:
    """Key to JSON object, in one table of a sqlite file.

    Args:
        path: The file; its folder is made at first use.
        connect: Opens it.
    """

    table = "entries"
    what = "cache"

    def __init__(self, path: Path, connect: Connect = connect) -> None:
        """Remember the path; nothing is opened yet."""
        self._path, self._connect = path, connect
        self._guard = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._broken = False
        self._writable = True

    def get(self, key: str) -> dict[str, JSON] | None:
        """What is kept under a key, as it was put."""
        with self._guard:
            database = self._open()
            if database is None:
                return None
            try:
                row = database.execute(
                    f"select value from {self.table} where key = ?",  # noqa: S608 - a constant
                    (key,),
                ).fetchone()
                value = json.loads(row[0]) if row else None
            except (sqlite3.Error, ValueError) as error:
                self._give_up(error)
                return None
        return value if isinstance(value, dict) else None

    def put(self, key: str, value: dict[str, JSON]) -> None:
        """Keep a value; the first one kept under a key stays."""
        with self._guard:
            database = self._open()
            if database is None or not self._writable:
                return
            try:
                with database:
                    database.execute(
                        f"insert or ignore into {self.table} "  # noqa: S608 - a constant
                        "(key, value) values (?, ?)",
                        # bytes, because sqlite's text cannot hold a lone surrogate
                        (key, canonical_json(value).encode("utf-8", "surrogatepass")),
                    )
            except sqlite3.OperationalError as error:
                self._only_read(error)
            except sqlite3.Error as error:
                self._give_up(error)

    def close(self) -> None:
        """Close the file; it opens again when used again."""
        with self._guard:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _open(self) -> sqlite3.Connection | None:
        if self._broken:
            return None
        if self._database is None:
            database: sqlite3.Connection | None = None
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                database = self._connect(self._path)
                _choose_journal(database)
                self._make_table(database)
            except (sqlite3.Error, OSError) as error:
                if database is not None:
                    database.close()
                self._give_up(error)
                return None
            self._database = database
        return self._database

    def _make_table(self, database: sqlite3.Connection) -> None:
        """Make the table unless there is one; a file that cannot be written may hold it."""
        try:
            database.execute(
                f"create table if not exists {self.table} "
                "(key text primary key, value text not null)"
            )
            database.commit()
        except sqlite3.OperationalError as error:
            named = "select name from sqlite_master where type = 'table' and name = ?"
            if database.execute(named, (self.table,)).fetchone() is None:
                raise
            self._only_read(error)

    def _only_read(self, error: sqlite3.OperationalError) -> None:
        if (
            getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        ):  # the next one may be luckier
            log.info("the %s %s was busy: %s", self.what, self._path, error)
            return
        if self._writable:
            log.warning("nothing more is kept in the %s %s: %s", self.what, self._path, error)
        self._writable = False

    def _give_up(self, error: Exception) -> None:
        log.warning("the %s %s is not used: %s", self.what, self._path, error)
        self._broken = True
        if self._database is not None:
            self._database.close()
            self._database = None

    def claim(self, key: str) -> Claim | None:
        """The right to work on what a key stands for; None while another process has it.

        A process that dies gives its claims back.
        """
        if self._broken or not self._writable:
            return Claim(None)
        folder = self._path.with_name(f"{self._path.name}.claims")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return Claim(FileLock(folder / key, temporary=True))
        except JournalBusy:
            return None
        except OSError as error:
            log.warning("%s cannot be locked, so work may be done twice: %s", folder, error)
            return Claim(None)


class EvaluationCache(JsonFile):
    """Outcomes of deterministic instruments, as `outcome_to_json` writes them.

    `Unmeasured` is never kept. Whoever measures a value claims its key first, so that processes
    that share the file measure it once.
    """

    table = "outcomes"
    what = "evaluation cache"


class Claim:
    """The right to work on one key; without a lock it protects from nobody."""

    def __init__(self, lock: FileLock | None) -> None:
        """Hold the lock."""
        self._lock = lock

    def release(self) -> None:
        """Give the right back."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


class ReplyCache(JsonFile):
    """Complete replies of models; see `textgrad_core.engine.cached`."""

    table = "replies"
    what = "reply cache"


def _choose_journal(database: sqlite3.Connection) -> None:
    """The write-ahead log where the file system can hold it, else the rollback journal."""
    try:
        mode = database.execute("pragma journal_mode = wal").fetchone()
    except sqlite3.OperationalError as error:
        log.info("no write-ahead log here: %s", error)
        mode = None
    if mode is not None and str(mode[0]).lower() == "wal":
        database.execute("pragma synchronous = normal")
        return
    database.execute("pragma synchronous = full")  # the rollback journal is sqlite's default
