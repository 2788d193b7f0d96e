"""The eleven forms of answer that an optimizer meets, one test each, through the optimizer."""

from __future__ import annotations

import pytest

from engines import Recorder, last_words
from textgrad_core.answer_forms import fenced_blocks
from textgrad_core.domain import Constraint
from textgrad_core.engine.protocol import Reply, Request
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import EngineError
from textgrad_core.optimizer import TGD
from textgrad_core.parsing import wrap
from textgrad_core.variable import Variable
from toy_domain import ToyDomain
from writers import answering, leaf, nonce


def test_no_tags_is_repaired_by_one_call() -> None:
    engine = answering("The new value is new.", "<VALUE-@>new</VALUE-@>")
    variable = leaf()
    assert TGD([variable], engine=engine).step().failures == ()
    assert variable.value == "new"
    assert [r.purpose for r in engine.requests] == ["proposal", "repair"]
    assert "The new value is new." in last_words(engine.requests[1])


def test_no_tags_in_the_repair_either_keeps_the_value_and_says_so() -> None:
    engine = answering("new.", "Still new.")
    variable = leaf("old", "the motto")
    report = TGD([variable], engine=engine).step()
    assert variable.value == "old"
    assert report.changed == ()
    assert report.failures[0].startswith("the motto: unusable answer, also after one repair")


def test_only_the_opening_tag_is_enough() -> None:
    engine = answering("Here:\n<VALUE-@>new")
    variable = leaf()
    TGD([variable], engine=engine).step()
    assert variable.value == "new"
    assert len(engine.requests) == 1


def test_only_the_opening_tag_is_not_enough_if_the_answer_was_cut() -> None:
    replies: list[str | Reply] = [
        Reply(text="<VALUE>half a val", finish_reason="length"),
        "<VALUE>whole</VALUE>",
    ]
    engine = ScriptedEngine([*replies])
    variable = leaf()
    TGD([variable], engine=engine).step()
    assert variable.value == "whole"
    assert "cut at the token limit" in engine.requests[1].messages[-1].content


@pytest.mark.parametrize(
    "answer",
    [
        "<improved_variable>new</improved_variable>",
        "<IMPROVED_VARIABLE>\nnew\n</IMPROVED_VARIABLE>",
        "< Improved_Variable >new</ improved_variable >",
        "<value>new</value>",
        "< VALUE-@ >new</ value-@ >",
    ],
)
def test_tags_in_another_case_or_with_blanks_are_read(answer: str) -> None:
    engine = answering(answer)
    variable = leaf()
    TGD([variable], engine=engine).step()
    assert variable.value == "new"
    assert len(engine.requests) == 1


def test_a_tag_mentioned_in_prose_is_no_answer() -> None:
    engine = answering("I use the <VALUE-@> tags.\n<VALUE-@>new</VALUE-@>")
    variable = leaf()
    TGD([variable], engine=engine).step()
    assert variable.value == "new"


def test_a_draft_inside_the_thinking_is_no_answer() -> None:
    engine = answering("<think><VALUE-@>draft</VALUE-@></think><VALUE-@>new</VALUE-@>")
    variable = leaf()
    TGD([variable], engine=engine).step()
    assert variable.value == "new"


class Fenced(ToyDomain):
    """Words that may come in a fence."""

    def parse(self, answer: str) -> str:
        """Unwrap, then read."""
        blocks = fenced_blocks(answer)
        return super().parse(blocks[0] if blocks else answer)


def test_a_fence_inside_the_tags_is_for_the_domain_to_unwrap() -> None:
    fenced = "<VALUE-@>\n```\nACGTAC\n```\n</VALUE-@>"
    plain = leaf()
    TGD([plain], engine=answering(fenced)).step()
    assert plain.value == "```\nACGTAC\n```"
    word = Variable("ACGT", role_description="a DNA word", domain=Fenced())
    word.gradients.add("longer")
    TGD([word], engine=answering(fenced)).step()
    assert word.value == "ACGTAC"


def test_a_value_may_hold_the_tags() -> None:
    value = "write <VALUE>x</VALUE> and </IMPROVED_VARIABLE>"
    engine = answering(f"<VALUE-@>{value}</VALUE-@>")
    variable = leaf("between <VALUE> and </VALUE>")
    TGD([variable], engine=engine).step()
    assert variable.value == value


def test_nothing_between_the_tags_is_repaired() -> None:
    engine = answering("<VALUE-@></VALUE-@>", "<VALUE-@>new</VALUE-@>")
    variable = leaf()
    TGD([variable], engine=engine).step()
    assert variable.value == "new"
    assert "the value is empty" in last_words(engine.requests[1])


@pytest.mark.parametrize("kind", ["refused", "empty"])
def test_a_refusal_keeps_the_value_and_is_told(kind: str) -> None:
    refusal = EngineError("content filter", kind="refused" if kind == "refused" else "empty")
    one, other = leaf("old", "the first"), leaf("old", "the second")

    def answer(request: Request) -> str:
        if "the first" in last_words(request):
            raise refusal
        return wrap("new", nonce(request))

    report = TGD([one, other], engine=Recorder(answer)).step()
    assert (one.value, other.value) == ("old", "old")
    assert "the model gave no answer" in report.failures[0]
    assert kind in report.failures[0]


def test_indentation_is_part_of_the_value() -> None:
    engine = answering("<VALUE-@>\n    def f():\n        return 1\n\n</VALUE-@>")
    variable = leaf("    def f():\n        return 0")
    TGD([variable], engine=engine).step()
    assert variable.value == "    def f():\n        return 1"


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_one_bad_answer_of_three(all_or_nothing: bool) -> None:
    def answer(request: Request) -> str:
        if "the second" in last_words(request) or request.purpose == "repair":
            return "I would rather not."
        return wrap("new", nonce(request))

    three = [leaf("old", role) for role in ("the first", "the second", "the third")]
    report = TGD(three, engine=Recorder(answer), all_or_nothing=all_or_nothing).step()
    values = ["old"] * 3 if all_or_nothing else ["new", "old", "new"]
    assert [v.value for v in three] == values
    assert report.changed == (() if all_or_nothing else (three[0], three[2]))
    assert len(report.failures) == 1
    assert report.failures[0].startswith("the second: ")


def test_a_rule_that_cannot_be_checked_is_told_to_the_model() -> None:
    even: Constraint[str] = Constraint(words="an even number", holds=lambda t: int(t) % 2 == 0)
    engine = answering("<VALUE-@>two</VALUE-@>", "<VALUE-@>2</VALUE-@>")
    variable = leaf()
    TGD([variable], engine=engine, constraints=[even]).step()
    assert variable.value == "2"
    assert "could not be checked: an even number" in last_words(engine.requests[1])
