"""Engines that ask themselves while they answer: no deadlock, no more at once than allowed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import textgrad_core as tg
from textgrad_core.engine.callable_engine import CallableEngine
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.errors import EngineError
from textgrad_core.run import Run, current_run

CALLERS = 12
PATIENCE_S = 60.0  # only reached by a deadlock


def text(value: str) -> tg.Variable:
    return tg.Variable(value, requires_grad=False, role_description="a text")


class Counted:
    """Counts how many of its innermost answers are under way at once."""

    def __init__(self, width: int) -> None:
        self.max_concurrency = width
        self.peak = self._now = 0
        self._guard = threading.Lock()

    def answer(self, prompt: str) -> str:
        with self._guard:
            self._now += 1
            self.peak = max(self.peak, self._now)
        with self._guard:
            self._now -= 1
        return f"[{prompt}]"


class SyncSelf(Counted):
    """Answers by asking itself twice more, two levels deep, through the graph."""

    def generate(self, prompt: str) -> str:
        if prompt.count("+") == 2:
            return self.answer(prompt)
        call = tg.BlackboxLLM(self)
        first, second = call(text(f"{prompt}+")), call(text(f"{prompt}+"))
        return f"{first.value}{second.value}"


class AsyncSelf(Counted):
    """The same in async code."""

    async def generate(self, prompt: str) -> str:
        if prompt.count("+") == 2:
            return self.answer(prompt)
        call = tg.BlackboxLLM(self)
        first, second = call(text(f"{prompt}+")), call(text(f"{prompt}+"))
        return f"{await first}{await second}"


class Direct(Counted):
    """The same without the graph, through the run."""

    name = "direct"

    async def ask(self, request: Request) -> Reply:
        prompt = request.messages[-1].content
        if prompt.count("+") == 2:
            return Reply(text=self.answer(prompt))
        run = current_run()
        again = replace(request, messages=(Message(role="user", content=f"{prompt}+"),))
        sites = [run.site("inner") for _ in range(2)]
        inner = await asyncio.gather(*(run.ask(self, again, site) for site in sites))
        return Reply(text="".join(reply.text for reply in inner))


def expected(number: int) -> str:
    return f"[{number}++]" * 4


def within_patience(work: Callable[[], list[str]]) -> list[str]:
    """The result of work in a thread that may be left behind, should it never end."""
    results: list[list[str]] = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert results, "the calls wait for each other"
    return results[0]


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("kind", [SyncSelf, AsyncSelf, Direct])
@pytest.mark.parametrize("door", ["sync", "async"])
def test_an_engine_may_ask_itself(kind: Any, width: int, door: str) -> None:
    engine = kind(width)

    def sync() -> list[str]:
        answers = [tg.BlackboxLLM(engine)(text(f"{n}")) for n in range(CALLERS)]
        return [str(a.value) for a in answers]

    def through_asyncio() -> list[str]:
        async def program() -> list[str]:
            answers = [tg.BlackboxLLM(engine)(text(f"{n}")) for n in range(CALLERS)]
            return [str(await a) for a in answers]

        return asyncio.run(program())

    assert within_patience(sync if door == "sync" else through_asyncio) == [
        expected(n) for n in range(CALLERS)
    ]
    assert engine.peak <= width


def test_two_engines_may_ask_each_other() -> None:
    def ask_second(prompt: str) -> str:
        return str(tg.BlackboxLLM(second)(text(f"{prompt}>")).value)

    def ask_first(prompt: str) -> str:
        return prompt if ">>" in prompt else str(tg.BlackboxLLM(first)(text(f"{prompt}>")).value)

    first = CallableEngine(ask_second, max_concurrency=1)
    second = CallableEngine(ask_first, max_concurrency=1)
    answered = within_patience(lambda: [str(tg.BlackboxLLM(first)(text("a")).value)])
    assert answered == ["a>>>"]


def test_what_must_not_be_entered_twice_is_refused() -> None:
    class Careful(SyncSelf):
        thread_safe = False

    with pytest.raises(EngineError, match=r"asked itself.*thread_safe=True") as caught:
        within_error(Careful(1))
    assert caught.value.kind == "request"
    assert not caught.value.retryable


def within_error(engine: Any) -> None:
    errors: list[BaseException] = []

    def ask() -> list[str]:
        try:
            return [str(tg.BlackboxLLM(engine)(text("a")).value)]
        except EngineError as error:
            errors.append(error)
            return []

    within_patience(ask)
    raise errors[0]


def test_a_slot_is_free_again_after_a_failure() -> None:
    def fail(prompt: str) -> str:
        if prompt == "outer":
            return str(tg.BlackboxLLM(engine)(text("inner")).value)
        raise ValueError("broken")

    engine = CallableEngine(fail, max_concurrency=1)
    for _ in range(3):
        with pytest.raises(EngineError, match="broken"):
            _ = tg.BlackboxLLM(engine)(text("outer")).value


def test_inner_calls_have_the_same_places_in_every_run(tmp_path: Path) -> None:
    """Many outer calls run at once; what they ask belongs to them, not to an order in time."""
    asked: list[str] = []

    def wrapper(prompt: str) -> str:
        asked.append(prompt)
        if prompt.endswith("inner"):
            return prompt
        return str(tg.BlackboxLLM(wrapper)(text(f"{prompt} inner")).value)

    async def once(prompt: str, run: Run) -> str:
        request = Request(messages=(Message(role="user", content=prompt),))
        return (await run.ask(CallableEngine(wrapper), request, run.site("call"))).text

    async def many(run: Run) -> list[str]:
        return list(await asyncio.gather(*(once(f"{n}", run) for n in range(20))))

    sites: list[dict[str, object]] = []
    for folder in ("a", "b"):
        with Run(tmp_path / folder) as run:
            asyncio.run(many(run))
            sites.append(
                {e.site: e.body["result"] for e in run.journal.entries() if e.kind == "model"}
            )
    assert sites[0] == sites[1]
    assert len(sites[0]) == 40
    before = len(asked)
    with Run(tmp_path / "a") as again:
        asyncio.run(many(again))
    assert len(asked) == before
