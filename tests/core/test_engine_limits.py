"""Rate limits: exact in any minute, fair, and corrected by what servers say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clocks import FakeClock
from textgrad_core.engine.limits import RateLimited, Window
from textgrad_core.engine.protocol import Headroom, Message, Reply, Request
from textgrad_core.engine.retrying import Retrying
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.engine.tokens import estimate_tokens, looks_truncated
from textgrad_core.errors import EngineError, UsageError


def request(chars: int = 0, **params: int) -> Request:
    return Request(messages=(Message(role="user", content="x" * chars),), params=params)


def limited(clock: FakeClock, answer: Any = "ok", **limits: float) -> RateLimited:
    inner = ScriptedEngine(answer if callable(answer) else (lambda _: answer))
    return RateLimited(inner, clock=clock, sleep=clock.sleep, **limits)


def starts(clock: FakeClock, engine: RateLimited, asked: list[Request]) -> list[float]:
    """When each request, asked one after the other, reached the engine inside."""
    began = clock.now
    times: list[float] = []
    for one in asked:
        asyncio.run(engine.ask(one))
        times.append(clock.now - began)
    return times


@given(
    limit=st.integers(1, 20),
    asked=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=1, max_size=40),
)
def test_no_minute_ever_holds_more_than_the_limit(
    limit: int, asked: list[tuple[int, int]]
) -> None:
    window, now = Window(limit), 0
    booked: list[tuple[float, int]] = []
    for gap, wanted in asked:
        now += gap
        amount = min(wanted, limit)
        at = window.earliest(amount, now)
        assert at >= now
        window.book(amount, at)
        booked.append((at, amount))
    assert booked == sorted(booked, key=lambda b: b[0])  # first come, first served
    for end, _ in booked:
        assert sum(a for at, a in booked if end - 60 < at <= end) <= limit


def test_requests_wait_until_the_first_is_a_minute_old() -> None:
    clock = FakeClock()
    engine = limited(clock, requests_per_minute=3)
    assert starts(clock, engine, [request()] * 7) == [0, 0, 0, 60, 60, 60, 120]


def test_requests_asked_together_wait_together() -> None:
    waits: list[float] = []

    async def stand(seconds: float) -> None:
        waits.append(seconds)

    inner = ScriptedEngine(lambda _: "ok")
    engine = RateLimited(inner, requests_per_minute=2, clock=lambda: 5.0, sleep=stand)

    async def five() -> None:
        await asyncio.gather(*(engine.ask(request()) for _ in range(5)))

    asyncio.run(five())
    assert waits == [60.0, 60.0, 120.0]


def test_tokens_are_booked_as_estimated_and_corrected_when_counted() -> None:
    clock = FakeClock()
    counted = Reply(text="ok", prompt_tokens=10, completion_tokens=0)
    estimate = estimate_tokens(request(max_tokens=96), {}).total
    assert estimate == 100
    assert starts(
        clock, limited(clock, counted, tokens_per_minute=120), [request(max_tokens=96)] * 3
    ) == [0, 0, 0]  # 10, then 10 + 100, then 20 + 100
    clock = FakeClock()
    assert starts(
        clock, limited(clock, "uncounted", tokens_per_minute=120), [request(max_tokens=96)] * 3
    ) == [0, 60, 120]


def test_a_request_larger_than_the_limit_goes_alone() -> None:
    clock = FakeClock()
    engine = limited(clock, tokens_per_minute=50)
    assert starts(clock, engine, [request(max_tokens=500)] * 2) == [0, 60]


def test_a_server_that_says_less_is_left_is_believed() -> None:
    clock = FakeClock()
    said = Reply(text="ok", headroom=Headroom(requests=1, tokens=None))
    engine = limited(clock, said, requests_per_minute=100)
    assert starts(clock, engine, [request()] * 3) == [0, 0, 60]


def test_without_a_limit_of_our_own_headroom_changes_nothing() -> None:
    clock = FakeClock()
    said = Reply(text="ok", headroom=Headroom(requests=0, tokens=0))
    assert starts(clock, limited(clock, said), [request()] * 3) == [0, 0, 0]


def test_a_pause_the_server_asks_for_holds_for_every_request() -> None:
    clock = FakeClock()
    answers: list[Any] = [EngineError("slow", kind="rate", retryable=True, retry_after_s=17.0)]
    engine = limited(clock, lambda _: answers.pop() if answers else "ok", requests_per_minute=9)
    with pytest.raises(EngineError):
        asyncio.run(engine.ask(request()))
    assert starts(clock, engine, [request()]) == [17.0]


def test_retries_pass_the_limit_too() -> None:
    clock = FakeClock()
    answers: list[Any] = ["ok", EngineError("down", kind="server", retryable=True)]
    engine = limited(clock, lambda _: answers.pop(), requests_per_minute=1)
    reply = asyncio.run(Retrying(engine, clock=clock, sleep=clock.sleep).ask(request()))
    assert (reply.text, reply.attempts) == ("ok", 2)
    assert clock.now == 1060.0
    with pytest.raises(UsageError, match="put Retrying around"):
        RateLimited(Retrying(ScriptedEngine([])), requests_per_minute=1)


def test_a_cancelled_wait_uses_nothing() -> None:
    clock = FakeClock()

    async def interrupted(_: float) -> None:
        raise asyncio.CancelledError

    engine = RateLimited(
        ScriptedEngine(lambda _: "ok"), requests_per_minute=1, clock=clock, sleep=interrupted
    )
    asyncio.run(engine.ask(request()))
    for _ in range(3):
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(engine.ask(request()))
    clock.now += 60
    assert asyncio.run(engine.ask(request())).text == "ok"


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
def test_a_limit_that_allows_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is 0"):
        limited(FakeClock(), **{name: 0})


@pytest.mark.parametrize(
    ("own", "engine_s", "completion"),
    [
        ({}, {}, 1024),
        ({"max_tokens": 7}, {}, 7),
        ({}, {"max_tokens": 9}, 9),
        ({"max_tokens": 7}, {"max_tokens": 9}, 7),
        ({"max_completion_tokens": 5, "max_tokens": 7}, {}, 5),
        ({"max_tokens": True}, {}, 1024),
    ],
)
def test_the_longest_allowed_answer_is_expected(
    own: dict[str, int], engine_s: dict[str, Any], completion: int
) -> None:
    estimate = estimate_tokens(request(40, **own), engine_s)
    assert (estimate.prompt, estimate.completion) == (14, completion)


@pytest.mark.parametrize(
    ("chars", "tokens", "cut"),
    [
        (40_000, 2048, True),
        (40_000, 10_000, False),
        (40_000, None, False),
        (40_000, 0, False),
        (4_000, 10, False),
    ],
)
def test_a_prompt_that_was_cut_in_silence_is_noticed(
    chars: int, tokens: int | None, cut: bool
) -> None:
    assert looks_truncated(chars, tokens) is cut
