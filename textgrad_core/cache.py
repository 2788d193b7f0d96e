"""Outcomes of deterministic instruments, shared between runs in one sqlite file.

Values are JSON, never pickled. An outcome is kept under the digest of everything that shapes
it; `Unmeasured` is never kept. The cache saves work, it is never needed: if the file cannot be
used, a warning is logged and the run goes on without.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
import threading
from pathlib import Path

from textgrad_core.jsondata import JSON, canonical_json

log = logging.getLogger("textgrad_core")


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


class EvaluationCache:
    """Key to outcome, on disk.

    Args:
        path: The file; its folder is made at first use.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is opened yet."""
        self._path = path
        self._guard = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._broken = False

    def get(self, key: str) -> dict[str, JSON] | None:
        """The outcome kept under a key, as `outcome_to_json` wrote it."""
        with self._guard:
            database = self._open()
            if database is None:
                return None
            try:
                row = database.execute(
                    "select value from outcomes where key = ?", (key,)
                ).fetchone()
                value = json.loads(row[0]) if row else None
            except (sqlite3.Error, ValueError) as error:
                self._give_up(error)
                return None
        return value if isinstance(value, dict) else None

    def put(self, key: str, value: dict[str, JSON]) -> None:
        """Keep an outcome; the first one kept under a key stays."""
        with self._guard:
            database = self._open()
            if database is None:
                return
            try:
                with database:
                    database.execute(
                        "insert or ignore into outcomes (key, value) values (?, ?)",
                        # bytes, because sqlite's text cannot hold a lone surrogate
                        (key, canonical_json(value).encode("utf-8", "surrogatepass")),
                    )
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
                database = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
                database.execute("pragma journal_mode = wal").fetchone()
                database.execute("pragma synchronous = normal")
                database.execute(
                    "create table if not exists outcomes "
                    "(key text primary key, value text not null)"
                )
                database.commit()
            except (sqlite3.Error, OSError) as error:
                if database is not None:
                    database.close()
                self._give_up(error)
                return None
            self._database = database
        return self._database

    def _give_up(self, error: Exception) -> None:
        log.warning("the evaluation cache %s is not used: %s", self._path, error)
        self._broken = True
        if self._database is not None:
            self._database.close()
            self._database = None
