"""Sites of operations inside the feedback of other operations: short, unique, the same always."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import textgrad_core as tg
from engines import Recorder
from textgrad_core.autograd.function import BackwardContext, Function
from textgrad_core.journal_lines import Entry


def leaf(value: str = "text") -> tg.Variable:
    return tg.Variable(value, role_description="a text")


class Asking(Function):
    """An operation whose feedback builds the next one, asks a model, and goes back through it."""

    def __init__(self, engine: Any, levels: int) -> None:
        self._engine, self._levels = engine, levels

    def forward(self, given: tg.Variable) -> tg.Variable:
        out = tg.Variable(given.value, predecessors=[given], role_description="a copy")
        out.set_grad_fn(BackwardContext(self.backward, given))
        return out

    def backward(self, given: tg.Variable, backward_engine: Any) -> None:
        inner = leaf(given.value)
        if self._levels:
            copied = Asking(self._engine, self._levels - 1)(inner)
            tg.LLMCall(self._engine)(copied).backward(backward_engine)
        given.gradients.add(inner.get_gradient_text() or "the innermost")


def sites(levels: int, waits: int = 0, width: int = 2) -> list[str]:
    """Where models were asked, in a batch of operations nested so deeply."""
    heard: list[Entry] = []
    engine = Recorder(lambda _: "well", yields=lambda r: waits * len(r.messages[-1].content) % 7)
    with tg.Run(listeners=[heard.append]):
        losses = [Asking(engine, levels)(leaf(f"text {n}")) for n in range(width)]
        tg.sum(losses).backward(engine)
    return [entry.site for entry in heard if entry.kind == "model"]


def test_sites_are_unique_and_the_same_under_any_timing() -> None:
    found = sites(4)
    assert len(set(found)) == len(found) > 8
    assert sorted(sites(4, waits=3)) == sorted(found)


def test_sites_grow_by_the_same_length_with_each_level() -> None:
    longest = [max(len(site) for site in sites(levels, width=1)) for levels in (2, 4, 6, 8)]
    steps = [b - a for a, b in pairwise(longest)]
    assert len(set(steps)) == 1
    assert steps[0] < 300


def test_a_backward_inside_a_backward_function_gives_its_feedback_there() -> None:
    engine = Recorder(lambda r: "go deeper" if r.purpose == "feedback" else "an answer")
    inner = leaf("made before")

    class Nested(Function):
        def forward(self, given: tg.Variable) -> tg.Variable:
            out = tg.Variable(given.value, predecessors=[given], role_description="a copy")
            out.set_grad_fn(BackwardContext(self.backward, given))
            return out

        def backward(self, given: tg.Variable, backward_engine: Any) -> None:
            tg.LLMCall(engine)(inner).backward(backward_engine)
            given.gradients.add(f"from inside: {inner.get_gradient_text()}")

    outer = leaf("outer")
    Nested()(outer).backward(engine)
    assert outer.get_gradient_text() == "from inside: go deeper"
    assert [g.text for g in inner.gradients] == ["go deeper"]
