"""Operations written as TextGrad's users write them: forward, backward, BackwardContext."""

from __future__ import annotations

from typing import Any

import pytest

import textgrad_core as tg
from engines import Recorder, last_words
from graphs import Telling
from textgrad_core.autograd.function import BackwardContext, Function
from textgrad_core.engine import get_engine
from textgrad_core.errors import BackwardError, UsageError
from textgrad_core.variable import Gradient, Variable


def leaf(value: object = "x", role: str = "a leaf", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


def texts(variable: Variable) -> list[str]:
    return [g.text for g in variable.gradients]


class Upper(Function):
    """As in TextGrad's own style: everything by hand."""

    def __init__(self) -> None:
        self.runs = 0
        self.fails = 0

    def forward(self, first: Variable, second: Variable) -> Variable:
        response = Variable(
            f"{first.value} {second.value}".upper(),
            predecessors=[first, second],
            role_description="shouted text",
        )
        response.set_grad_fn(
            BackwardContext(backward_fn=self.backward, response=response, both=[first, second])
        )
        return response

    def backward(self, response: Variable, both: list[Variable], backward_engine: Any) -> None:
        self.runs += 1
        for variable in both:
            if not variable.requires_grad:
                continue
            written = backward_engine(
                f"{response.get_gradient_text() or 'loss'} about {variable.value}",
                system_prompt="be brief",
            )
            feedback = Variable(written, role_description=f"feedback to {variable.value}")
            variable.gradients.add(feedback)
            variable.gradients_context[feedback] = {
                "context": f"shouting of {variable.value}",
                "response_desc": response.get_role_description(),
                "variable_desc": variable.get_role_description(),
            }
            if self.fails:
                self.fails -= 1
                raise ConnectionError("the server is away")


def test_a_function_in_textgrads_style_takes_part() -> None:
    engine = Recorder(lambda r: f"do better: {last_words(r)}")
    a, b = leaf("a", "first"), leaf("b", "second", requires_grad=False)
    upper = Upper()
    shouted = upper(a, b)
    assert shouted.value == "A B"
    assert isinstance(shouted.get_grad_fn(), BackwardContext)
    assert "Upper.backward" in repr(shouted.get_grad_fn())
    judged = Telling("judge").apply([shouted + "!"], "the verdict")
    judged.backward(engine=engine)
    assert texts(a) == ["do better: judge.0!<-> about a"]
    assert texts(b) == []
    assert [g.context for g in a.gradients] == ["shouting of a"]
    assert texts(shouted) == ["judge.0!<->"]
    (asked,) = engine.requests
    assert asked.messages[0].content == "be brief"
    shouted.backward(engine=engine)
    assert texts(a)[1:] == ["do better: loss about a"]
    assert upper.runs == 2


def test_an_error_in_it_leaves_nothing_behind() -> None:
    upper = Upper()
    a, b = leaf("a"), leaf("b")
    shouted = upper(a, b)
    upper.fails = 1
    with pytest.raises(BackwardError, match="the server is away"):
        shouted.backward(engine=get_engine(lambda prompt: f"to {prompt}"))
    assert texts(a) == texts(b) == texts(shouted) == []
    shouted.backward(engine=get_engine(lambda prompt: f"to {prompt}"))
    assert texts(a) == ["to be brief\n\nloss about a"]
    assert texts(b) == ["to be brief\n\nloss about b"]


def test_it_takes_part_in_everything_else() -> None:
    """One variable twice, a chain of them, a sum, an average."""
    engine = Recorder(lambda r: last_words(r).replace("loss", "words"))
    upper, v = Upper(), leaf("v")
    upper(v, v).backward(engine=engine)
    assert texts(v) == ["words about v", "words about v"]
    v.reset_gradients()
    chained = upper(upper(v, leaf("b")), leaf("c"))
    tg.sum([chained, v]).backward(engine=engine)
    assert texts(v) == ["words about V B about v"]


def test_feedback_on_what_is_no_predecessor_is_refused() -> None:
    hidden, shown = leaf("h", "hidden one"), leaf("s")
    made = Variable("made", predecessors=[shown], role_description="made by hand")

    def backward(backward_engine: object) -> None:
        hidden.gradients.add(Gradient(text=f"words {backward_engine}"))

    made.set_grad_fn(backward)
    with pytest.raises(UsageError, match="hidden one"):
        made.backward()
    assert texts(hidden) == texts(shown) == []
    made.set_grad_fn(None)
    assert made.get_grad_fn() is None
    made.backward()
    assert texts(shown) == []


def test_a_gradient_assigned_in_it_counts_too() -> None:
    v = leaf()
    made = Variable("made", predecessors=[v], role_description="made by hand")

    def backward(backward_engine: object) -> None:
        assert backward_engine is None
        v.gradients = {Gradient(text="the only one")}

    made.set_grad_fn(backward)
    v.gradients.add("from before")
    made.backward()
    assert texts(v) == ["from before", "the only one"]


def test_what_is_not_written_says_so() -> None:
    class Empty(Function):
        pass

    with pytest.raises(NotImplementedError, match="Empty defines no forward"):
        Empty()(leaf())
    with pytest.raises(NotImplementedError, match="Empty defines no compute"):
        _ = Empty().apply([leaf()], "out").value
