"""Owners on other machines: believed as long as they show life, overcome when they do not."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from textgrad_core import filelock, heartbeat
from textgrad_core.cache import EvaluationCache
from textgrad_core.claims import claim_or_result
from textgrad_core.errors import JournalBusy
from textgrad_core.filelock import FileLock
from textgrad_core.heartbeat import Heart, Watch, silence_s
from textgrad_core.ownerfile import OwnerFile, Undecided, this_process

posix = pytest.mark.skipif(os.name != "posix", reason="platform: stops and forks processes")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads when a process started")
ELSEWHERE = ("another-machine.example", 41, "boot/7")
FAST_S = 0.05

HOLDER = """
import errno, socket, sys
from pathlib import Path
from textgrad_core import filelock, heartbeat
from textgrad_core.errors import JournalError
from textgrad_core.journal import Journal

def no(_):
    raise OSError(errno.ENOLCK, "")

heartbeat.INTERVAL_S = float(sys.argv[2])
filelock._lock = no
socket.gethostname = lambda: "another-machine.example"
journal = Journal(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
try:
    journal.note("step", "late", {})
    print("written", flush=True)
except JournalError as error:
    print(error, flush=True)
journal.close()
"""


def unsupported(_: int) -> None:
    raise OSError(errno.ENOLCK, "no locks available")


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL_S", FAST_S)


@pytest.fixture
def lockless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filelock, "_lock", unsupported)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def left_by(path: Path, owner: object, sign: str = "abc 1") -> None:
    path.write_text(f"{json.dumps(owner)}\n{sign}\n", "utf-8")


@contextmanager
def holder(path: Path, interval_s: float = FAST_S) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), str(interval_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_an_owner_elsewhere_is_overcome_after_its_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "lock", Clock()
    watch = Watch(clock)
    left_by(path, ELSEWHERE)
    for now_s in (0.0, silence_s() / 2, silence_s() * 0.99):
        clock.now_s = now_s
        with pytest.raises(Undecided, match=r"process 41 on another-machine\.example"):
            OwnerFile(path, watch=watch)
    clock.now_s = silence_s()
    with caplog.at_level(logging.WARNING, logger="textgrad_core"):
        lock = OwnerFile(path, watch=watch)
    assert "process 41 on another-machine.example" in caplog.text
    assert lock.held()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_every_sign_of_life_begins_the_silence_anew(tmp_path: Path) -> None:
    path, clock = tmp_path / "lock", Clock()
    watch = Watch(clock)
    for beat in range(5):
        left_by(path, ELSEWHERE, f"abc {beat}")
        clock.now_s += silence_s() * 0.99
        with pytest.raises(Undecided):
            OwnerFile(path, watch=watch)
    assert clock.now_s > 4 * silence_s()


@pytest.mark.parametrize("content", ["", "{}", '["host"', "no owner at all\nat all\n"])
def test_what_names_nobody_is_overcome_too(tmp_path: Path, content: str) -> None:
    """A process was killed, or its disk full, between making the file and writing it."""
    path, clock = tmp_path / "lock", Clock()
    watch = Watch(clock)
    path.write_text(content, "utf-8")
    with pytest.raises(Undecided, match="another process"):
        OwnerFile(path, watch=watch)
    clock.now_s = silence_s()
    OwnerFile(path, watch=watch).release()


@linux
def test_a_silent_process_of_this_machine_is_believed_as_long_as_it_runs(tmp_path: Path) -> None:
    path, clock = tmp_path / "lock", Clock()
    watch = Watch(clock)
    left_by(path, this_process())
    for _ in range(3):
        clock.now_s += 10 * silence_s()
        with pytest.raises(BlockingIOError) as caught:
            OwnerFile(path, watch=watch)
        assert not isinstance(caught.value, Undecided)


@linux
def test_a_process_number_of_another_start_or_container_says_nothing(tmp_path: Path) -> None:
    path, clock = tmp_path / "lock", Clock()
    watch = Watch(clock)
    host, _, started = this_process()
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    left_by(path, (host, done.pid, f"other-{started}"))
    with pytest.raises(Undecided):
        OwnerFile(path, watch=watch)
    clock.now_s = silence_s()
    OwnerFile(path, watch=watch).release()


def test_an_owner_beats_while_it_holds_and_not_longer(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = OwnerFile(path)
    seen = set()
    for _ in range(3):
        assert lock.beat()
        seen.add(path.read_bytes())
    assert len(seen) == 3
    assert len({len(content) for content in seen}) == 1
    assert json.loads(path.read_text("utf-8").splitlines()[0]) == list(this_process())
    lock.release()
    assert not lock.beat()
    assert not path.exists()


def test_a_beat_that_fails_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lock"
    lock = OwnerFile(path)
    before = path.read_bytes()
    with monkeypatch.context() as away:

        def stale(*_: object) -> None:
            raise OSError(errno.ESTALE, "Stale file handle")

        away.setattr(Path, "open", stale)
        assert lock.beat()
    assert "Stale file handle" in caplog.text
    assert path.read_bytes() == before
    assert lock.beat()
    assert path.read_bytes() != before
    lock.release()


def test_who_was_overcome_finds_out_and_removes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lock"
    first = OwnerFile(path)
    left_by(path, ELSEWHERE)
    assert not first.held()
    assert not first.beat()
    assert "another process has taken this over" in caplog.text
    first.release()
    assert json.loads(path.read_text("utf-8").splitlines()[0]) == list(ELSEWHERE)


def test_who_dies_while_taking_over_is_overcome_as_well(tmp_path: Path) -> None:
    path, clock = tmp_path / "lock", Clock()
    watch = Watch(clock)
    left_by(path, ELSEWHERE)
    left_by(tmp_path / "lock.takeover", ("a-third-machine.example", 3, ""))
    for now_s in (0.0, silence_s()):  # the file, then also the guard is first looked at
        clock.now_s = now_s
        with pytest.raises(Undecided):
            OwnerFile(path, watch=watch)
    clock.now_s = 2 * silence_s()
    with pytest.raises(Undecided):
        OwnerFile(path, watch=watch)
    OwnerFile(path, watch=watch).release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("lockless")
def test_a_living_process_elsewhere_is_not_overcome_and_a_killed_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run" / "j.lock"
    monkeypatch.setattr(heartbeat, "INTERVAL_S", 40 * FAST_S)  # believed for long, shown often
    with holder(path.with_suffix(".jsonl")) as process:
        for patient in (False, True):
            with pytest.raises(JournalBusy, match=rf"process {process.pid} on another-machine"):
                FileLock(path, patient=patient)
        process.kill()
        process.wait()
        monkeypatch.setattr(heartbeat, "INTERVAL_S", FAST_S)
        heartbeat.watch.forget(path.with_name("j.lock.owner"))
        with pytest.raises(JournalBusy):
            FileLock(path)
        with caplog.at_level(logging.WARNING, logger="textgrad_core"):
            FileLock(path, patient=True).release()
    assert f"taken over from process {process.pid} on another-machine.example" in caplog.text


@posix
@pytest.mark.usefixtures("fast", "lockless")
def test_a_process_that_was_only_suspended_writes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "run" / "j.jsonl"
    with holder(path) as process:
        os.kill(process.pid, signal.SIGSTOP)
        lock = FileLock(path.with_suffix(".lock"), patient=True)
        before = path.read_bytes()
        os.kill(process.pid, signal.SIGCONT)
        told, _ = process.communicate("go on\n", timeout=60)
        assert "another process has taken it over" in told.replace("\n", " ")
        assert process.returncode == 0
    assert path.read_bytes() == before
    assert lock.held()
    lock.release()


@pytest.mark.usefixtures("fast", "lockless")
def test_a_claim_from_elsewhere_is_waited_for_no_longer_than_its_silence(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path / "c.sqlite3")
    folder = tmp_path / "c.sqlite3.claims"
    folder.mkdir()
    left_by(folder / "key.owner", ELSEWHERE)
    claim, kept = asyncio.run(claim_or_result(cache, "key", lambda: None, longest_s=3600))
    assert claim is not None
    assert kept is None
    claim.release()
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: needs fork")
def test_a_forked_child_gives_nothing_of_its_parent_s_back(tmp_path: Path) -> None:
    code = (
        "import errno, os, sys\n"
        "from pathlib import Path\n"
        "from textgrad_core.filelock import FileLock\n"
        "def no(_):\n    raise OSError(errno.ENOLCK, '')\n"
        "lock = FileLock(Path(sys.argv[1]), no)\n"
        "if os.fork() == 0:\n    lock.release()\n    os._exit(0)\n"
        "os.wait()\n"
        "print(lock.held())\n"
        "lock.release()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "lock")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "True\n"
    assert [p.name for p in tmp_path.iterdir()] == ["lock"]


class Counted:
    """Beats until it has beaten enough."""

    def __init__(self, enough: int) -> None:
        self.beats, self.enough = 0, enough

    def beat(self) -> bool:
        self.beats += 1
        return self.beats < self.enough


def test_a_heart_stops_with_its_last_member_and_starts_again() -> None:
    heart = Heart(0.001)
    for _ in range(2):
        members = [Counted(3), Counted(1)]
        for member in members:
            heart.start(member)
        thread = heart._thread
        assert thread is not None
        assert thread.daemon
        thread.join(60)
        assert [m.beats for m in members] == [3, 1]
        heart.stop(members[0])
