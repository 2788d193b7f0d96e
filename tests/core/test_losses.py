"""Losses that measure: exact words, a model's critique, rejections, and broken instruments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import textgrad_core as tg
from engines import Recorder, last_words
from textgrad_core.errors import InstrumentError, UsageError
from textgrad_core.loss import EvaluatorLoss, FeedbackMode
from textgrad_core.outcome import Evaluated, Rejected, Unmeasured
from textgrad_core.run import Run
from textgrad_core.variable import Gradient, Variable
from toy_domain import ToyDomain, distance

FACTS = "distance = 1 letters"


def word(value: str = "ACGTACGA") -> Variable:
    return Variable(value, role_description="a DNA word")


def only(variable: Variable) -> Gradient:
    (gradient,) = variable.gradients
    return gradient


def test_an_exact_loss_needs_no_model() -> None:
    v = word()
    loss = EvaluatorLoss(ToyDomain())(v)
    assert loss.item() == distance("ACGTACGA") == 1
    assert isinstance(loss.outcome, Evaluated)
    assert FACTS in loss.value
    loss.backward()
    gradient = only(v)
    assert gradient.text == loss.value
    assert gradient.score == 1
    assert gradient.data == {"wrong": [8], "tier": "report"}
    assert gradient.source == loss.role_description


@pytest.mark.parametrize("mode", ["llm", "both"])
def test_a_model_may_criticise_the_same_numbers(mode: FeedbackMode) -> None:
    engine = Recorder(lambda _: "<think>hm</think> Change the last letter. ")
    v = word()
    EvaluatorLoss(ToyDomain(), mode, engine)(v).backward()
    (request,) = engine.requests
    assert request.messages[0].content == ToyDomain.critique
    assert FACTS in last_words(request)
    assert "ACGTACGA" in last_words(request)
    said = only(v).text
    assert said.endswith("Change the last letter.")
    assert (FACTS in said) == (mode == "both")
    assert only(v).score == 1


def test_the_engine_of_backward_goes_first() -> None:
    own, given = Recorder(lambda _: "own"), Recorder(lambda _: "given")
    v = word()
    EvaluatorLoss(ToyDomain(), "llm", own)(v).backward(given)
    assert only(v).text == "given"
    assert own.requests == []
    with pytest.raises(UsageError, match="no engine"):
        EvaluatorLoss(ToyDomain(), "llm")(v).backward()


def test_what_cannot_be_given_is_refused_at_once() -> None:
    class Uncritical(ToyDomain):
        critique = None  # type: ignore[assignment]

    wrong: Any = "exactly"
    with pytest.raises(UsageError, match=r"'exactly'.*'exact', 'llm' or 'both'"):
        EvaluatorLoss(ToyDomain(), wrong)
    for mode in ("llm", "both"):
        with pytest.raises(UsageError, match="'toy' has no critique"):
            EvaluatorLoss(Uncritical(), mode)
    EvaluatorLoss(Uncritical())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("ACGX", "letters X (use A, C, G and T only)"),
        ("", "the word is empty"),
        ("AAAAC", "a constraint is broken: no letter four times in a row"),
        ("GG", "GG is refused by the instrument (change it)"),
    ],
)
def test_a_rejection_is_feedback_without_a_score(tmp_path: Path, value: str, reason: str) -> None:
    domain = ToyDomain(counter=str(tmp_path / "uses"), rejected=("GG",))
    v = word(value)
    loss = EvaluatorLoss(domain)(v)
    loss.backward()
    assert isinstance(loss.outcome, Rejected)
    assert loss.item() is None
    assert reason in only(v).text
    assert only(v).score is None
    assert only(v).data is None
    assert domain.evaluations() == (value == "GG")  # nothing is paid for what is no value


@pytest.mark.parametrize("failure", ["unmeasured", "raise", "exit"])
def test_a_broken_instrument_is_an_error_and_no_score(failure: str) -> None:
    v = word()
    loss = EvaluatorLoss(ToyDomain(broken={"ACGTACGA": failure}))(v)
    assert isinstance(loss.outcome, Unmeasured)
    with pytest.raises(InstrumentError, match="toy"):
        _ = loss.value
    with pytest.raises(InstrumentError):
        loss.item()
    with pytest.raises(InstrumentError):
        loss.backward()
    assert len(v.gradients) == 0
    assert isinstance(loss.outcome, Unmeasured)


def test_after_a_repair_the_same_program_goes_on(tmp_path: Path) -> None:
    broken = {"ACGTACGA": "unmeasured"}
    domain = ToyDomain(counter=str(tmp_path / "uses"), broken=broken, heals_after=2)

    def program() -> list[float | None]:
        with Run(tmp_path / "run", retries=0):
            return [EvaluatorLoss(domain)(word(w)).item() for w in ("ACGTACGT", "ACGTACGA")]

    with pytest.raises(InstrumentError):
        program()
    assert program() == [0, 1]
    assert program() == [0, 1]
    assert domain.evaluations() == 3


def test_nothing_is_left_to_say_when_every_target_is_met() -> None:
    v = word("ACGTACGT")
    EvaluatorLoss(ToyDomain())(v).backward()
    assert len(v.gradients) == 0
    EvaluatorLoss(ToyDomain(target=None))(v).backward()
    assert len(v.gradients) == 1
    EvaluatorLoss(ToyDomain(target=1.0))(word()).backward()


@pytest.mark.parametrize("mode", ["llm", "both"])
def test_where_a_critic_writes_it_has_to_find_nothing_too(mode: Any) -> None:
    content, critical = word("ACGTACGT"), word("ACGTACGT")
    silent = tg.get_engine(lambda _: " **Nothing to change.**\n")
    EvaluatorLoss(ToyDomain(), mode, silent)(content).backward()
    assert len(content.gradients) == 0
    strict = tg.get_engine(lambda _: "Shorter, please.")
    EvaluatorLoss(ToyDomain(), mode, strict)(critical).backward()
    assert "Shorter, please." in only(critical).text


def test_a_critic_that_finds_nothing_does_not_outvote_the_measurement() -> None:
    v = word()
    silent = tg.get_engine(lambda _: "NOTHING TO CHANGE")
    loss = EvaluatorLoss(ToyDomain(), "llm", silent)(v)
    loss.backward()
    assert only(v).text == loss.value


@pytest.mark.parametrize(
    ("direction", "score", "met"),
    [("min", 2.0, True), ("min", 2.1, False), ("max", 2.0, True), ("max", 1.9, False)],
)
def test_a_target_is_met_from_the_better_side(direction: Any, score: float, met: bool) -> None:
    class Goal(ToyDomain):
        def __post_init__(self) -> None:
            goal = tg.Objective(name="distance", direction=direction, target=2.0)
            self.objectives = (goal,)

        def evaluate(self, value: str, context: tg.EvaluationContext) -> tg.Outcome:
            return Evaluated(scores={"distance": score}, feedback=f"{value} {context.tier}")

    v = word()
    loss = EvaluatorLoss(Goal())(v)
    loss.backward()
    assert len(v.gradients) == (not met)
    assert loss.item() == (score if direction == "min" else -score)


def test_feedback_on_the_measurement_is_added_to_it() -> None:
    v = word()
    loss = EvaluatorLoss(ToyDomain())(v)
    loss.backward(gradient="Only the last letter matters.")
    assert only(v).text == f"{loss.value}\n\nOnly the last letter matters."


def test_a_sum_of_measurements_has_their_sum_as_score() -> None:
    losses = [EvaluatorLoss(ToyDomain())(word(w)) for w in ("ACGTACGA", "ACGTACAA", "TTT")]
    total = tg.sum(losses)
    assert total.item() == sum(distance(w) for w in ("ACGTACGA", "ACGTACAA", "TTT"))
    plain = Variable("a remark", role_description="a remark")
    assert tg.sum([*losses, plain]).item() is None


def test_tier_and_seed_reach_the_instrument() -> None:
    class Seeing(ToyDomain):
        def evaluate(self, value: str, context: tg.EvaluationContext) -> tg.Outcome:
            return Evaluated(scores={"distance": context.seed}, feedback=f"{value} {context.tier}")

    loss = EvaluatorLoss(Seeing(), tier="screen", seed=42)(word())
    assert loss.item() == 42
    assert isinstance(loss.outcome, Evaluated)
    assert loss.outcome.feedback.endswith("screen")
