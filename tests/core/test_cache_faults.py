"""A cache whose disk is full or read-only: what it holds is still used, and nothing fails."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from textgrad_core.cache import EvaluationCache

READ_ONLY = "attempt to write a readonly database"
FULL = "database or disk is full"
DAMAGED = "database disk image is malformed"


def kept(path: Path) -> None:
    cache = EvaluationCache(path)
    cache.put("old", {"n": 1})
    cache.close()


class Refusing(sqlite3.Connection):
    """Reads, and answers every write as the system would."""

    why, code = READ_ONLY, sqlite3.SQLITE_READONLY

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if sql.startswith(("insert", "create")) or "= wal" in sql:
            refusal = sqlite3.OperationalError(self.why)
            refusal.sqlite_errorcode = self.code
            raise refusal
        return super().execute(sql, *rest)


class FullDisk(Refusing):
    why, code = FULL, sqlite3.SQLITE_FULL


class Failing(sqlite3.Connection):
    """Opens, then turns out to be damaged."""

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if sql.startswith(("insert", "select value")):
            raise sqlite3.DatabaseError(DAMAGED)
        return super().execute(sql, *rest)


@pytest.mark.parametrize("kind", [Refusing, FullDisk])
def test_a_cache_that_cannot_be_written_is_still_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: type[Refusing]
) -> None:
    path = tmp_path / "c.sqlite3"
    kept(path)
    cache = EvaluationCache(path, lambda p: sqlite3.connect(p, factory=kind))
    with caplog.at_level(logging.WARNING, logger="textgrad_core"):
        for n in range(5):
            assert cache.get("old") == {"n": 1}
            cache.put(f"new {n}", {"n": n})
            assert cache.get(f"new {n}") is None
    cache.close()
    told = [r.message for r in caplog.records]
    assert len(told) == 1, told
    assert str(path) in told[0]
    assert kind.why in told[0]
    assert EvaluationCache(path).get("new 0") is None


def test_a_real_read_only_file_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "c.sqlite3"
    kept(path)

    def read_only(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    cache = EvaluationCache(path, read_only)
    assert cache.get("old") == {"n": 1}
    cache.put("new", {"n": 2})
    assert cache.get("old") == {"n": 1}
    assert cache.get("new") is None
    cache.close()
    assert "readonly" in caplog.text


def test_nothing_is_claimed_for_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    kept(path)
    cache = EvaluationCache(path, lambda p: sqlite3.connect(p, factory=Refusing))
    cache.put("new", {"n": 2})
    first, second = cache.claim("key"), cache.claim("key")
    assert first is not None
    assert second is not None  # nobody could pass a result on, so nobody waits for one
    assert not (tmp_path / "c.sqlite3.claims").exists()
    cache.close()


def test_a_damaged_cache_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "c.sqlite3"
    kept(path)
    cache = EvaluationCache(path, lambda p: sqlite3.connect(p, factory=Failing))
    assert cache.get("old") is None
    cache.put("new", {"n": 2})
    assert cache.get("old") is None
    assert [DAMAGED in r.message for r in caplog.records] == [True]
    cache.close()


def test_a_file_that_is_busy_for_too_long_misses_one_entry_only(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    kept(path)
    cache = EvaluationCache(path, lambda p: sqlite3.connect(p, timeout=0))
    assert cache.get("old") == {"n": 1}
    other = sqlite3.connect(path)
    other.execute("begin immediate")
    cache.put("missed", {"n": 2})
    other.rollback()
    other.close()
    cache.put("kept", {"n": 3})
    assert cache.get("missed") is None
    assert cache.get("kept") == {"n": 3}
    cache.close()
