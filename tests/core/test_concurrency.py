"""Many at once and always in order: doors, loops, limits, depth, and one program's prompts."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from random import Random

import pytest

import textgrad_core as tg
from engines import Meeting, Recorder, last_words
from textgrad_core.engine import Request
from textgrad_core.engine.callable_engine import DEFAULT_CONCURRENCY, CallableEngine

DEPTH = 20_000
FAN_IN = 1_000


def leaf(value: str = "v", role: str = "a text") -> tg.Variable:
    return tg.Variable(value, role_description=role)


def by_purpose(request: Request) -> str:
    return "<VALUE>better</VALUE>" if request.purpose == "proposal" else f"{request.purpose} ok"


class TestDoors:
    """Sync and async, from a plain program and from inside a running loop."""

    def test_the_whole_sync_program_runs_inside_a_running_loop(self) -> None:
        engine = Recorder(by_purpose)

        async def notebook() -> str:
            text = leaf()
            loss = tg.TextLoss("Is it right?", engine)(text)
            loss.backward(engine)
            tg.TGD([text], engine=engine).step()
            return str(text.value)

        assert asyncio.run(notebook()) == "better"

    def test_the_whole_async_program_runs_on_another_loop(self) -> None:
        engine = Recorder(by_purpose)

        async def program() -> str:
            text = leaf()
            loss = tg.TextLoss("Is it right?", engine)(text)
            assert await loss == "forward ok"
            await loss.abackward(engine)
            await tg.TGD([text], engine=engine).astep()
            return str(await text)

        assert asyncio.run(program()) == "better"

    def test_two_loops_in_two_threads_share_one_engine_and_one_graph(self) -> None:
        engine = Meeting(2)  # answers nobody before both are there
        call = tg.LLMCall(engine)
        told: dict[int, str] = {}

        def program(number: int) -> None:
            async def ask() -> str:
                return str(await call(leaf(f"question {number}")))

            told[number] = asyncio.run(ask())

        threads = [threading.Thread(target=program, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert told == {n: f"answer to question {n}" for n in range(2)}

    def test_one_deferred_value_may_be_awaited_from_two_loops(self) -> None:
        gate = threading.Event()

        def slow(prompt: str) -> str:
            gate.wait(60)
            return prompt.upper()

        shared = tg.LLMCall(CallableEngine(slow))(leaf("shared"))
        told: list[str] = []

        async def read() -> None:
            told.append(await shared)

        threads = [threading.Thread(target=lambda: asyncio.run(read())) for _ in range(2)]
        for thread in threads:
            thread.start()
        gate.set()
        for thread in threads:
            thread.join(60)
        assert told == ["SHARED", "SHARED"]


class Counting:
    """A user's engine that knows how many threads are inside it."""

    def __init__(self, guests: int) -> None:
        self.most = self._inside = 0
        self._guard = threading.Lock()
        self._together = threading.Barrier(guests)

    def generate(self, prompt: str, system_prompt: str | None = None) -> str:
        with self._guard:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._together.wait(60)
        with self._guard:
            self._inside -= 1
        return f"{system_prompt or ''}{prompt}"


class TestLimits:
    """Each engine has its own width, in threads where it is not async."""

    @pytest.mark.parametrize(
        ("settings", "width"),
        [
            ({}, DEFAULT_CONCURRENCY),
            ({"max_concurrency": 3}, 3),
            ({"thread_safe": False}, 1),
            ({"thread_safe": False, "max_concurrency": 3}, 1),
        ],
    )
    def test_a_users_engine_is_as_wide_as_it_says(
        self, settings: dict[str, object], width: int
    ) -> None:
        engine = type("Mine", (Counting,), settings)(guests=width)
        call = tg.LLMCall(engine)
        answers = [call(leaf(f"{n}")) for n in range(2 * width)]
        assert [a.value for a in answers] == [f"{n}" for n in range(2 * width)]
        assert engine.most == width

    def test_a_full_engine_does_not_hold_up_another(self) -> None:
        gate = threading.Event()

        def stuck(prompt: str) -> str:
            gate.wait(60)
            return prompt

        slow = tg.LLMCall(CallableEngine(stuck, name="slow", max_concurrency=1))
        waiting = [slow(leaf(f"{n}")) for n in range(5)]
        quick = tg.LLMCall(Recorder(last_words, name="quick"))
        assert quick(leaf("quick")).value == "quick"  # while the other is full
        gate.set()
        assert [w.value for w in waiting] == [f"{n}" for n in range(5)]


class TestSize:
    """Depth and width that a recursive or quadratic walk does not survive."""

    def test_model_calls_twenty_thousand_deep(self) -> None:
        engine = Recorder(lambda r: "well" if r.purpose == "forward" else "say more")
        call = tg.LLMCall(engine)
        start = leaf("begin")
        tail: tg.Variable = start
        for _ in range(DEPTH):
            tail = call(tail)
        assert tail.value == "well"
        tail.backward(engine, gradient="wrong")
        assert start.get_gradient_text() == "say more"
        assert len(engine.requests) == 2 * DEPTH

    def test_a_thousand_model_calls_joined_in_one(self) -> None:
        engine = Recorder(by_purpose, max_concurrency=50, yields=lambda _: 3)
        question = leaf("question")
        call = tg.LLMCall(engine)
        joined = tg.sum([call(question) for _ in range(FAN_IN)])
        tg.TextLoss("Is it right?", engine)(joined).backward(engine)
        assert len(question.gradients) == FAN_IN
        assert len(engine.asked("feedback")) == FAN_IN + 1
        assert engine.peak == 50


def prompts(timing: int) -> tuple[str, ...]:
    """Everything a program with a batch, an average and a step asks, under one timing."""
    random = Random(timing)

    def answer(request: Request) -> str:
        if request.purpose == "proposal":
            return "<VALUE>better</VALUE>"
        mark = hashlib.sha256(json.dumps(request.to_json(), sort_keys=True).encode()).hexdigest()
        return f"{request.purpose} {mark[:12]}"

    engine = Recorder(answer, yields=lambda _: random.randrange(9))
    system, style = leaf("Be brief.", "the system prompt"), leaf("Be kind.", "the style")
    call = tg.LLMCall(engine, system)
    judge = tg.TextLoss(system + style, engine)
    optimizer = tg.TGD([style, system], engine=engine, constraints=["no lies"])
    for _ in range(2):
        optimizer.zero_grad()
        losses = [judge(call(leaf(f"question {n}", "a question"))) for n in range(6)]
        tg.sum([tg.autograd.aggregate(losses), judge(call(style + "?"))]).backward(engine)
        optimizer.step()
    return tuple(sorted(json.dumps(r.to_json(), sort_keys=True) for r in engine.requests))


def test_prompts_are_the_same_to_the_byte_under_any_timing() -> None:
    asked = prompts(0)
    assert len(asked) > 50
    for timing in range(1, 6):
        assert prompts(timing) == asked
