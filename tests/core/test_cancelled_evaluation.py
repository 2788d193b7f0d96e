"""An evaluation nobody waits for any more: what has begun is finished, kept, and done once."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from slow_toy import SlowToy
from textgrad_core.budget import Budget
from textgrad_core.cache import EvaluationCache
from textgrad_core.domain import EvaluationContext
from textgrad_core.journal_lines import read_entries
from textgrad_core.outcome import Evaluated, Outcome
from textgrad_core.run import Run
from textgrad_core.runtime import start, wait

HELPERS = Path(__file__).parents[1] / "helpers"
SCREEN = EvaluationContext(tier="screen")
PATIENCE_S = 60.0

WAITER = """
import asyncio, sys
from pathlib import Path
from slow_toy import SlowToy
from textgrad_core.cache import EvaluationCache
from textgrad_core.domain import EvaluationContext
from textgrad_core.logs import log
from textgrad_core.run import Run
import logging

cache, counter, gate = (Path(a) for a in sys.argv[1:4])
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
with Run(cache=EvaluationCache(cache)) as run:
    domain = SlowToy(counter=str(counter), gate=str(gate))
    outcome = asyncio.run(run.evaluate(domain, "ACGT", EvaluationContext(tier="screen"), "a"))
    print("measured", run.evaluations_run, outcome.scores["distance"], flush=True)
"""

LEAVER = """
import faulthandler, sys, time
faulthandler.dump_traceback_later(45, exit=True)  # else nobody knows where it hung
from pathlib import Path
from slow_toy import SlowToy
from textgrad_core.cache import EvaluationCache
from textgrad_core.domain import EvaluationContext
from textgrad_core.run import Run
from textgrad_core.runtime import start

folder = Path(sys.argv[1])
with Run(folder / "run", cache=EvaluationCache(folder / "c.sqlite3")) as run:
    domain = SlowToy(counter=str(folder / "uses"), gate=str(folder / "never"))
    context = EvaluationContext(tier="screen")
    work = start(run.evaluate(domain, "ACGT", context, "a"))
    while not (folder / "uses").exists():
        if work.done():
            raise SystemExit(f"it ended with {work.result()}")
        time.sleep(0.01)
    if sys.argv[2] == "cancelled":
        work.cancel()
"""


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def slow(folder: Path) -> SlowToy:
    return SlowToy(counter=str(folder / "uses"), gate=str(folder / "gate"))


def cache(folder: Path) -> EvaluationCache:
    return EvaluationCache(folder / "c.sqlite3")


def claims(folder: Path) -> list[Path]:
    return list((folder / "c.sqlite3.claims").iterdir())


def cancel_once_it_measures(run: Run, domain: SlowToy, word: str = "ACGT") -> None:
    work = start(run.evaluate(domain, word, SCREEN, f"at {word}"))
    until(lambda: domain.evaluations() == 1)
    work.cancel()
    with pytest.raises((asyncio.CancelledError, CancelledError)):
        wait(work)


async def _hold_up(until_done: threading.Event) -> None:
    until_done.wait(PATIENCE_S)


def settle() -> None:
    """Let the background loop do all that was scheduled before."""

    async def turns() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    wait(start(turns()))


@contextmanager
def program(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    lines = f"import sys; sys.path.insert(0, {str(HELPERS)!r})\n{code}"
    with subprocess.Popen(
        [sys.executable, "-c", lines, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line.strip()
    raise AssertionError(f"the other process never said {text!r}")


@pytest.mark.parametrize("own_threads", [True, False])
def test_another_run_gets_what_a_cancelled_one_was_measuring(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, own_threads: bool
) -> None:
    domain = slow(tmp_path)
    pool: Executor | None = None if own_threads else ThreadPoolExecutor(1)
    with (
        caplog.at_level(logging.INFO, logger="textgrad_core"),
        Run(tmp_path / "run", cache=cache(tmp_path), executor=pool) as first,
        Run(cache=cache(tmp_path)) as second,
    ):
        cancel_once_it_measures(first, domain)
        waiting = start(second.evaluate(domain, "ACGT", SCREEN, "there"))
        until(lambda: "waiting for its result" in caplog.text or domain.evaluations() > 1)
        Path(domain.gate).touch()
        assert isinstance(wait(waiting), Evaluated)
        assert (first.evaluations_run, second.evaluations_run) == (1, 0)
        until(lambda: claims(tmp_path) == [])
        settle()
        assert first.journal.recall("evaluation", "at ACGT") is not None
        assert first.meter.used["evaluations"] == 1
    if pool is not None:
        pool.shutdown()
    assert domain.evaluations() == 1
    with Run(tmp_path / "run") as again:  # resumed without any cache
        assert isinstance(
            wait(start(again.evaluate(domain, "ACGT", SCREEN, "at ACGT"))), Evaluated
        )
    assert domain.evaluations() == 1


def test_another_process_gets_what_a_cancelled_run_was_measuring(tmp_path: Path) -> None:
    domain = slow(tmp_path)
    with Run(cache=cache(tmp_path)) as run:
        cancel_once_it_measures(run, domain)
        arguments = (tmp_path / "c.sqlite3", tmp_path / "uses", tmp_path / "gate")
        with program(WAITER, *arguments) as other:
            line_with(other, "another process works on")
            Path(domain.gate).touch()
            assert line_with(other, "measured") == "measured 0 4.0"
    assert domain.evaluations() == 1


def test_after_close_the_result_goes_into_the_cache_only(tmp_path: Path) -> None:
    domain = slow(tmp_path)
    with Run(tmp_path / "run", cache=cache(tmp_path)) as run:
        cancel_once_it_measures(run, domain)
    assert len(claims(tmp_path)) == 1
    before = (tmp_path / "run" / "journal.jsonl").read_bytes()
    Path(domain.gate).touch()
    until(lambda: claims(tmp_path) == [])
    settle()
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == before
    with Run(tmp_path / "run", cache=cache(tmp_path)) as again:
        outcome = wait(start(again.evaluate(domain, "ACGT", SCREEN, "at ACGT")))
        assert isinstance(outcome, Evaluated)
        assert again.evaluations_run == 0
    assert domain.evaluations() == 1


@pytest.mark.parametrize("end", ["cancelled", "abandoned"])
def test_a_process_ends_while_its_instrument_still_works(tmp_path: Path, end: str) -> None:
    with program(LEAVER, tmp_path, end) as process:
        assert process.wait(timeout=60) == 0
    assert claims(tmp_path) == []
    entries, size = read_entries(tmp_path / "run" / "journal.jsonl")
    assert [e.kind for e in entries] == ["run"]
    assert size == (tmp_path / "run" / "journal.jsonl").stat().st_size


@pytest.mark.parametrize("own_threads", [True, False])
def test_what_has_not_begun_is_never_measured(tmp_path: Path, own_threads: bool) -> None:
    domain = slow(tmp_path)
    domain.parallel = 1
    budget = Budget(evaluations=2)
    pool = None if own_threads else ThreadPoolExecutor(1)
    with Run(tmp_path / "run", cache=cache(tmp_path), budget=budget, executor=pool) as run:
        first = start(run.evaluate(domain, "ACGT", SCREEN, "first"))
        until(lambda: domain.evaluations() == 1)
        second = start(run.evaluate(domain, "TTGT", SCREEN, "second"))
        until(lambda: run.meter.used["evaluations"] == 2)
        settle()
        expected = 1 if own_threads else 2  # who has no turn claims nothing
        until(lambda: len(claims(tmp_path)) == expected)
        second.cancel()
        until(lambda: len(claims(tmp_path)) == 1)
        settle()
        assert run.meter.used["evaluations"] == 1
        Path(domain.gate).touch()
        assert isinstance(wait(first), Evaluated)
    if pool is not None:
        pool.shutdown()
    assert domain.evaluations() == 1


def test_a_failure_nobody_waits_for_is_neither_tried_again_nor_recorded(tmp_path: Path) -> None:
    class Failing(SlowToy):
        def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
            super().evaluate(value, context)
            raise OSError("out of order")

    domain = Failing(counter=str(tmp_path / "uses"), gate=str(tmp_path / "gate"))
    with Run(tmp_path / "run", cache=cache(tmp_path), retries=3) as run:
        cancel_once_it_measures(run, domain)
        Path(domain.gate).touch()
        until(lambda: claims(tmp_path) == [])
        settle()
        assert [e.kind for e in run.journal.entries()] == ["run"]
        assert run.meter.used["evaluations"] == 0
    assert domain.evaluations() == 1


def test_others_who_wait_for_a_cancelled_leader_get_its_result(tmp_path: Path) -> None:
    domain = slow(tmp_path)
    with Run(cache=cache(tmp_path)) as run:
        leader = start(run.evaluate(domain, "ACGT", SCREEN, "leader"))
        until(lambda: domain.evaluations() == 1)
        others = [start(run.evaluate(domain, "ACGT", SCREEN, f"other {n}")) for n in range(3)]
        settle()
        leader.cancel()
        settle()
        Path(domain.gate).touch()
        assert all(isinstance(wait(other), Evaluated) for other in others)
        assert run.evaluations_run == 1
    assert domain.evaluations() == 1


def test_an_evaluation_cancelled_at_once_leaves_nothing(tmp_path: Path) -> None:
    domain = slow(tmp_path)
    with Run(tmp_path / "run", cache=cache(tmp_path)) as run:

        async def cancel_each() -> None:
            for n in range(20):
                task = asyncio.ensure_future(run.evaluate(domain, "ACGT", SCREEN, f"at {n}"))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()

        done = threading.Event()
        busy = start(_hold_up(done))  # so that nothing begins before it is cancelled
        asyncio.run(cancel_each())
        done.set()
        wait(busy)
        settle()
        gc.collect()  # a coroutine that never began would say so here
        assert run.meter.used["evaluations"] == 0
    assert domain.evaluations() == 0


def test_who_is_cancelled_while_waiting_for_another_run_waits_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    domain = slow(tmp_path)
    with (
        caplog.at_level(logging.INFO, logger="textgrad_core"),
        Run(cache=cache(tmp_path)) as first,
        Run(cache=cache(tmp_path)) as second,
    ):
        measuring = start(first.evaluate(domain, "ACGT", SCREEN, "here"))
        until(lambda: domain.evaluations() == 1)
        waiting = start(second.evaluate(domain, "ACGT", SCREEN, "there"))
        until(lambda: "waiting for its result" in caplog.text)
        waiting.cancel()
        until(lambda: second.meter.used["evaluations"] == 0)
        Path(domain.gate).touch()
        assert isinstance(wait(measuring), Evaluated)
        assert second.evaluations_run == 0
    assert domain.evaluations() == 1
