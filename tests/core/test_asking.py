"""One question, at most one more: how a model's answer becomes a value."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from textgrad_core.asking import Answer, ask_value
from textgrad_core.budget import Budget
from textgrad_core.engine.protocol import Reply
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import AnswerError, BudgetExhausted, EngineError, Invalid
from textgrad_core.optimizer.assembly import UpdateTask, update_request
from textgrad_core.parsing import wrap
from textgrad_core.run import Run
from textgrad_core.variable import Gradient

ASKED = update_request(
    UpdateTask(role="a number", current="1", feedback=(Gradient(text="more"),)),
    sample=3,
    params={"temperature": 0.5},
)


def number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is no number", "write digits") from error


def ask(
    replies: Sequence[str | Reply | Exception], run: Run | None = None
) -> tuple[Answer[int], ScriptedEngine]:
    engine = ScriptedEngine(replies)
    return asyncio.run(ask_value(run or Run(), engine, ASKED, "here", number)), engine


def good(value: object) -> str:
    return f"Because.\n{wrap(str(value), ASKED.form.nonce)}"


def test_a_good_answer_is_asked_for_once() -> None:
    answer, engine = ask([good(7)])
    assert answer.value == 7
    assert [r.purpose for r in engine.requests] == ["proposal"]


@pytest.mark.parametrize(
    "bad",
    ["no value at all", wrap("", ASKED.form.nonce), Reply(text="<VALUE", finish_reason="length")],
)
def test_a_bad_form_is_repaired_from_the_answer_alone(bad: str | Reply) -> None:
    answer, engine = ask([bad, good(8)])
    assert answer.value == 8
    first, repair = engine.requests
    assert repair.purpose == "repair"
    assert repair.params == first.params
    assert (bad if isinstance(bad, str) else bad.text) in repair.messages[-1].content
    assert f"<VALUE-{ASKED.form.nonce}>" in repair.messages[-1].content


def test_a_bad_value_is_mended_in_the_conversation() -> None:
    answer, engine = ask([good("seven"), good(9)])
    assert answer.value == 9
    first, repair = engine.requests
    assert repair.messages[: len(first.messages)] == first.messages
    assert repair.messages[-2].content == good("seven")
    assert "'seven' is no number" in repair.messages[-1].content
    assert "write digits" in repair.messages[-1].content
    assert (repair.sample, repair.params) == (first.sample, first.params)


@pytest.mark.parametrize(
    ("replies", "why"),
    [
        (["nothing", "nothing"], "no value was found"),
        (["nothing", good("seven")], "'seven' is no number"),
        ([good("seven"), good("eight")], "'eight' is no number"),
        ([good("seven"), "nothing"], "no value was found"),
    ],
)
def test_there_is_only_one_repair(replies: list[str], why: str) -> None:
    with pytest.raises(AnswerError, match=why):
        ask(replies)


def test_an_engine_that_fails_is_no_bad_answer() -> None:
    with pytest.raises(EngineError, match="away"):
        ask([EngineError("away", kind="network")])
    with pytest.raises(EngineError, match="away"):
        ask(["nothing", EngineError("away", kind="network")])


def test_a_repair_is_counted() -> None:
    run = Run(budget=Budget(calls=1))
    with pytest.raises(BudgetExhausted):
        ask(["nothing", good(1)], run)
    assert run.meter.used["calls"] == 1
