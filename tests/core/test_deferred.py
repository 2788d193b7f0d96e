"""Work of the background loop: order, failure, cancelling and depth, with one task or many."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from itertools import pairwise
from typing import Any

import pytest

from textgrad_core import runtime
from textgrad_core.deferred import TURN, Deferred


def number_of_tasks(work: list[Callable[[], Any]]) -> int:
    """In how many tasks pieces of work that are ready at the same time are done."""
    tasks: set[asyncio.Task[Any] | None] = set()

    async def all_of_them() -> None:
        async def noted(one: Callable[[], Any]) -> None:
            tasks.add(asyncio.current_task())
            await one()

        started = [runtime.defer(lambda one=one: noted(one)) for one in work]  # type: ignore[misc]
        for one in started:
            await runtime.settled(one)

    runtime.run(all_of_them())
    return len(tasks)


async def nothing() -> None:
    pass


async def awhile() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_what_waits_for_nothing_shares_a_task_and_what_waits_has_its_own() -> None:
    assert number_of_tasks([nothing] * TURN) == 1
    assert number_of_tasks([awhile] * TURN) == TURN


def test_a_row_that_never_waits_lets_others_have_their_turn() -> None:
    heard: list[int] = []
    done = 0

    async def step() -> None:
        nonlocal done
        done += 1

    async def row() -> None:
        loop = asyncio.get_running_loop()

        def listen() -> None:
            heard.append(done)
            if done < 10 * TURN:
                loop.call_soon(listen)

        started = [runtime.defer(step) for _ in range(10 * TURN)]
        loop.call_soon(listen)
        for one in started:
            await runtime.settled(one)

    runtime.run(row())
    assert max(b - a for a, b in pairwise(heard)) <= TURN


def test_work_waits_for_what_it_comes_after_and_fails_with_the_first_of_it() -> None:
    gate = asyncio.Event()
    log: list[str] = []

    async def slow(name: str) -> str:
        await gate.wait()
        log.append(name)
        return name

    async def broken(name: str) -> str:
        raise KeyError(name)

    async def never() -> None:
        log.append("never")

    async def scene() -> None:
        first = runtime.defer(lambda: slow("first"))
        second = runtime.defer(lambda: slow("second"), [first])
        bad = [runtime.defer(lambda n=n: broken(n), [first]) for n in ("a", "b")]  # type: ignore[misc]
        after = runtime.defer(never, [second, *bad])
        far = runtime.defer(never, [after])
        await asyncio.sleep(0)
        assert log == []
        gate.set()
        for one in (after, far):
            with pytest.raises(KeyError, match="a"):
                await runtime.settled(one)

    runtime.run(scene())
    assert log == ["first", "second"]


def test_a_failure_goes_down_a_row_of_any_length_without_growing() -> None:
    async def broken() -> None:
        raise KeyError("once")

    row = runtime.defer(broken)
    for _ in range(20_000):
        row = runtime.defer(nothing, [row])
    with pytest.raises(KeyError, match="once") as caught:
        runtime.wait(row)
    assert len(caught.traceback) < 20


def test_cancelling_the_end_of_a_long_row_reaches_its_beginning() -> None:
    began, ended = threading.Event(), threading.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    row: list[Deferred[None]] = [runtime.defer(endless)]
    for _ in range(20_000):
        row.append(runtime.defer(nothing, [row[-1]]))
    assert began.wait(60)
    runtime.run(nothing())  # by now all of them wait for each other
    assert row[-1].cancel()
    assert ended.wait(60)
    for one in (row[0], row[10_000], row[-1]):
        with pytest.raises(CancelledError):
            runtime.wait(one)
    assert not row[-1].cancel()


def test_what_comes_after_something_cancelled_is_cancelled() -> None:
    async def endless() -> None:
        await asyncio.Event().wait()

    first = runtime.start(endless())
    second = runtime.defer(nothing, [first])
    assert first.cancel()
    with pytest.raises(CancelledError):
        runtime.wait(second)
    assert isinstance(second.exception(), CancelledError)


def test_cancelling_one_leaves_those_that_share_its_task_alone() -> None:
    gate = asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return "slow"

    async def scene() -> str:
        first = runtime.defer(slow)
        others = [runtime.defer(slow) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        gate.set()
        return " ".join([await runtime.settled(one) for one in others])

    assert runtime.run(scene()) == "slow slow slow"


def test_a_cancellation_that_comes_late_does_not_hit_the_next_piece_of_work() -> None:
    gate = asyncio.Event()
    mine: list[Deferred[None]] = []

    async def cancels_itself() -> None:
        mine[0].cancel()

    async def slow() -> str:
        await gate.wait()
        return "slow"

    async def scene() -> str:
        mine.append(runtime.defer(cancels_itself))
        following = runtime.defer(slow)
        for _ in range(5):
            await asyncio.sleep(0)
        gate.set()
        return await runtime.settled(following)

    assert runtime.run(scene()) == "slow"
    assert mine[0].cancelled()


def test_what_one_piece_of_work_sets_in_its_context_is_not_seen_by_the_next() -> None:
    mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="clean")

    async def leaves_a_mark() -> str:
        before = mark.get()
        mark.set("dirty")
        return before

    async def scene() -> list[str]:
        started = [runtime.defer(leaves_a_mark) for _ in range(5)]
        return [await runtime.settled(one) for one in started]

    assert runtime.run(scene()) == ["clean"] * 5


def test_work_that_never_begins_leaves_no_warning() -> None:
    async def endless() -> None:
        await asyncio.Event().wait()

    async def scene() -> None:
        waiting = runtime.start(endless())
        waiting.cancel()
        await asyncio.sleep(0)

    runtime.run(scene())
    never = runtime.start(nothing())
    never.cancel()
    runtime.run(nothing())


def test_timeouts_inside_work_are_their_own() -> None:
    async def impatient() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timed out"
        return "there"

    async def scene() -> list[str]:
        started = [runtime.defer(impatient) for _ in range(5)]
        return [await runtime.settled(one) for one in started]

    assert runtime.run(scene()) == ["timed out"] * 5


def test_a_result_that_does_not_come_in_time_is_not_waited_for() -> None:
    gate = asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return "there"

    one = runtime.start(slow())
    with pytest.raises(TimeoutError, match="wait longer"):
        one.result(0.01)
    runtime.background_loop().call_soon_threadsafe(gate.set)
    assert one.result(60) == "there"


def test_many_threads_may_wait_for_one_result() -> None:
    gate = threading.Event()
    heard: list[str] = []

    async def slow() -> str:
        await asyncio.to_thread(gate.wait)
        return "there"

    one = runtime.start(slow())
    threads = [threading.Thread(target=lambda: heard.append(one.result())) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(60)
    assert heard == ["there"] * 8
