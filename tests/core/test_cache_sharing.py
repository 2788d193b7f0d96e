"""One cache, several askers: measured once, whoever asks, dies or works on a network share."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from slow_toy import SlowToy
from textgrad_core import cache as caches
from textgrad_core import filelock
from textgrad_core.cache import EvaluationCache, ReplyCache
from textgrad_core.domain import EvaluationContext
from textgrad_core.outcome import Evaluated, Outcome, Unmeasured
from textgrad_core.ownerfile import OwnerFile
from textgrad_core.run import Run
from textgrad_core.runtime import start, wait
from toy_domain import ToyDomain

posix = pytest.mark.skipif(os.name != "posix", reason="kills processes")
SCREEN = EvaluationContext(tier="screen")
WORDS = ("ACGT", "AAAT", "CCGT", "TTGT", "GAGA", "CACA")
HELPERS = Path(__file__).parents[1] / "helpers"

MEASURE_ALL = """
import asyncio, errno, sys
from pathlib import Path
from slow_toy import SlowToy
from textgrad_core.cache import EvaluationCache
from textgrad_core.domain import EvaluationContext
from textgrad_core.run import Run
from textgrad_core import filelock

def unsupported(_):
    raise OSError(errno.ENOLCK, "no locks available")

cache, counter, gate = (Path(a) for a in sys.argv[1:4])
words = sys.argv[4:]
if words[0] == "without locks":
    words.pop(0)
    filelock._lock = unsupported
domain = SlowToy(counter=str(counter), gate=str(gate))
context = EvaluationContext(tier="screen")

async def everything(run):
    print("ready", flush=True)
    sys.stdin.readline()
    work = [run.evaluate(domain, w, context, f"at {w}") for w in words]
    return await asyncio.gather(*work)

with Run(cache=EvaluationCache(cache)) as run:
    outcomes = asyncio.run(everything(run))
    print(run.evaluations_run, *(o.scores["distance"] for o in outcomes), flush=True)
"""


def process(*arguments: object) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(HELPERS), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-c", MEASURE_ALL, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def say(child: subprocess.Popen[str], line: str) -> None:
    assert child.stdin is not None
    child.stdin.write(f"{line}\n")
    child.stdin.flush()


def hear(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@pytest.mark.parametrize("first", [(), ("without locks",)])
def test_two_processes_on_one_cache_measure_everything_once(
    tmp_path: Path, first: tuple[str, ...]
) -> None:
    cache, counter = tmp_path / "c.sqlite3", tmp_path / "uses"
    (gate := tmp_path / "gate").touch()
    children = [process(cache, counter, gate, *first, *WORDS) for _ in range(3)]
    for child in children:
        assert hear(child) == "ready"
    for child in children:
        say(child, "go")
    told = [hear(child).split() for child in children]
    assert [child.wait() for child in children] == [0, 0, 0]
    for child in children:
        child.communicate()
    assert counter.stat().st_size == len(WORDS)
    assert sum(int(run) for run, *_ in told) == len(WORDS)
    assert len({tuple(scores) for _, *scores in told}) == 1
    assert list((tmp_path / "c.sqlite3.claims").iterdir()) == []


@posix
def test_the_claim_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    cache, counter, gate = tmp_path / "c.sqlite3", tmp_path / "uses", tmp_path / "gate"
    with process(cache, counter, gate, "ACGT") as doomed:
        assert hear(doomed) == "ready"
        say(doomed, "go")
        while not counter.exists():  # it measures now, and waits for the gate
            assert doomed.poll() is None
        assert EvaluationCache(cache).claim("some other value") is not None
        with process(cache, counter, gate, "ACGT") as heir:
            assert hear(heir) == "ready"
            say(heir, "go")
            os.kill(doomed.pid, signal.SIGKILL)
            doomed.wait()
            gate.touch()
            assert hear(heir) == "1 4.0"  # it paid, and ACGT is four letters short
            assert heir.wait() == 0
    assert counter.stat().st_size == 2


def test_two_runs_on_one_cache_share_the_work(tmp_path: Path) -> None:
    """Nobody claims what must wait for its turn."""
    gate = tmp_path / "gate"
    domains = [SlowToy(counter=str(tmp_path / f"uses {n}"), gate=str(gate)) for n in (1, 2)]
    cache = tmp_path / "c.sqlite3"
    with Run(cache=EvaluationCache(cache)) as one, Run(cache=EvaluationCache(cache)) as two:
        work = []
        for run, domain, words in zip((one, two), domains, (WORDS, WORDS[::-1]), strict=True):
            domain.parallel = 1
            work += [start(run.evaluate(domain, w, SCREEN, f"at {w}")) for w in words]
        ends = time.monotonic() + 60
        while not all(d.evaluations() for d in domains) and time.monotonic() < ends:
            time.sleep(0.01)
        assert [d.evaluations() for d in domains] == [1, 1]  # each at its own first word
        gate.touch()
        assert all(isinstance(wait(w), Evaluated) for w in work)
        assert one.evaluations_run + two.evaluations_run == len(WORDS)
    assert sum(d.evaluations() for d in domains) == len(WORDS)


def evaluate_all(run: Run, domain: ToyDomain, words: tuple[str, ...]) -> list[Outcome]:
    async def together() -> list[Outcome]:
        work = [run.evaluate(domain, w, SCREEN, f"site {n}") for n, w in enumerate(words)]
        return list(await asyncio.gather(*work))

    return asyncio.run(together())


def test_equal_values_under_way_in_one_run_are_measured_once(tmp_path: Path) -> None:
    domain = ToyDomain(counter=str(tmp_path / "uses"))
    with Run(cache=EvaluationCache(tmp_path / "c.sqlite3")) as run:
        outcomes = evaluate_all(run, domain, WORDS * 5)
        assert run.evaluations_run == len(WORDS)
        assert run.meter.used["evaluations"] == 5 * len(WORDS)
    assert domain.evaluations() == len(WORDS)
    assert all(isinstance(o, Evaluated) for o in outcomes)


def test_a_failure_is_nobody_else_s(tmp_path: Path) -> None:
    domain = ToyDomain(
        counter=str(tmp_path / "uses"), broken={"ACGT": "unmeasured"}, heals_after=1
    )
    with Run(cache=EvaluationCache(tmp_path / "c.sqlite3"), retries=0) as run:
        kinds = sorted(type(o).__name__ for o in evaluate_all(run, domain, ("ACGT",) * 4))
    assert kinds == [Evaluated.__name__] * 3 + [Unmeasured.__name__]
    assert domain.evaluations() == 2


def without_wal(path: Path) -> sqlite3.Connection:
    """A real sqlite whose file system layer has no shared memory, like a network share."""
    return sqlite3.connect(
        f"file:{path}?vfs=unix-dotfile", uri=True, timeout=10, check_same_thread=False
    )


class RaisesAtWal(sqlite3.Connection):
    """Some shares do not refuse the log, they fail at it."""

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if "wal" in sql:
            raise sqlite3.OperationalError("locking protocol")
        return super().execute(sql, *rest)


def raises_at_wal(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, factory=RaisesAtWal, check_same_thread=False)


@pytest.mark.parametrize(
    "connect",
    [
        pytest.param(
            without_wal,
            marks=pytest.mark.skipif(os.name != "posix", reason="a layer of unix"),
        ),
        raises_at_wal,
    ],
)
@pytest.mark.parametrize("kind", [EvaluationCache, ReplyCache])
def test_where_the_write_ahead_log_is_refused_the_rollback_journal_is_used(
    tmp_path: Path, connect: caches.Connect, kind: type[caches.JsonFile]
) -> None:
    path = tmp_path / "c.sqlite3"
    cache = kind(path, connect)
    cache.put("k", {"n": 1})
    assert cache.get("k") == {"n": 1}
    cache.close()
    plain = sqlite3.connect(path)
    assert plain.execute("pragma journal_mode").fetchone() == ("delete",)
    assert plain.execute("pragma integrity_check").fetchone() == ("ok",)
    plain.close()


def test_where_it_is_possible_the_write_ahead_log_is_used(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path / "c.sqlite3")
    cache.put("k", {"n": 1})
    plain = sqlite3.connect(tmp_path / "c.sqlite3")
    assert plain.execute("pragma journal_mode").fetchone() == ("wal",)
    plain.close()
    cache.close()


def test_values_are_claimed_without_system_locks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(_: int) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(filelock, "_lock", unsupported)
    cache = EvaluationCache(tmp_path / "c.sqlite3")
    claim = cache.claim("k")
    assert claim is not None
    assert cache.claim("k") is None
    claim.release()
    again = cache.claim("k")
    assert again is not None
    refused = []
    release = OwnerFile.release

    def asked_at_the_last_moment(owner: OwnerFile) -> None:
        refused.append(cache.claim("k"))
        release(owner)

    monkeypatch.setattr(OwnerFile, "release", asked_at_the_last_moment)
    again.release()
    assert refused == [None]
    assert list((tmp_path / "c.sqlite3.claims").iterdir()) == []


def test_where_nothing_can_be_locked_measuring_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "c.sqlite3.claims").write_text("a file where a folder should be")
    domain = ToyDomain(counter=str(tmp_path / "uses"))
    with Run(cache=EvaluationCache(tmp_path / "c.sqlite3")) as run:
        outcomes = evaluate_all(run, domain, ("ACGT",))
    assert isinstance(outcomes[0], Evaluated)
    assert "may be done twice" in caplog.text
