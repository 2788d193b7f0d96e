"""A journal whose disk, folder or lock fails under it: nothing torn, nothing lost unnoticed."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from textgrad_core import filelock
from textgrad_core.errors import JournalError
from textgrad_core.journal import Journal
from textgrad_core.journal_lines import read_entries
from textgrad_core.jsondata import JSON

posix = pytest.mark.skipif(os.name != "posix", reason="platform: removes open files")


def perform(journal: Journal, site: str) -> JSON:
    async def effect() -> JSON:
        return f"result of {site}"

    return asyncio.run(journal.perform("model", site, None, effect))[0]


def sites(path: Path) -> list[str]:
    entries, size = read_entries(path)
    assert size == path.stat().st_size
    assert [e.number for e in entries] == list(range(len(entries)))
    return [e.site for e in entries]


def half(error: BaseException) -> Callable[[int, bytes], int]:
    """A write that brings half of a line to the disk and then fails."""
    real = os.write

    def write(descriptor: int, line: bytes) -> int:
        real(descriptor, line[: len(line) // 2])
        raise error

    return write


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_could_be_neither_finished_nor_removed_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    perform(journal, "one")
    with monkeypatch.context() as failing:
        failing.setattr(os, "write", half(OSError(errno.ENOSPC, "No space left on device")))
        failing.setattr(os, "ftruncate", no_space)
        with pytest.raises(JournalError, match=r"No space left.*nothing recorded so far is lost"):
            perform(journal, "two")
    assert read_entries(path)[1] < path.stat().st_size  # half of a line is there
    perform(journal, "two")
    perform(journal, "three")
    journal.close()
    assert sites(path) == ["run", "one", "two", "three"]


def test_a_write_that_was_interrupted_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    for write in (half(KeyboardInterrupt()), None):
        with monkeypatch.context() as failing:
            if write is None:  # the line is whole, but nobody knows
                failing.setattr(os, "fsync", half_done)
            else:
                failing.setattr(os, "write", write)
            with pytest.raises(KeyboardInterrupt):
                journal.note("step", "one", {})
    perform(journal, "two")
    journal.close()
    assert sites(path) == ["run", "two"]


def half_done(_: int) -> None:
    raise KeyboardInterrupt


@posix
@pytest.mark.parametrize("gone", ["folder", "journal", "lock"])
def test_what_vanishes_under_a_run_is_noticed(tmp_path: Path, gone: str) -> None:
    path = tmp_path / "run" / "j.jsonl"
    journal = Journal(path)
    perform(journal, "one")
    if gone == "folder":
        shutil.rmtree(path.parent)
    else:
        (path if gone == "journal" else path.with_suffix(".lock")).unlink()
    with pytest.raises(JournalError, match="removed"):
        perform(journal, "two")
    journal.close()
    again = Journal(path)
    perform(again, "two")
    again.close()
    assert sites(path) == (["run", "one", "two"] if gone == "lock" else ["run", "two"])


def test_a_journal_that_somebody_shortened_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    perform(journal, "one")
    os.truncate(path, path.stat().st_size - 10)
    with pytest.raises(JournalError, match="shortened"):
        perform(journal, "two")
    journal.close()
    Journal(path).close()
    assert sites(path) == ["run"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_can_still_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    perform(journal, "one")
    journal.close()
    real = os.open

    def readable(where: str | os.PathLike[str], flags: int, *more: int, **named: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(number, os.strerror(number), str(where))
        return real(where, flags, *more, **named)

    monkeypatch.setattr(os, "open", readable)
    with pytest.raises(JournalError, match=f"cannot use .*{os.strerror(number)}.*another one"):
        Journal(path)
    replay = Journal(path, mode="replay")
    assert perform(replay, "one") == "result of one"
    replay.close()


def test_a_disk_that_was_full_from_the_start_leaves_an_empty_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "j.jsonl"
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", no_space)
        with pytest.raises(JournalError, match="free some space"):
            Journal(path)
    Journal(path).close()
    assert sites(path) == ["run"]


def test_a_lock_that_was_given_back_protects_no_writer(tmp_path: Path) -> None:
    """At the end of a process threads may still work when its locks are gone."""
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    filelock.release_all()
    with pytest.raises(JournalError, match="lock"):
        perform(journal, "late")
    journal.close()
    assert sites(path) == ["run"]
