"""The one layer that repeats: what is sent again, after how long, and when it stops."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clocks import FakeClock
from textgrad_core.budget import Budget
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.engine.retrying import Retrying, RetryRule
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import EngineError, EngineFailure, UsageError
from textgrad_core.run import Run

NEVER = {"auth", "quota", "overflow", "refused", "cut", "request"}
PASSING = ("rate", "server", "network", "timeout", "empty", "malformed", "wrong_shape")


def request(text: str = "hello") -> Request:
    return Request(messages=(Message(role="user", content=text),))


def fault(kind: Any = "server", *, retryable: bool = True, **more: Any) -> EngineError:
    return EngineError("it went wrong", kind=kind, retryable=retryable, **more)


def ask(engine: Retrying, text: str = "hello") -> Reply:
    return asyncio.run(engine.ask(request(text)))


def failed(engine: Retrying) -> EngineError:
    with pytest.raises(EngineError) as caught:
        ask(engine)
    return caught.value


@pytest.mark.parametrize("kind", PASSING)
def test_passing_faults_are_repeated_until_there_is_an_answer(kind: str) -> None:
    clock = FakeClock()
    inner = ScriptedEngine([fault(kind), fault(kind), "there"])
    reply = ask(Retrying(inner, clock=clock, sleep=clock.sleep))
    assert (reply.text, reply.attempts) == ("there", 3)
    assert len(clock.waits) == 2


@pytest.mark.parametrize("kind", sorted(get_args(EngineFailure)))
@pytest.mark.parametrize("retryable", [True, False])
def test_what_no_repetition_mends_is_sent_once(kind: str, retryable: bool) -> None:
    clock = FakeClock()
    inner = ScriptedEngine([fault(kind, retryable=retryable)] * 9)
    error = failed(Retrying(inner, RetryRule(retries=3), clock=clock, sleep=clock.sleep))
    sent = 1 if kind in NEVER or not retryable else 4
    assert (error.kind, error.attempts, len(inner.requests)) == (kind, sent, sent)
    assert len(clock.waits) == sent - 1


def test_every_request_below_is_counted() -> None:
    inner = ScriptedEngine([fault(attempts=2), fault(attempts=0), Reply(text="ok", attempts=3)])
    clock = FakeClock()
    assert ask(Retrying(inner, clock=clock, sleep=clock.sleep)).attempts == 5


def test_waits_double_up_to_a_bound() -> None:
    rule = RetryRule(first_wait_s=1, longest_wait_s=8)
    waits = [rule.backoff_s(n, "k") for n in range(1, 8)]
    for wait, top in zip(waits, [1, 2, 4, 8, 8, 8, 8], strict=True):
        assert 0.75 * top <= wait <= top


@given(st.integers(1, 10_000), st.integers(0, 9), st.text(max_size=5))
def test_the_jitter_is_the_seed_s_own(failures: int, seed: int, key: str) -> None:
    wait = RetryRule(seed=seed).backoff_s(failures, key)
    assert wait == RetryRule(seed=seed).backoff_s(failures, key)
    assert 0 < wait <= 30


def test_calls_that_failed_together_do_not_come_back_together() -> None:
    rule = RetryRule()
    assert len({rule.backoff_s(1, f"call {n}") for n in range(50)}) == 50


@pytest.mark.parametrize("asked", [0.0, 3.0, 599.5])
def test_a_server_s_own_wait_is_kept_to(asked: float) -> None:
    clock = FakeClock()
    inner = ScriptedEngine([fault("rate", retry_after_s=asked), "there"])
    assert ask(Retrying(inner, clock=clock, sleep=clock.sleep)).text == "there"
    assert clock.waits == [asked]


def test_a_wait_beyond_the_limit_stops_at_once_and_says_so() -> None:
    clock = FakeClock()
    inner = ScriptedEngine([fault("rate", retry_after_s=3600.0)])
    error = failed(Retrying(inner, clock=clock, sleep=clock.sleep))
    assert "asks to wait 3600 s, longer than max_wait_s=600" in str(error)
    assert (error.retryable, error.retry_after_s, clock.waits) == (True, 3600.0, [])


def test_the_total_deadline_counts_waits_and_stops_before_a_useless_one() -> None:
    clock = FakeClock()
    inner = ScriptedEngine([fault("rate", retry_after_s=40.0)] * 9)
    engine = Retrying(inner, total_deadline_s=100, clock=clock, sleep=clock.sleep)
    error = failed(engine)
    assert clock.waits == [40.0, 40.0]
    assert error.attempts == 3
    assert "past total_deadline_s=100" in str(error)


def test_the_total_deadline_ends_an_engine_that_never_answers() -> None:
    class Silent(ScriptedEngine):
        async def ask(self, request: Request) -> Reply:
            self.requests.append(request)
            await asyncio.Event().wait()
            raise AssertionError("nobody sets that event")

    async def bounded() -> Reply:
        async with asyncio.timeout(20):  # only reached if the deadline does not work
            return await Retrying(Silent([]), total_deadline_s=0.05).ask(request())

    with pytest.raises(EngineError, match="total_deadline_s") as caught:
        asyncio.run(bounded())
    assert caught.value.kind == "timeout"


def test_a_run_has_its_own_budget_of_retries() -> None:
    clock = FakeClock()
    inner = ScriptedEngine(_every_other())
    engine = Retrying(inner, clock=clock, sleep=clock.sleep)
    run = Run(budget=Budget(retries=2))
    for n in range(2):
        assert asyncio.run(run.ask(engine, request(), f"call {n}")).text == "there"
    with pytest.raises(EngineError, match="budget of retries is used up") as caught:
        asyncio.run(run.ask(engine, request(), "call 2"))
    assert caught.value.attempts == 1
    assert run.meter.used["retries"] == 2
    assert run.ledger.total.failed_attempts == 3
    other = Run()
    assert asyncio.run(other.ask(engine, request(), "x")).text == "there"


def _every_other() -> Any:
    turns = itertools.cycle([fault(), "there"])
    return lambda _: next(turns)


def test_two_layers_are_refused() -> None:
    with pytest.raises(UsageError, match="two layers would multiply"):
        Retrying(Retrying(ScriptedEngine([])))
    with pytest.raises(UsageError, match="max_retries=0"):
        Retrying(OpenAIEngine("m", "http://127.0.0.1:9/v1"))
    Retrying(OpenAIEngine("m", "http://127.0.0.1:9/v1", max_retries=0))


@pytest.mark.parametrize(
    "wrong", [{"retries": -1}, {"first_wait_s": float("nan")}, {"max_wait_s": -0.5}]
)
def test_impossible_rules_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        RetryRule(**wrong)
    with pytest.raises(UsageError, match="total_deadline_s"):
        Retrying(ScriptedEngine([]), total_deadline_s=0)


def test_a_programming_error_inside_is_not_swallowed() -> None:
    with pytest.raises(TimeoutError, match="mine"):
        ask(Retrying(ScriptedEngine([TimeoutError("mine")])))


def test_a_wrapped_engine_keeps_name_parameters_and_model() -> None:
    inner = OpenAIEngine("m", "http://127.0.0.1:9/v1", max_retries=0, params={"seed": 3})
    engine = Retrying(inner)
    assert (engine.name, engine.model, engine.max_concurrency) == (inner.name, "m", 32)
    assert engine.params == {"seed": 3}
