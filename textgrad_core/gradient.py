"""Feedback: what it is, and how a variable keeps what it has received."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, MutableSet
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import count
from typing import Any

from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradient:
    """Feedback on one use of one variable.

    Args:
        text: What should change, in words.
        source: Where it comes from: the role of the value it criticises.
        context: The conversation the variable took part in; shared, never copied.
        score: The number behind it, if there is one.
        data: JSON data behind it: sensitivities, per-test results, components.
        verbatim: Whether it must stay as it is, as a violation or a rejection must: it is never
            summarised away.
    """

    text: str
    source: str = ""
    context: str = ""
    score: float | None = None
    data: Mapping[str, JSON] | None = field(default=None, hash=False)
    verbatim: bool = False

    @property
    def value(self) -> str:
        """The same as `text`."""
        return self.text

    def get_value(self) -> str:
        """The same as `text`."""
        return self.text

    def __str__(self) -> str:
        """The text."""
        return self.text

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from textgrad_core.report.notebook import gradient_html

        return gradient_html(self)


class NoFeedback(Enum):
    """The value that says: nothing to change here. Propagation stops at it."""

    NO_FEEDBACK = "no feedback"


NO_FEEDBACK = NoFeedback.NO_FEEDBACK


def as_gradient(feedback: object) -> Gradient:
    """Feedback in any form a person or an instrument gives it: words, a variable, an outcome.

    Raises:
        UsageError: If it says nothing, as a measurement that failed does.
    """
    match feedback:
        case Gradient():
            return feedback
        case str():
            return Gradient(text=feedback)
        case Rejected():
            return Gradient(text=feedback.text, source="rejection", verbatim=True)
        case Evaluated():
            scores = ", ".join(f"{name}: {score:g}" for name, score in feedback.scores.items())
            words = "\n\n".join(part for part in (scores, feedback.feedback) if part)
            return Gradient(text=words, source="measurement", data=dict(feedback.data))
    value = getattr(feedback, "value", None)
    if isinstance(value, str):  # a Variable, as TextGrad's gradients are
        return Gradient(text=value, source=str(getattr(feedback, "role_description", "")))
    raise UsageError(
        f"a {type(feedback).__name__} is no feedback: give text, a Gradient, a Variable that "
        "holds text, or an outcome that says something"
    )


_BY_HAND = "by hand"


class Gradients(MutableSet[Any]):
    """The feedback a variable has received, in order, one entry per edge and round.

    A set in its interface, except that equal feedback from two edges is kept twice.
    """

    __slots__ = ("_by_edge", "_numbers")

    def __init__(self, gradients: Iterable[object] = ()) -> None:
        """Start with hand-written feedback, or none."""
        self._by_edge: dict[object, Gradient] = {}
        self._numbers = count(1)  # atomic, where ``+= 1`` is not: threads may add at once
        for gradient in gradients:
            self.add(gradient)

    def add(self, gradient: object, edge: object = None) -> None:
        """Add feedback; an edge that is given twice keeps the later one.

        Args:
            gradient: Feedback in any form that `as_gradient` understands.
            edge: Where it came from; None if it was written by hand.
        """
        if edge is None:
            edge = (_BY_HAND, next(self._numbers))
        self._by_edge[edge] = as_gradient(gradient)

    def discard(self, gradient: object) -> None:
        """Forget every entry equal to this one."""
        self._by_edge = {e: g for e, g in self._by_edge.copy().items() if not _same(g, gradient)}

    def update(self, *others: Iterable[object]) -> None:
        """Add all of them."""
        for gradients in others:
            for gradient in gradients:
                self.add(gradient)

    def copy(self) -> Gradients:
        """The same feedback in a collection of its own."""
        return Gradients(self)

    @property
    def by_hand(self) -> int:
        """How many were added by hand, not by a backward pass."""
        return sum(isinstance(e, tuple) and e[0] == _BY_HAND for e in self._by_edge.copy())

    def clear(self) -> None:
        """Forget all of it."""
        self._by_edge.clear()

    def __iter__(self) -> Iterator[Gradient]:
        """In the order of arrival, which is that of (consumer, argument)."""
        return iter(tuple(self._by_edge.copy().values()))  # so that a reader survives a writer

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_edge)

    def __contains__(self, gradient: object) -> bool:
        """Whether an equal one is there; a variable is, if its text is."""
        try:
            return any(_same(kept, gradient) for kept in self._by_edge.copy().values())
        except UsageError:
            return False

    def __repr__(self) -> str:
        """The texts."""
        return f"Gradients({[g.text for g in self]})"

    def give_context(self, gradient: object, context: str) -> None:
        """Say of which conversation some feedback speaks.

        Raises:
            KeyError: If the feedback is not there.
        """
        wanted = as_gradient(gradient).text
        edges = [edge for edge, g in self._by_edge.copy().items() if g.text == wanted]
        if not edges:
            raise KeyError(f"no gradient {wanted[:60]!r}: add it before its context")
        self._by_edge[edges[-1]] = replace(self._by_edge[edges[-1]], context=context)


def _same(kept: Gradient, other: object) -> bool:
    """Whether feedback that is kept is what somebody means by another gradient, or by its text."""
    if isinstance(other, Gradient):
        return kept == other
    return kept.text == as_gradient(other).text


class GradientContexts(MutableMapping[Any, Any]):
    """TextGrad's view of the conversations behind gradients: from each to its context.

    A context is a dict with ``context``, ``response_desc`` and ``variable_desc``, or None.

    Args:
        gradients: What is viewed; the contexts are kept there, so they are cleared with it.
        role: The role of the variable.
    """

    def __init__(self, gradients: Gradients, role: str) -> None:
        """View, copy nothing."""
        self._gradients, self._role = gradients, role

    def __getitem__(self, gradient: object) -> dict[str, str] | None:
        """The context of one gradient; None if it has none."""
        wanted = as_gradient(gradient).text
        for found in reversed(tuple(self._gradients)):
            if found.text == wanted:
                return self._context(found)
        raise KeyError(gradient)

    def __setitem__(self, gradient: object, context: Mapping[str, object] | None) -> None:
        """Give a gradient that is there its context."""
        self._gradients.give_context(gradient, str((context or {}).get("context", "")))

    def __delitem__(self, gradient: object) -> None:
        """Take a gradient's context away."""
        self._gradients.give_context(gradient, "")

    def __iter__(self) -> Iterator[Gradient]:
        """The gradients."""
        return iter(self._gradients)

    def __len__(self) -> int:
        """How many gradients there are."""
        return len(self._gradients)

    def _context(self, gradient: Gradient) -> dict[str, str] | None:
        if not gradient.context:
            return None
        return {
            "context": gradient.context,
            "response_desc": gradient.source,
            "variable_desc": self._role,
        }
