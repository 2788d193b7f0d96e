"""The background loop: sync outside, async inside, and hard to kill."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest

from textgrad_core import runtime
from textgrad_core.errors import UsageError

INTERRUPTED = """
import asyncio, signal, sys, threading
from textgrad_core import runtime

done = []
main = threading.main_thread().ident

async def work():
    try:
        while sys._current_frames()[main].f_code.co_name != "wait":
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # now it really sleeps
        signal.pthread_kill(main, signal.SIGINT)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        done.append("cleaned up")
        raise

try:
    runtime.run(work())
except KeyboardInterrupt:
    print(done)
"""

FORKED = """
import os
from textgrad_core import runtime

async def number():
    return os.getpid()

assert runtime.run(number()) == os.getpid()
child = os.fork()
if child == 0:
    os._exit(0 if runtime.run(number()) == os.getpid() else 1)
assert os.waitpid(child, 0)[1] == 0
assert runtime.run(number()) == os.getpid()
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="platform: signals and fork of POSIX")


async def thread_name() -> str:
    return threading.current_thread().name


def test_work_runs_on_one_thread_that_is_not_the_callers() -> None:
    assert runtime.run(thread_name()) == "textgrad-loop"
    assert runtime.start(thread_name()).result() == "textgrad-loop"
    assert runtime.background_loop() is runtime.background_loop()
    assert not runtime.in_background()


def test_a_result_or_an_error_comes_back_as_it_is() -> None:
    thing = object()

    async def give() -> object:
        return thing

    async def fail() -> object:
        raise KeyError("mine")

    assert runtime.run(give()) is thing
    with pytest.raises(KeyError, match="mine"):
        runtime.run(fail())


def test_it_works_inside_a_running_loop() -> None:
    async def notebook() -> tuple[str, str]:
        return runtime.run(thread_name()), await runtime.hand_over(thread_name())

    assert asyncio.run(notebook()) == ("textgrad-loop", "textgrad-loop")


def test_work_sees_the_context_of_its_caller() -> None:
    chosen: contextvars.ContextVar[str] = contextvars.ContextVar("chosen")

    async def look() -> str:
        return chosen.get()

    async def notebook() -> str:
        chosen.set("by the notebook")
        return await runtime.hand_over(look())

    chosen.set("by the program")
    assert runtime.run(look()) == "by the program"
    assert asyncio.run(notebook()) == "by the notebook"
    assert chosen.get() == "by the program"


def test_waiting_on_the_loop_itself_is_refused_and_harms_nothing() -> None:
    gate = asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return "slow"

    future = runtime.start(slow())

    async def impatient() -> None:
        with pytest.raises(UsageError, match="await variable"):
            runtime.wait(future)
        with pytest.raises(UsageError, match="await variable"):
            runtime.run(slow())
        gate.set()

    runtime.run(impatient())
    assert runtime.wait(future) == "slow"


def test_foreign_code_that_exits_ends_only_its_own_operation() -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def nested() -> None:
        await asyncio.gather(asyncio.ensure_future(leave()))

    for work in (leave, nested):
        with pytest.raises(SystemExit):
            runtime.run(work())
        assert runtime.run(thread_name()) == "textgrad-loop"


def test_cancelling_the_caller_cancels_the_work() -> None:
    ended = threading.Event()
    began = threading.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def notebook() -> None:
        task = asyncio.ensure_future(runtime.hand_over(endless()))
        await asyncio.to_thread(began.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(notebook())
    assert ended.wait(30)


@posix
def test_an_interrupt_lets_the_work_clean_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['cleaned up']"
    assert done.stderr == ""


@posix
def test_a_forked_child_starts_its_own_loop() -> None:
    subprocess.run([sys.executable, "-c", FORKED], check=True)


def test_eager_ends_with_its_block() -> None:
    assert not runtime.is_eager()
    with runtime.eager():
        assert runtime.is_eager()
        with runtime.eager():
            assert runtime.is_eager()
        assert runtime.is_eager()
    assert not runtime.is_eager()
