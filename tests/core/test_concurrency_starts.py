"""Starting work from many threads at once: nothing is lost, and cancelling reaches what waits."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from textgrad_core import runtime


def test_nothing_is_lost_when_many_threads_start_work() -> None:
    told: dict[int, list[int]] = {}

    async def echo(number: int) -> int:
        await asyncio.sleep(0)
        return number

    def starter(thread: int) -> None:
        futures = [runtime.start(echo(n)) for n in range(500)]
        told[thread] = [runtime.wait(f) for f in futures]

    threads = [threading.Thread(target=starter, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert told == {n: list(range(500)) for n in range(8)}


def test_work_begins_in_the_order_in_which_it_was_started() -> None:
    begun: list[int] = []

    async def note(number: int) -> None:
        begun.append(number)

    for future in [runtime.start(note(n)) for n in range(1000)]:
        runtime.wait(future)
    assert begun == list(range(1000))


def test_cancelling_reaches_the_work_that_is_waited_for() -> None:
    began, ended, reached = threading.Event(), threading.Event(), threading.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    inner = runtime.start(endless())

    async def outer() -> None:
        reached.set()  # the loop takes a cancellation only when this one waits
        await runtime.settled(inner)

    waiting = runtime.start(outer())
    assert began.wait(60)
    assert reached.wait(60)
    assert waiting.cancel()
    assert ended.wait(60)
    for future in (waiting, inner):
        with pytest.raises(CancelledError):
            runtime.wait(future)


def test_what_waits_hears_a_result_and_an_error() -> None:
    gate = asyncio.Event()

    async def late(fails: bool) -> str:
        await gate.wait()
        if fails:
            raise KeyError("mine")
        return "here"

    good, bad = runtime.start(late(False)), runtime.start(late(True))

    async def reader() -> str:
        asyncio.get_running_loop().call_soon(gate.set)
        with pytest.raises(KeyError, match="mine"):
            await runtime.settled(bad)
        return await runtime.settled(good)

    assert runtime.run(reader()) == "here"
    assert asyncio.run(runtime.settled(good)) == "here"  # on another loop, when it is over
