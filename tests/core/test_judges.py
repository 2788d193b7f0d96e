"""Losses in which a model judges several values, a choice, an image."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from engines import Recorder, last_words
from strategies import hostile_values
from textgrad_core.engine.protocol import Image
from textgrad_core.errors import AnswerError, UsageError
from textgrad_core.loss import (
    ImageQALoss,
    MultiChoiceTestTime,
    MultiFieldEvaluation,
    MultiFieldTokenParsedEvaluation,
)
from textgrad_core.variable import Variable

PNG = b"\x89PNG\r\n\x1a\n....."
ROLES = ["the prediction {x}", "the truth"]


def leaf(value: object = "x", role: str = "a leaf", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


def judging() -> Recorder:
    return Recorder(lambda r: "wrong" if r.purpose == "forward" else "be right")


@given(instruction=hostile_values(), value=hostile_values())
def test_values_are_shown_under_their_roles_as_they_are(instruction: str, value: str) -> None:
    engine = judging()
    prediction, truth = leaf(value, "an answer"), leaf("42", "from a table", False)
    loss = MultiFieldEvaluation(leaf(instruction, requires_grad=False), ROLES, engine)
    out = loss([prediction, truth])
    assert out.value == "wrong"
    assert last_words(engine.requests[0]) == (
        f"{instruction}\n**the prediction {{x}}**: {value}\n**the truth**: 42"
    )
    out.backward()
    assert [g.text for g in prediction.gradients] == ["be right"]
    assert not truth.gradients
    assert prediction.role_description == "an answer"
    assert len(engine.asked("feedback")) == 1


def test_values_may_be_given_in_three_ways() -> None:
    engine = judging()
    a, b = leaf("a"), leaf("b")
    loss = MultiFieldEvaluation("Same?", ROLES, engine)
    for out in (loss([a, b]), loss(a, b), loss(dict(zip(reversed(ROLES), (b, a), strict=True)))):
        assert out.value == "wrong"
    assert len({last_words(r) for r in engine.requests}) == 1
    with pytest.raises(UsageError, match="1 inputs for 2 roles"):
        loss([a])
    with pytest.raises(UsageError, match="the roles are"):
        loss({"other": a})
    with pytest.raises(UsageError, match="role_descriptions is empty"):
        MultiFieldEvaluation("Same?", [], engine)
    with pytest.raises(UsageError, match="is None"):
        MultiFieldEvaluation(None, ROLES, engine)  # type: ignore[arg-type]


def test_an_instruction_and_a_system_prompt_may_improve() -> None:
    engine = judging()
    instruction, system = leaf("Same?", "instruction"), leaf("Be fair.", "system prompt")
    loss = MultiFieldEvaluation(instruction, ROLES, engine, system)
    assert loss.parameters() == [instruction, system]
    frozen = leaf(requires_grad=False)
    loss([frozen, frozen]).backward()
    assert len(instruction.gradients) == len(system.gradients) == 1


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("It is <ACC> 1 </ACC>.", "1"),
        ("<acc>0</acc>", "0"),
        ("< ACC >yes</ ACC >", "yes"),
        ("I will write <ACC> tags. <ACC>1</ACC>", "1"),
        ("<ACC>0</ACC> no: <ACC>1</ACC>", "1"),
        ("<think><ACC>0</ACC></think><ACC>1</ACC>", "1"),
        ("<ACC>\nmany\nlines\n</ACC>", "many\nlines"),
    ],
)
def test_a_result_is_found_between_tags(answer: str, result: str) -> None:
    loss = MultiFieldTokenParsedEvaluation(
        "Same?", ROLES, Recorder(lambda _: answer), parse_tags=["<ACC>", "</ACC>"]
    )
    assert loss.parse_output(loss([leaf(), leaf()])) == result
    assert loss.parse_output(answer) == result


@pytest.mark.parametrize("answer", ["", "1", "<ACC>", "</ACC> 1 <ACC>", "<ACC> 1"])
def test_a_result_that_is_not_there_is_no_index_error(answer: str) -> None:
    loss = MultiFieldTokenParsedEvaluation(
        "Same?", ROLES, Recorder(), parse_tags=["<ACC>", "</ACC>"]
    )
    with pytest.raises(AnswerError, match="<ACC>"):
        loss.parse_output(answer)


def test_without_tags_the_answer_is_the_result() -> None:
    loss = MultiFieldTokenParsedEvaluation("Same?", ROLES, Recorder())
    assert loss.parse_output(leaf(" 1\n")) == "1"
    with pytest.raises(UsageError, match="parse_tags holds 1"):
        MultiFieldTokenParsedEvaluation("Same?", ROLES, Recorder(), parse_tags=["<ACC>"])


@pytest.mark.parametrize("question", ["Which {one}?", leaf("Which {one}?", "question", False)])
def test_an_answer_is_judged_while_nobody_knows_the_right_one(question: Any) -> None:
    engine = judging()
    prediction = leaf("B", "the choice")
    out = MultiChoiceTestTime("Look for mistakes.", engine)(question, prediction)
    out.backward()
    shown = last_words(engine.asked("forward")[0])
    assert [part in shown for part in ("Look for mistakes.", "Which {one}?", "B")] == [True] * 3
    assert len(prediction.gradients) == 1
    assert len(engine.asked("feedback")) == 1


def test_an_answer_about_an_image_is_judged_with_it() -> None:
    engine = judging()
    image, response = leaf(PNG, "image", False), leaf("a cat", "answer")
    out = ImageQALoss("Is it right?", engine)(image, leaf("What is it?", "q", False), response)
    out.backward()
    (asked,) = engine.asked("forward")
    assert Image(data=PNG) in asked.messages[-1].parts
    assert "What is it?" in last_words(asked)
    assert len(response.gradients) == 1
    assert Image(data=PNG) in engine.asked("feedback")[0].messages[-1].parts
