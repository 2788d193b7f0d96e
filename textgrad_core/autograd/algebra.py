"""Operations without a model: their output's feedback is their inputs' feedback, unchanged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, final

from textgrad_core.autograd.function import Function
from textgrad_core.errors import UsageError
from textgrad_core.run import Run
from textgrad_core.values import text_of
from textgrad_core.variable import Variable

MAX_ROLE_CHARS = 300


class Join(Function):
    """Join texts with a separator."""

    name: ClassVar[str] = "join"
    passes_through: ClassVar[bool] = True

    def forward(self, variables: Iterable[Variable]) -> Variable:
        """The joined text, deferred."""
        terms = list(variables)
        return self.apply(terms, _roles(terms, " and "))

    def __init__(self, separator: str) -> None:
        """Keep the separator."""
        self._separator = separator

    async def compute(
        self,
        run: Run,  # noqa: ARG002 - joining has no effect
        site: str,  # noqa: ARG002 - nor a place
        inputs: Sequence[Variable],
        memo: dict[str, Any],
    ) -> str:
        """The joined text; the sum of the scores becomes the score."""
        scores = [v.memo["score"] for v in inputs if v.memo.get("score") is not None]
        if len(scores) == len(inputs):
            memo["score"] = math.fsum(scores)
        return self._separator.join(text_of(v.value) for v in inputs)


@final
class Average(Join):
    """Join texts; the feedback that comes back through it is summarised where it meets."""

    name: ClassVar[str] = "aggregate"
    averages: ClassVar[bool] = True


def sum(variables: Iterable[Variable]) -> Variable:
    """Join losses, one per line; each gets the feedback on the total as its own.

    Raises:
        UsageError: If there is nothing to join.
    """
    terms = list(variables)
    if not terms:
        raise UsageError("sum() of no variables: give at least one")
    for term in terms:
        if not isinstance(term, Variable):
            raise UsageError(f"sum() of {type(term).__name__}: give Variables")
    roles = _roles(terms, ", ")
    return Join("\n").apply(terms, f"a combination of the following: {roles}")


def aggregate(variables: Iterable[Variable]) -> Variable:
    """Join losses like `sum`, and average their feedback.

    Wherever several pieces of feedback that came through here meet, on a system prompt that all
    answers share for instance, a model summarises all of them into one, a few at a time.

    Raises:
        UsageError: If there is nothing to join.
    """
    terms = list(variables)
    if not terms:
        raise UsageError("aggregate() of no variables: give at least one")
    return Average("\n").apply(terms, f"an average of the following: {_roles(terms, ', ')}")


def concatenate(left: Variable | str, right: Variable | str) -> Variable:
    """Concatenate two texts; plain text takes part as a constant."""
    terms = [
        v if isinstance(v, Variable) else Variable(v, role_description="text", requires_grad=False)
        for v in (left, right)
    ]
    named = [v for v in (left, right) if isinstance(v, Variable)]
    return Join("").apply(terms, _roles(named, " and "))


def _roles(variables: Iterable[Variable], between: str) -> str:
    """Each distinct role once; bounded, because a role goes into prompts and sums are nested."""
    told = ""
    for variable in variables:
        role = variable.role_description
        if role not in told:
            told = f"{told}{between}{role}" if told else role
        if len(told) > MAX_ROLE_CHARS:
            return f"{told[: MAX_ROLE_CHARS - 3]}..."
    return told
