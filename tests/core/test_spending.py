"""What calls took: exactly what the server counted, by place and in all; the rest is unknown."""

from __future__ import annotations

import asyncio
import json
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from engines import Recorder
from fault_server import FaultServer
from textgrad_core.budget import Budget
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.engine.retrying import Retrying, RetryRule
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import (
    BudgetExhausted,
    EngineError,
    MissingExtra,
    UsageError,
)
from textgrad_core.prices import PriceTable, load_prices, price_table
from textgrad_core.run import Run
from toy_domain import ToyDomain

PRICES = {
    "currency": "EUR",
    "models": {
        "m": {"prompt_per_million": 2, "completion_per_million": 10},
        "scripted": {"prompt_per_million": 1_000_000, "completion_per_million": 1_000_000},
    },
}


def request(text: str, **params: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), params=params)


def counted(sent: int | None, received: int | None) -> Reply:
    return Reply(text="ok", prompt_tokens=sent, completion_tokens=received)


async def ask_all(run: Run, engine: OpenAIEngine, count: int) -> None:
    retrying = Retrying(engine, RetryRule(retries=200, first_wait_s=0))
    words = [f"{'word ' * (n + 1)}" for n in range(count)]
    try:
        await asyncio.gather(
            *(run.ask(retrying, request(w), f"site {n % 5}/{n}") for n, w in enumerate(words))
        )
    finally:
        await engine.aclose()


@pytest.mark.parametrize("scenario", ["counted", "flaky"])
def test_usage_equals_what_the_server_counted(scenario: str) -> None:
    pytest.importorskip("openai", reason="the openai extra is not installed")
    with FaultServer(lambda b: "x" * len(b["messages"][0]["content"]), delay_s=0.01) as server:
        engine = OpenAIEngine("m", server.url(scenario), max_retries=0, max_concurrency=7)
        run = Run(prices=PRICES)
        asyncio.run(ask_all(run, engine, 30))
        told, requests = server.told, server.count(scenario)
    total = run.ledger.total
    assert total.prompt_tokens == sum(sent for sent, _ in told) == 30 * 31 // 2
    assert total.completion_tokens == sum(received for _, received in told)
    assert run.meter.used["tokens"] == total.tokens
    assert total.failed_attempts == requests - 30
    assert (total.failed_attempts > 0) == (scenario == "flaky")
    assert total.cost == Decimal(sum(2 * s + 10 * r for s, r in told)) / 1_000_000
    by_site = run.ledger.by_site
    assert {s: t.prompt_tokens for s, t in by_site.items()} == {
        f"site {n % 5}/{n}": n + 1 for n in range(30)
    }


def test_recalled_calls_count_like_those_that_were_made(tmp_path: Path) -> None:
    seen = []
    engine = ScriptedEngine([counted(3, 4), Reply(text="b", prompt_tokens=5, attempts=2)])
    for _ in range(2):
        with Run(tmp_path / "run", prices=PRICES) as run:
            for n in range(2):
                asyncio.run(run.ask(engine, request("hello"), f"{n}"))
            seen.append((run.ledger.total, run.meter.used))
    assert seen[0] == seen[1]
    total = seen[0][0]
    assert (total.prompt_tokens, total.completion_tokens, total.cost) == (8, None, None)
    assert (total.counted_completion_tokens, total.priced, total.unpriced) == (4, Decimal(7), 1)
    assert total.failed_attempts == 1


def test_what_nobody_counted_or_priced_is_unknown() -> None:
    run = Run(prices=PRICES)
    asyncio.run(run.ask(Recorder(), request("x"), "1"))
    assert (run.ledger.total.tokens, run.ledger.total.cost) == (None, None)
    bare = Run()
    asyncio.run(bare.ask(ScriptedEngine([counted(1, 1)]), request("x"), "1"))
    assert (bare.ledger.total.tokens, bare.ledger.total.cost) == (2, None)


def test_failed_calls_are_told_and_cost_an_unknown_amount() -> None:
    run = Run(budget=Budget(tokens=5_000))
    failing = ScriptedEngine([EngineError("down", kind="server", attempts=3)])
    with pytest.raises(EngineError):
        asyncio.run(run.ask(failing, request("x"), "here"))
    assert run.ledger.by_site["here"].failed_attempts == 3
    assert (run.ledger.total.calls, run.meter.used["tokens"]) == (0, 0)


def test_tokens_are_reserved_before_and_settled_after() -> None:
    engine = ScriptedEngine(lambda _: counted(10, 10))
    run = Run(budget=Budget(tokens=150))
    asked = request("x" * 40, max_tokens=86)  # 14 and 86 are expected, 20 are used
    for n in range(3):
        asyncio.run(run.ask(engine, asked, f"{n}"))
        assert run.meter.used["tokens"] == 20 * (n + 1)
    with pytest.raises(BudgetExhausted, match=r"150 tokens .*60 used"):
        asyncio.run(run.ask(engine, asked, "more"))
    assert len(engine.requests) == 3


def test_calls_under_way_hold_what_they_may_take() -> None:
    engine = Recorder(yields=lambda _: 3)
    run = Run(budget=Budget(tokens=250))
    asked = request("x" * 40, max_tokens=86)

    async def four() -> list[Any]:
        return await asyncio.gather(
            *(run.ask(engine, asked, f"{n}") for n in range(4)), return_exceptions=True
        )

    kinds = [type(answer) for answer in asyncio.run(four())]
    assert kinds == [Reply, Reply, BudgetExhausted, BudgetExhausted]


def test_money_is_refused_before_it_is_spent() -> None:
    engine = ScriptedEngine(lambda _: counted(1, 2))
    run = Run(budget=Budget(cost=12), prices=PRICES)
    asked = request("", max_tokens=3)  # 4 and 3 are expected, each costs 1
    for n in range(2):
        asyncio.run(run.ask(engine, asked, f"{n}"))
    assert run.meter.used["cost"] == 6
    with pytest.raises(BudgetExhausted, match="12 cost"):
        asyncio.run(run.ask(engine, asked, "more"))
    assert len(engine.requests) == 2


def test_a_limit_of_money_needs_a_price() -> None:
    with pytest.raises(UsageError, match="give prices"):
        Run(budget=Budget(cost=1))
    engine = Recorder()
    run = Run(budget=Budget(cost=1), prices=PRICES)
    with pytest.raises(UsageError, match=r"do not name 'recorder'.*nothing was sent"):
        asyncio.run(run.ask(engine, request("x"), "1"))
    assert engine.requests == []


def test_no_call_is_sent_when_the_time_is_up_but_the_record_answers(tmp_path: Path) -> None:
    engine = Recorder()
    with Run(tmp_path / "run") as run:
        asyncio.run(run.ask(engine, request("x"), "1"))
    with Run(tmp_path / "run", budget=Budget(seconds=1e-9)) as late:
        assert asyncio.run(late.ask(engine, request("x"), "1")).text == "x"
        with pytest.raises(BudgetExhausted, match="seconds"):
            asyncio.run(late.ask(engine, request("y"), "2"))
    assert len(engine.requests) == 1


@pytest.mark.parametrize("limits", [{"tokens": 3_000}, {"cost": 3_000.0}])
def test_a_search_ends_with_what_it_has_when_a_limit_is_reached(limits: dict[str, Any]) -> None:
    engine = ScriptedEngine(lambda _: counted(300, 300))
    result = tg.optimize(
        "AAAT",
        ToyDomain(target=None),
        engine=engine,
        budget=Budget(**limits),
        prices=PRICES,
        params={"max_tokens": 100},
        cache="off",
        steps=50,
    )
    assert f"budget of 3000 {next(iter(limits))} is used up" in result.stop_reason
    assert result.usage.cost is not None
    assert 0 < result.usage.cost <= 3000 + 600 * 4
    assert result.usage.prompt_tokens == 300 * len(engine.requests)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_cost_is_exact(sent: int, received: int) -> None:
    price = price_table(
        {"models": {"m": {"prompt_per_million": 0.1, "completion_per_million": "0.7"}}}
    ).of("m")
    assert price is not None
    assert price.cost(sent, received) * 10**7 == sent + 7 * received


def test_prices_come_from_toml_or_json_or_plain_data(tmp_path: Path) -> None:
    toml, plain = tmp_path / "prices.toml", tmp_path / "prices.json"
    toml.write_text(
        'currency = "EUR"\n[models.m]\nprompt_per_million = 2\ncompletion_per_million = 10\n'
        "[models.scripted]\nprompt_per_million = 1e6\ncompletion_per_million = 1000000.0\n",
        "utf-8",
    )
    plain.write_text(json.dumps(PRICES), "utf-8")
    assert load_prices(toml) == load_prices(plain) == price_table(PRICES)


def test_a_model_that_is_not_named_has_no_price() -> None:
    table = price_table(PRICES)
    assert table.of("M", "m ", "m-2026", "") is None
    assert table.of("unknown", "m") == table.models["m"]
    assert PriceTable().of("m") is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"models": {}}, "no models"),
        ({"model": {"m": {}}}, "'model'"),
        ({"models": {"m": 3}}, "price of 'm' is 3"),
        ({"models": {"m": {"prompt_per_million": 1}}}, "completion_per_million"),
        *(
            (
                {"models": {"m": {"prompt_per_million": n, "completion_per_million": 1}}},
                "number from 0",
            )
            for n in (-1, "free", True, float("nan"), None)
        ),
    ],
)
def test_prices_that_are_none_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        price_table(wrong)


@pytest.mark.parametrize("text", ["[models", '["m"]', ""])
def test_a_file_without_prices_is_named(tmp_path: Path, text: str) -> None:
    for name in ("p.toml", "p.json"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        with pytest.raises(UsageError):
            load_prices(path)
    with pytest.raises(UsageError, match="gone"):
        load_prices(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    "error",
    [
        EngineError("m", kind="rate", retryable=True, attempts=3, request_id="r", retry_after_s=2),
        BudgetExhausted("tokens", 9, 10),
        MissingExtra("docking", ("vina",), "molecules"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_travel_between_processes_with_every_field(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_a_price_table_reads_back_exactly_what_it_says() -> None:
    table = price_table(PRICES)
    assert price_table(table.to_json()) == table
