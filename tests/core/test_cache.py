"""The cache of outcomes: kept exactly, shared, and never a reason to fail."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from strategies import json_objects
from textgrad_core.cache import EvaluationCache, default_cache_path
from textgrad_core.jsondata import JSON

COMMON_WRITER = """
import sys
from pathlib import Path
from textgrad_core.cache import EvaluationCache
cache = EvaluationCache(Path(sys.argv[1]))
for n in range(60):
    cache.put(f"key {n}", {"by": sys.argv[2], "n": n})
cache.close()
"""


@given(value=json_objects())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_outcome_comes_back(value: dict[str, JSON], tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    path.unlink(missing_ok=True)
    cache = EvaluationCache(path)
    assert cache.get("k") is None
    cache.put("k", value)
    cache.close()
    found = cache.get("k")  # opens again
    cache.close()
    assert json.dumps(found, sort_keys=True) == json.dumps(value, sort_keys=True)


def test_the_first_outcome_stays(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path / "c.sqlite3")
    cache.put("k", {"n": 1})
    cache.put("k", {"n": 2})
    assert cache.get("k") == {"n": 1}
    assert cache.get("other") is None
    cache.close()


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    EvaluationCache(tmp_path / "deep" / "c.sqlite3").close()
    assert list(tmp_path.iterdir()) == []


def test_threads_share_one_cache(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path / "c.sqlite3")

    def use(n: int) -> JSON:
        cache.put(f"key {n % 7}", {"n": n % 7})
        found = cache.get(f"key {n % 7}")
        return None if found is None else found["n"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(70))) == [n % 7 for n in range(70)]
    cache.close()


def test_processes_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    writers = [
        subprocess.Popen([sys.executable, "-c", COMMON_WRITER, str(path), str(w)])
        for w in range(3)
    ]
    assert [w.wait() for w in writers] == [0, 0, 0]
    cache = EvaluationCache(path)
    found = [cache.get(f"key {n}") for n in range(60)]
    cache.close()
    assert [f["n"] for f in found if f is not None] == list(range(60))


def test_a_file_that_is_no_database_is_reported_once_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "c.sqlite3"
    path.write_text("not a database at all, only some text", "utf-8")
    cache = EvaluationCache(path)
    with caplog.at_level(logging.WARNING, logger="textgrad_core"):
        assert cache.get("k") is None
        cache.put("k", {"n": 1})
        assert cache.get("k") is None
    cache.close()
    assert [r.message.count(str(path)) for r in caplog.records] == [1]
    assert path.read_text("utf-8").startswith("not a database")


def test_a_folder_that_cannot_be_made_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cache = EvaluationCache(tmp_path / "file" / "c.sqlite3")
    with caplog.at_level(logging.WARNING, logger="textgrad_core"):
        cache.put("k", {"n": 1})
    assert cache.get("k") is None
    assert "is not used" in caplog.text


@pytest.mark.parametrize("stored", ["[1", "[1, 2]", "3"])
def test_an_entry_that_is_no_outcome_is_no_entry(tmp_path: Path, stored: str) -> None:
    path = tmp_path / "c.sqlite3"
    cache = EvaluationCache(path)
    cache.put("other", {})
    cache.close()
    database = sqlite3.connect(path)
    with database:
        database.execute("insert into outcomes values ('k', ?)", (stored,))
    database.close()
    assert cache.get("k") is None
    cache.close()


def test_the_default_place_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEXTGRAD_CACHE", str(tmp_path / "mine"))
    assert default_cache_path() == tmp_path / "mine" / "evaluations.sqlite3"
    monkeypatch.delenv("TEXTGRAD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache_path() == tmp_path / "xdg" / "textgrad" / "evaluations.sqlite3"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_path().name == "evaluations.sqlite3"
    assert "textgrad" in default_cache_path().parts
