"""What failed is counted too: the server's sums are the run's, live, resumed and replayed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clocks import FakeClock
from engines import down
from fault_server import FaultServer
from textgrad_core.asking import ask_value
from textgrad_core.budget import Budget
from textgrad_core.counts import MOST_TOKENS, Tokens
from textgrad_core.engine.callable_engine import CallableEngine
from textgrad_core.engine.limits import RateLimited
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Engine, Message, Reply, Request
from textgrad_core.engine.retrying import Retrying, RetryRule
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.engine.usage import usage_in
from textgrad_core.errors import BudgetExhausted, EngineError
from textgrad_core.optimizer.assembly import UpdateTask, update_request
from textgrad_core.parsing import wrap
from textgrad_core.run import Run
from textgrad_core.variable import Gradient

PRICES = {"models": {"m": {"prompt_per_million": 2, "completion_per_million": 10}}}
ASKED = update_request(
    UpdateTask(role="a number", current="1", feedback=(Gradient(text="more"),)),
    sample=0,
    params={},
)
# Each brings an answer or a failure after so many requests; most of them counted by the server.
ENDINGS = {
    "ok": 1,
    "refusal": 1,
    "content-filter": 1,
    "length": 1,
    "length-empty": 1,
    "401": 1,
    "int-content,int-content,int-content": 3,
    "tool-call,empty-content,null-choices": 3,
    "empty-content,ok": 2,
    "null-content,500,ok": 3,
    "no-choices,ok": 2,
    "cut-late,not-utf8,ok": 3,
    "cut-json,empty-body,ok": 3,
    "500-counted,ok": 2,
    "429,no-usage": 2,
}


def request(text: str) -> Request:
    return Request(messages=(Message(role="user", content=text),))


def sums(run: Run) -> tuple[int, int]:
    total = run.ledger.total
    return total.counted_prompt_tokens, total.counted_completion_tokens


def told(server: FaultServer) -> tuple[int, int]:
    return sum(sent for sent, _ in server.told), sum(received for _, received in server.told)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    pytest.importorskip("openai", reason="the openai extra is not installed")
    with FaultServer() as running:
        yield running


async def ask_everything(run: Run, server: FaultServer, *, keep_failure: bool) -> None:
    """Every ending at a site of its own, one after the other."""
    once = OpenAIEngine("m", server.url("as-told"), max_retries=0)
    engine = Retrying(once, RetryRule(retries=2, first_wait_s=0))
    try:
        for prompt in ENDINGS:
            with contextlib.suppress(EngineError):
                await run.ask(engine, request(prompt), prompt, keep_failure=keep_failure)
    finally:
        await once.aclose()


@pytest.mark.parametrize("keep_failure", [True, False])
def test_failing_answers_are_counted_as_the_server_did(
    server: FaultServer, tmp_path: Path, keep_failure: bool
) -> None:
    folder = tmp_path / "run"
    with Run(folder, prices=PRICES) as run:
        asyncio.run(ask_everything(run, server, keep_failure=keep_failure))
        live, spent = run.ledger.total, run.meter.used
    assert sums(run) == told(server)
    assert {prompt: server.count(prompt) for prompt in ENDINGS} == ENDINGS
    assert live.failed_attempts == server.count("as-told") - live.calls
    assert live.priced == Decimal(2 * told(server)[0] + 10 * told(server)[1]) / 1_000_000
    by_site = run.ledger.by_site
    assert by_site["tool-call,empty-content,null-choices"].counted_prompt_tokens == 21
    assert by_site["cut-late,not-utf8,ok"].counted_completion_tokens == 9

    with Run(folder, prices=PRICES) as resumed:
        if not keep_failure:  # what an earlier process spent in vain is there at once
            assert resumed.ledger.total.failed_attempts > 0
        asyncio.run(ask_everything(resumed, server, keep_failure=keep_failure))
    assert sums(resumed) == told(server)

    with Run(folder, prices=PRICES, mode="partial") as shown:
        for prompt in ENDINGS:
            if shown.journal.recall("model", prompt):
                engine = OpenAIEngine("m", server.url("as-told"))
                try:
                    asyncio.run(shown.ask(engine, request(prompt), prompt))
                except EngineError:
                    assert keep_failure
    if not keep_failure:
        assert sums(shown) == told(server)
    assert spent["tokens"] >= sum(sums(run))


def test_a_run_that_was_killed_after_a_failing_call_has_not_lost_its_count(
    tmp_path: Path,
) -> None:
    failure = EngineError(
        "cut", kind="cut", attempts=3, spent=Tokens(prompt=70, completion=30), request_id="r"
    )
    engine = ScriptedEngine([failure, "there"], name="m")
    folder = tmp_path / "run"
    killed = Run(folder, prices=PRICES, budget=Budget(tokens=10_000))
    with pytest.raises(EngineError):
        asyncio.run(killed.ask(engine, request("x"), "here"))
    assert killed.meter.used["tokens"] == 100
    # the first run is not closed: the file is read as a kill would have left it
    seen = Run(folder, mode="partial", prices=PRICES, budget=Budget(tokens=10_000))
    assert (seen.ledger.by_site, seen.ledger.total) == (
        killed.ledger.by_site,
        killed.ledger.total,
    )
    assert {n: seen.meter.used[n] for n in ("tokens", "cost")} == {
        "tokens": 100,
        "cost": Decimal(2 * 70 + 10 * 30) / 1_000_000,
    }
    killed.close()
    heard: list[tuple[str, bool]] = []
    listeners = [lambda entry: heard.append((entry.kind, entry.recalled))]
    with Run(folder, prices=PRICES, listeners=listeners) as resumed:
        assert asyncio.run(resumed.ask(engine, request("x"), "here")).text == "there"
        assert resumed.ledger.total.failed_attempts == 3
    assert heard == [("run", True), ("failure", True), ("model", False)]


def test_a_failure_counts_against_the_limit_of_tokens() -> None:
    spent = Tokens(prompt=900, completion=200)
    engine = ScriptedEngine([EngineError("no", kind="refused", spent=spent), "never asked"])
    run = Run(budget=Budget(tokens=1_500))
    with pytest.raises(EngineError):
        asyncio.run(run.ask(engine, request("x"), "1"))
    with pytest.raises(BudgetExhausted, match=r"1500 tokens .*1100 used"):
        asyncio.run(run.ask(engine, request("x"), "2"))


def test_a_repaired_answer_counts_both_calls(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="the openai extra is not installed")
    answers = iter(["no value", wrap("7", ASKED.form.nonce)])
    with FaultServer(lambda _: next(answers)) as server:
        for _ in range(2):
            engine = OpenAIEngine("m", server.url("counted"))
            with Run(tmp_path / "run") as run, engine:
                asyncio.run(ask_value(run, engine, ASKED, "here", int))
            assert sums(run) == told(server)
        assert len(server.told) == 2


def test_what_failed_before_a_call_was_cancelled_is_counted(tmp_path: Path) -> None:
    class Stuck(ScriptedEngine):
        async def ask(self, request: Request) -> Reply:
            self.requests.append(request)
            if len(self.requests) == 1:
                raise EngineError(
                    "",
                    kind="empty",
                    retryable=True,
                    spent=Tokens(prompt=5, completion=1),
                )
            await asyncio.Event().wait()
            raise AssertionError("nobody sets that event")

    async def cancelled(run: Run) -> None:
        stuck = Stuck([])
        engine = Retrying(stuck, RetryRule(first_wait_s=0))
        call = asyncio.ensure_future(run.ask(engine, request("x"), "here"))
        while not stuck.requests[1:]:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    with Run(tmp_path / "run") as run:
        asyncio.run(cancelled(run))
        while run.ledger.total.failed_attempts < 2:
            asyncio.run(asyncio.sleep(0.001))
        assert sums(run) == (5, 1)
    assert sums(Run(tmp_path / "run", mode="partial")) == (5, 1)


def test_a_failure_of_an_inner_call_is_counted_once() -> None:
    spent = Tokens(prompt=7, completion=3)
    inner = ScriptedEngine(
        lambda _: EngineError("no", kind="empty", retryable=True, spent=spent), name="inner"
    )
    run = Run()

    async def wrapper(prompt: str) -> str:
        return (await run.ask(inner, request(prompt), run.site("inner"))).text

    outer = Retrying(CallableEngine(wrapper), RetryRule(retries=1, first_wait_s=0))
    with pytest.raises(EngineError, match="no"):
        asyncio.run(run.ask(outer, request("x"), "outer"))
    assert len(inner.requests) == 2
    assert sums(run) == (14, 6)


@pytest.mark.parametrize("wrong", [-1, -(10**9), MOST_TOKENS + 1, 10**40, True, "7", 1.5])
def test_an_impossible_count_is_none(wrong: Any) -> None:
    reply = Reply(text="x", prompt_tokens=wrong, completion_tokens=4)
    assert (reply.prompt_tokens, reply.completion_tokens) == (None, 4)
    run = Run()
    for n in range(2):
        answer = Reply(text="x", prompt_tokens=100 if n == 0 else wrong)
        before = run.meter.used["tokens"]
        asyncio.run(run.ask(ScriptedEngine([answer]), request("x"), f"{n}"))
        assert run.meter.used["tokens"] >= before
        assert run.ledger.total.counted_prompt_tokens == 100


@given(st.binary(max_size=200))
def test_any_bytes_have_usage_or_none(body: bytes) -> None:
    for text in (body, b'{"usage": {' + body, b'{"usage": {"prompt_tokens": 7}' + body):
        found = usage_in(text)
        assert found is None or found.prompt >= 0


def test_a_model_that_writes_about_usage_is_not_believed() -> None:
    body = rb'{"choices": [{"message": {"content": "{\"usage\": {\"prompt_tokens\": 9}}'
    assert usage_in(body) is None
    assert usage_in(b'{"usage": {"prompt_tokens": 7}, ' + body[1:]) == Tokens(prompt=7)


def test_a_wait_for_a_turn_is_no_request() -> None:
    clock = FakeClock()
    inner = ScriptedEngine([down(), down(), down()])

    async def never(_: float) -> None:
        await asyncio.Event().wait()

    limited = RateLimited(inner, requests_per_minute=2, clock=clock, sleep=never)
    engine = Retrying(limited, RetryRule(first_wait_s=0), total_deadline_s=0.2)
    with pytest.raises(EngineError, match="total_deadline_s") as caught:
        asyncio.run(engine.ask(request("x")))
    assert caught.value.attempts == len(inner.requests) == 2


def test_every_request_inside_a_rate_limit_takes_a_place() -> None:
    clock = FakeClock()
    inner = ScriptedEngine([Reply(text="x", attempts=3), "y"])
    engine = RateLimited(inner, requests_per_minute=3, clock=clock, sleep=clock.sleep)
    began = clock.now
    for _ in range(2):
        asyncio.run(engine.ask(request("x")))
    assert clock.now - began == 60


class Silent(ScriptedEngine):
    """Never answers."""

    async def ask(self, request: Request) -> Reply:
        self.requests.append(request)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")


@pytest.mark.parametrize("keep_failure", [True, False])
def test_a_call_may_not_outlast_the_time_of_the_run(tmp_path: Path, keep_failure: bool) -> None:
    engine: Engine = Retrying(Silent([]), total_deadline_s=900)
    for mode in ("live", "partial"):
        run = Run(tmp_path / "run", budget=Budget(seconds=0.2), mode=mode)
        if mode == "live" or keep_failure:
            with pytest.raises(BudgetExhausted, match=r"0\.2 seconds .*'here' was given up") as e:
                asyncio.run(run.ask(engine, request("x"), "here", keep_failure=keep_failure))
            assert e.value.what == "seconds"
        assert run.ledger.total.failed_attempts == 1
        run.close()
