"""Locks where the file system has none: taken over from the dead, never from the living."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from textgrad_core.errors import JournalBusy
from textgrad_core.filelock import FileLock
from textgrad_core.ownerfile import Owner, OwnerFile, is_dead, this_process

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads when a process started")
posix = pytest.mark.skipif(os.name != "posix", reason="asks the system about processes")


def unsupported(_: int) -> None:
    raise OSError(errno.ENOLCK, "no locks available")


def left_by(path: Path, owner: Owner) -> None:
    path.write_text(json.dumps(owner), "utf-8")


def named_in(path: Path) -> object:
    return json.loads(path.read_text("utf-8").splitlines()[0])


def ended_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_it_is_held_once_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = OwnerFile(path)
    with pytest.raises(BlockingIOError, match=f"process {os.getpid()} on"):
        OwnerFile(path)
    first.release()
    first.release()
    assert list(tmp_path.iterdir()) == []
    OwnerFile(path).release()


@posix
def test_a_dead_process_s_file_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    left_by(path, (socket.gethostname(), ended_process(), ""))
    lock = OwnerFile(path)
    assert named_in(path) == list(this_process())
    lock.release()
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_number_that_now_belongs_to_another_process_is_a_dead_owner() -> None:
    host, number, started = this_process()
    assert started
    assert not is_dead((host, number, started))
    assert is_dead((host, number, f"{started}0"))
    assert not is_dead((host, number, ""))  # it did not say, so nobody can tell


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(["another-machine.example", 1, ""]),
        "",
        "{}",
        '["host"',
        json.dumps([socket.gethostname(), "1", ""]),
        json.dumps([socket.gethostname(), 10**30, ""]),
    ],
)
def test_what_may_be_somebody_s_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lock"
    path.write_text(content, "utf-8")
    with pytest.raises(BlockingIOError, match="remove"):
        OwnerFile(path)
    assert path.read_text("utf-8") == content


@posix
def test_whoever_is_faster_at_taking_over_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    gone = (socket.gethostname(), ended_process(), "")
    left_by(path, gone)
    quick: list[OwnerFile] = []

    def slow_to_judge(owner: Owner) -> bool:
        if not quick:  # the other one comes between the look and the removal
            quick.append(OwnerFile(path))
        return is_dead(owner)

    with pytest.raises(BlockingIOError, match=f"process {os.getpid()}"):
        OwnerFile(path, slow_to_judge)
    assert named_in(path) == list(this_process())
    assert [p.name for p in tmp_path.iterdir()] == ["lock"]


def test_a_file_lock_falls_back_and_says_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    first = FileLock(path, unsupported)
    with pytest.raises(JournalBusy, match=f"written by process {os.getpid()} on"):
        FileLock(path, unsupported)
    first.release()
    FileLock(path, unsupported, temporary=True).release()
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_run_whose_process_was_killed_can_go_on_without_system_locks(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    code = (
        "import errno, os, sys\n"
        "from pathlib import Path\n"
        "from textgrad_core.filelock import FileLock\n"
        "def no(_):\n    raise OSError(errno.ENOLCK, '')\n"
        "lock = FileLock(Path(sys.argv[1]), no)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalBusy, match=f"process {holder.pid} on"):
            FileLock(path, unsupported)
        holder.kill()
    FileLock(path, unsupported).release()


def test_a_removed_lock_file_is_not_held_by_who_opened_it_before(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = FileLock(path, temporary=True)
    opened: list[int] = []

    def late(descriptor: int) -> None:
        if not opened:  # the holder removes the file between open and lock
            opened.append(descriptor)
            first.release()

    second = FileLock(path, late, temporary=True)
    assert path.exists()
    assert path.read_text("ascii") == str(os.getpid())
    second.release()
    assert not path.exists()
