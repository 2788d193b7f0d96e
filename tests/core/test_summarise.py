"""Feedback that does not fit: a tree of summaries, and what is never summarised."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import Recorder, down, last_words
from textgrad_core.engine.protocol import Request
from textgrad_core.errors import EngineError
from textgrad_core.optimizer import TGD
from textgrad_core.optimizer.feedback import feedback_block
from textgrad_core.optimizer.summarise import FAN_IN, condensed, tree
from textgrad_core.parsing import wrap
from textgrad_core.run import Run
from textgrad_core.variable import Gradient, Variable
from writers import nonce, writing


class Counting:
    """Makes short texts that name the pieces they stand for."""

    def __init__(self, text: str | None = None) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self._text = text

    async def __call__(self, texts: Sequence[str], limit_chars: int, place: str) -> str:
        self.calls.append((place, len(texts), limit_chars))
        return f"summary {place}" if self._text is None else self._text


def long_feedback(count: int, chars: int = 900) -> list[Gradient]:
    return [
        Gradient(text=f"feedback {n}", context=f"talk {n} " + chars * "c") for n in range(count)
    ]


def test_what_fits_is_not_summarised() -> None:
    gradients = long_feedback(20)
    count = Counting()
    assert asyncio.run(condensed(gradients, 60_000, count)) == tuple(gradients)
    assert count.calls == []


@pytest.mark.parametrize("pieces", [9, 64, 65, 200])
def test_the_tree_is_as_wide_and_as_deep_as_said(pieces: int) -> None:
    count = Counting("s" * 600)
    asyncio.run(condensed(long_feedback(pieces), 700, count))
    levels = [place.partition(".")[0] for place, _, _ in count.calls]
    deepest = math.ceil(math.log(pieces, FAN_IN) - 1e-9)
    assert max(map(int, levels)) == deepest
    assert all(1 < size <= FAN_IN for _, size, _ in count.calls)
    assert len(count.calls) <= math.ceil((pieces - 1) / (FAN_IN - 1)) + deepest


def test_one_level_is_enough_if_its_summaries_fit() -> None:
    count = Counting()
    made = asyncio.run(condensed(long_feedback(200), 60_000, count))
    assert [g.text for g in made] == [f"summary 1.{n}" for n in range(1, 26)]


def test_violations_stay_as_they_are() -> None:
    violations = [Gradient(text=f"broken: {n}", verbatim=True) for n in range(3)]
    given = [*long_feedback(99), *violations]
    count = Counting()
    made = asyncio.run(condensed(given, 5_000, count))
    assert [g for g in made if g.verbatim] == violations
    block = feedback_block(made, 5_000)
    assert all(v.text in block for v in violations)
    assert all("broken" not in str(call) for call in count.calls)


@given(
    texts=st.lists(st.text(max_size=300), max_size=30),
    kept=st.lists(st.text(min_size=1, max_size=40), max_size=4),
    limit=st.integers(300, 3000),
)
def test_the_block_keeps_its_limit_and_what_is_verbatim(
    texts: list[str], kept: list[str], limit: int
) -> None:
    given = [Gradient(text=t) for t in texts] + [Gradient(text=t, verbatim=True) for t in kept]
    made = asyncio.run(condensed(given, limit, Counting()))
    block = feedback_block(made, limit)
    assert len(block) <= limit
    assert all(text in block for text in kept)


def test_an_empty_summary_does_not_make_feedback_vanish() -> None:
    texts = [f"piece {n} " + 100 * "x" for n in range(8)]
    (left,) = asyncio.run(tree(texts, 700, Counting("  ")))
    assert "piece 0 " in left
    assert "5 more pieces of feedback left out" in left


def batch(count: int) -> Variable:
    variable = Variable("old", role_description="the prompt")
    for gradient in long_feedback(count):
        variable.gradients.add(gradient)
    return variable


def test_the_model_writes_the_summaries_and_every_one_is_recorded(tmp_path: Path) -> None:
    for paid in (4, 0):
        engine = writing("new")
        with Run(tmp_path / "run") as run:
            variable = batch(20)
            TGD([variable], engine=engine, max_context_chars=6_000).step()
            assert variable.value == "new"
            assert run.meter.used["calls"] == 4
        assert len(engine.requests) == paid
        if paid:
            summaries = engine.asked("summary")
            assert len(summaries) == 3
            assert all(len(last_words(r)) < 6_000 + 1_000 for r in summaries)
            asked = "".join(last_words(r) for r in summaries)
            assert all(f"feedback {n}\n" in asked for n in range(20))
            assert "in short: " in last_words(engine.asked("proposal")[0])


def test_a_failing_summary_changes_nothing_and_the_rest_is_not_paid_twice(tmp_path: Path) -> None:
    failures = ["once"]

    def answer(request: Request) -> str:
        if request.purpose != "summary":
            return wrap("new", nonce(request))
        if "feedback 9\n" in last_words(request) and failures:
            failures.pop()
            raise down()
        return "short"

    engine = Recorder(answer)
    with Run(tmp_path / "run"):
        variable = batch(20)
        optimizer = TGD([variable], engine=engine, max_context_chars=6_000)
        with pytest.raises(EngineError):
            optimizer.step()
        assert variable.value == "old"
        optimizer.step()
    assert variable.value == "new"
    assert len(engine.asked("summary")) == 4


def test_another_summariser_may_take_its_place() -> None:
    count = Counting()
    engine = writing("new")
    TGD([batch(20)], engine=engine, max_context_chars=6_000, summarise=count).step()
    assert len(count.calls) == 3
    assert "summary 1.2" in last_words(engine.requests[0])
    assert len(engine.requests) == 1
