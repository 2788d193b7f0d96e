"""aggregate(): all feedback that comes through it is averaged where it meets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from engines import Recorder, down, last_words
from graphs import Telling
from textgrad_core.autograd.function import FeedbackRequest
from textgrad_core.engine.protocol import Request
from textgrad_core.errors import BackwardError, UsageError
from textgrad_core.loss import TextLoss
from textgrad_core.variable import Gradient, Variable


def leaf(value: str = "x", role: str = "a leaf", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


def merging(request: Request) -> str:
    """A summary that names every label it was shown."""
    return " ".join(re.findall(r"L\d+", last_words(request)))


def told(gradient: Gradient) -> set[str]:
    return set(re.findall(r"L\d+", gradient.text))


@pytest.mark.parametrize(("size", "calls"), [(2, 1), (8, 1), (9, 2), (20, 4), (65, 10)])
def test_every_piece_takes_part_a_few_at_a_time(size: int, calls: int) -> None:
    engine = Recorder(merging)
    v = leaf()
    losses = [Telling(f"L{n}").apply([v], f"loss {n}") for n in range(size)]
    total = tg.aggregate(losses)
    assert total.value == "\n".join(f"L{n}(x)" for n in range(size))
    total.backward(engine=engine)
    (gradient,) = v.gradients
    assert told(gradient) == {f"L{n}" for n in range(size)}
    assert len(engine.requests) == calls  # one that is left alone costs nothing
    assert max(len(re.findall("<PIECE-", last_words(r))) for r in engine.requests) <= 8


def test_a_shared_prompt_gets_one_average_and_each_answer_its_own() -> None:
    def answer(request: Request) -> str:
        if request.purpose == "summary":
            return merging(request)
        return str(re.findall(r"L\d+", str(request.to_json()))[0])

    engine = Recorder(answer)
    system = leaf("Be brief.", "system prompt")
    call, judge = tg.autograd.LLMCall(engine, system), TextLoss("Is it right?", engine)
    asked = [leaf(f"L{n}", "question", requires_grad=False) for n in range(8)]
    answers = [call(q) for q in asked]
    tg.aggregate([judge(a) for a in answers]).backward(engine=engine)
    (gradient,) = system.gradients
    assert told(gradient) == {f"L{n}" for n in range(8)}
    assert all(f"L{n}" in gradient.context for n in range(8))
    assert [[g.text for g in a.gradients] for a in answers] == [[f"L{n}"] for n in range(8)]
    assert len(engine.asked("summary")) == 1
    assert len(engine.asked("feedback")) == 16


def test_what_came_another_way_stays_beside_it() -> None:
    engine = Recorder(merging)
    v = leaf()
    losses = [Telling(f"L{n}").apply([v], f"loss {n}") for n in range(6)]
    (tg.aggregate(losses[:2]) + tg.aggregate(losses[2:4]) + losses[4] + losses[5]).backward(
        engine=engine
    )
    assert sorted(sorted(told(g)) for g in v.gradients) == [
        ["L0", "L1"],
        ["L2", "L3"],
        ["L4"],
        ["L5"],
    ]
    assert len(engine.requests) == 2


def test_an_average_of_averages_is_one() -> None:
    engine = Recorder(merging)
    v = leaf()
    losses = [Telling(f"L{n}").apply([v], f"loss {n}") for n in range(5)]
    tg.aggregate([tg.aggregate(losses[:2]), *losses[2:4], tg.sum(losses[4:])]).backward(
        engine=engine
    )
    assert [told(g) for g in v.gradients] == [{f"L{n}" for n in range(5)}]


def test_an_average_in_the_middle_of_a_graph_goes_on_as_one() -> None:
    engine = Recorder(merging)
    v = leaf()
    middle = Telling("middle").apply([v], "the middle")
    tg.aggregate([Telling(f"L{n}").apply([middle], "loss") for n in range(3)]).backward(
        engine=engine
    )
    (average,) = middle.gradients
    assert told(average) == {"L0", "L1", "L2"}
    assert len(v.gradients) == 1


def test_scores_are_averaged_and_violations_stay_as_they_are() -> None:
    class Scored(Telling):
        async def feedback(
            self,
            request: FeedbackRequest,  # noqa: ARG002 - it always says the same
        ) -> Gradient:
            score = float(self.label[1:])
            return Gradient(text=self.label, score=score, verbatim=score > 5)

    engine = Recorder(merging)
    v = leaf()
    losses = [Scored(f"L{n}").apply([v], "loss") for n in (1, 2, 6, 3)]
    tg.aggregate(losses).backward(engine=engine)
    mean, violation = v.gradients
    assert (violation.text, violation.score) == ("L6", 6)
    assert (mean.text, mean.score) == ("L1 L2 L3", 2)


def test_equal_feedback_costs_nothing() -> None:
    class Same(Telling):
        async def feedback(
            self,
            request: FeedbackRequest,  # noqa: ARG002 - it always says the same
        ) -> Gradient:
            return Gradient(text="shorter", context=self.label)

    v = leaf()
    tg.aggregate([Same(f"L{n}").apply([v], "loss") for n in range(3)]).backward()
    (gradient,) = v.gradients
    assert gradient.text == "shorter"
    assert gradient.context.split() == ["L0", "L1", "L2"]


def test_without_an_engine_it_says_so_and_changes_nothing() -> None:
    v = leaf()
    losses = [Telling(f"L{n}").apply([v], "loss") for n in range(3)]
    with pytest.raises(UsageError, match=r"average 3 pieces .* sum\(\)"):
        tg.aggregate(losses).backward()
    assert not v.gradients
    with pytest.raises(UsageError, match="no variables"):
        tg.aggregate([])


def test_an_average_that_fails_is_asked_again_alone() -> None:
    failures = ["once"]

    def sometimes(request: Request) -> str:
        if failures:
            failures.pop()
            raise down()
        return merging(request)

    engine = Recorder(sometimes)
    v = leaf()
    tells = [Telling(f"L{n}") for n in range(4)]
    total = tg.aggregate([t.apply([v], "loss") for t in tells])
    with pytest.raises(BackwardError, match="average of the feedback for 'a leaf'"):
        total.backward(engine=engine)
    assert not v.gradients
    total.backward(engine=engine)
    assert len(v.gradients) == 1
    assert [t.asked for t in tells] == [[0]] * 4
    assert len(engine.requests) == 2


def test_an_empty_summary_loses_nothing() -> None:
    engine = Recorder(lambda _: "<think>nothing to say</think>")
    v = leaf()
    tg.aggregate([Telling(f"L{n}").apply([v], "loss") for n in range(3)]).backward(engine=engine)
    (gradient,) = v.gradients
    assert told(gradient) == {"L0", "L1", "L2"}


@given(timings=st.tuples(st.integers(0, 9), st.integers(10, 19)), size=st.integers(2, 12))
def test_the_prompts_do_not_depend_on_timing(timings: tuple[int, int], size: int) -> None:
    asked = []
    for timing in timings:
        engine = Recorder(merging, yields=lambda r, t=timing: len(last_words(r)) * t % 5)  # type: ignore[misc]
        v = leaf()
        losses = [Telling(f"L{n}", timing=timing).apply([v], "loss") for n in range(size)]
        tg.aggregate(losses).backward(engine=engine)
        asked.append(sorted(last_words(r) for r in engine.requests))
    assert asked[0] == asked[1]
