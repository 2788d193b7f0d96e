"""The journal against other processes, kills and full disks: real ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from textgrad_core.errors import JournalBusy
from textgrad_core.filelock import FileLock
from textgrad_core.journal import Journal
from textgrad_core.journal_lines import read_entries

posix = pytest.mark.skipif(sys.platform == "win32", reason="platform: signals and limits of POSIX")

WRITER = """
import asyncio, sys
from pathlib import Path
from textgrad_core.journal import Journal

async def effect():
    return "x" * 300

journal = Journal(Path(sys.argv[1]), settings={"seed": 1})
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    _, recalled = asyncio.run(journal.perform("model", f"site {number}", {"n": number}, effect))
    print(number, int(recalled), flush=True)
sys.stdin.read()
"""

FULL_DISK = """
import asyncio, json, os, resource, sys
from pathlib import Path
from textgrad_core.errors import JournalError
from textgrad_core.journal import Journal

path = Path(sys.argv[1])
told = []
journal = Journal(path, listeners=[lambda entry: told.append(entry.site)])

async def effect():
    return "x" * 200

def perform(number):
    asyncio.run(journal.perform("model", f"site {number}", {"n": number}, effect))

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

perform(0)
before = path.stat().st_size
limit(before + 50)
errors = []
for _ in range(2):
    try:
        perform(1)
    except JournalError as error:
        errors.append(str(error))
whole = path.stat().st_size == before
limit(resource.RLIM_INFINITY)
perform(1)
perform(2)
journal.close()
print(json.dumps({"errors": errors, "whole": whole, "told": told}))
"""


@contextmanager
def writer(path: Path, count: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(path), str(count)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_is_refused_by_the_number_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "run" / "journal.jsonl"
    with writer(path, 0) as process:
        assert next_line(process) == "ready"
        with pytest.raises(JournalBusy, match=rf"process {process.pid}\b") as caught:
            Journal(path, settings={"seed": 1})
        assert str(path.parent) in str(caught.value)
        reader = Journal(path, settings={"seed": 1}, mode="replay")
        assert [e.site for e in reader.entries()] == ["run"]
    Journal(path, settings={"seed": 1}).close()  # its death gives the lock back


@posix
def test_a_kill_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    acknowledged = -1
    for more in (5, 9, 3):
        wanted = acknowledged + more
        with writer(path, 10_000) as process:
            assert next_line(process) == "ready"
            while acknowledged < wanted:
                number, recalled = map(int, next_line(process).split())
                if number <= acknowledged:
                    assert recalled, f"entry {number} was paid for twice"
                acknowledged = max(acknowledged, number)
            os.kill(process.pid, signal.SIGKILL)  # it is writing the next ones meanwhile
            assert process.wait() == -signal.SIGKILL
        Journal(path, settings={"seed": 1}).close()  # drops a torn line, if there is one
        sites = [e.site for e in read_entries(path)[0]]
        assert len(sites) > acknowledged + 1
        assert sites == ["run", *(f"site {n}" for n in range(len(sites) - 1))]


@posix
def test_a_full_disk_tears_nothing_and_writing_works_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout)
    assert len(seen["errors"]) == 2
    for message in seen["errors"]:
        assert str(path) in message
        assert "free some space" in message
    assert seen["whole"]
    assert seen["told"] == ["run", "site 0", "site 1", "site 2"]
    entries, size = read_entries(path)
    assert [e.site for e in entries] == ["run", "site 0", "site 1", "site 2"]
    assert [e.number for e in entries] == [0, 1, 2, 3]
    assert size == path.stat().st_size


def test_a_lock_names_its_holder_and_can_be_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    first = FileLock(path)
    assert path.read_text("ascii") == str(os.getpid())
    with pytest.raises(JournalBusy, match=str(os.getpid())):
        FileLock(path)
    first.release()
    first.release()
    assert path.read_text("ascii") == ""
    FileLock(path).release()


def test_what_a_dead_process_left_in_the_lock_file_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    path.write_text("99999999 and more", "ascii")
    lock = FileLock(path)
    assert path.read_text("ascii") == str(os.getpid())
    lock.release()


@posix
def test_a_program_started_meanwhile_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "run.lock")
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    try:
        lock.release()
        FileLock(tmp_path / "run.lock").release()
    finally:
        child.communicate(b"")
