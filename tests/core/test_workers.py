"""Threads that end with the process: an executor like the standard library's otherwise."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future, wait
from typing import Any

import pytest

from textgrad_core.workers import DaemonThreads


def test_everything_submitted_is_done_by_no_more_threads_than_allowed() -> None:
    pool = DaemonThreads(3, "few")
    seen: set[str] = set()
    meet = threading.Barrier(3)

    def job(n: int, *, factor: int) -> int:
        if n < 3:
            meet.wait(60)  # needs three threads at the same time
        seen.add(threading.current_thread().name)
        return n * factor

    jobs = [pool.submit(job, n, factor=2) for n in range(50)]
    assert [j.result(60) for j in jobs] == [2 * n for n in range(50)]
    assert len(seen) == 3
    pool.shutdown()
    assert not [t for t in threading.enumerate() if t.name.startswith("few")]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_what_a_job_raises_is_raised_where_it_is_read(error: BaseException) -> None:
    def job() -> None:
        raise error

    with DaemonThreads(1, "one") as pool:
        failed = pool.submit(job)
        with pytest.raises(type(error)):
            failed.result(60)
        assert pool.submit(len, "still there").result(60) == 11


@pytest.mark.parametrize("cancel", [True, False])
def test_after_shutdown_nothing_new_begins(cancel: bool) -> None:
    pool = DaemonThreads(1, "one")
    begun, go_on = threading.Event(), threading.Event()

    def first() -> str:
        begun.set()
        go_on.wait(60)
        return "first"

    running = pool.submit(first)
    assert begun.wait(60)
    waiting: Future[int] = pool.submit(len, "ab")
    taken_back = pool.submit(len, "abc")
    assert taken_back.cancel()
    assert not running.cancel()
    pool.shutdown(wait=False, cancel_futures=cancel)
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(len, "late")
    assert waiting.cancelled() == cancel
    go_on.set()
    both: list[Future[Any]] = [running, waiting]
    assert not wait(both, 60).not_done
    assert running.result() == "first"
    assert cancel or waiting.result() == 2
    pool.shutdown()


def test_a_process_does_not_wait_for_them() -> None:
    code = (
        "import threading\n"
        "from textgrad_core.workers import DaemonThreads\n"
        "begun = threading.Event()\n"
        "def job():\n    begun.set()\n    threading.Event().wait()\n"
        "DaemonThreads(1, 'one').submit(job)\n"
        "begun.wait()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
