"""Operations whose feedback says where it comes from, and a plain reference for the backward pass.

The reference is written from the documented rules alone: recursion over an edge list, no queue,
no staging, no concurrency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any, ClassVar

from hypothesis import strategies as st

from textgrad_core.autograd.algebra import Join
from textgrad_core.autograd.function import FeedbackRequest, Function
from textgrad_core.run import Run
from textgrad_core.variable import NO_FEEDBACK, Gradient, NoFeedback, Variable


def words(label: str, argument: int, is_base: bool, received: Sequence[str]) -> str:
    """What `Telling` says about one argument: short, and different for whatever it heard."""
    heard = sha256("\n".join(received).encode()).hexdigest()[:6] if received else "-"
    return f"{label}.{argument}{'!' if is_base else ''}<{heard}>"


class Telling(Function):
    """Joins its inputs; its feedback names itself, the argument, and what it heard.

    Args:
        label: Its own name.
        silent: Arguments it has no feedback for.
        timing: Decides how often others come first; results must not depend on it.
    """

    name: ClassVar[str] = "tell"

    def __init__(self, label: str, silent: Sequence[int] = (), timing: int = 0) -> None:
        self.label, self.silent, self.timing = label, frozenset(silent), timing
        self.asked: list[int] = []
        self.failing: set[int] = set()

    async def _give_way(self, *where: object) -> None:
        for _ in range(Random(f"{self.timing} {self.label} {where}").randrange(6)):
            await asyncio.sleep(0)

    async def compute(
        self,
        run: Run,  # noqa: ARG002 - it has no effect that a run would record
        site: str,  # noqa: ARG002
        inputs: Sequence[Variable],
        memo: dict[str, Any],
    ) -> str:
        await self._give_way("forward")
        memo["inputs"] = len(inputs)
        return f"{self.label}({','.join(str(v.value) for v in inputs)})"

    async def feedback(self, request: FeedbackRequest) -> Gradient | NoFeedback:
        self.asked.append(request.argument)
        await self._give_way("feedback", request.argument)
        if request.argument in self.failing:
            raise ConnectionError(f"{self.label} is away")
        if request.argument in self.silent:
            return NO_FEEDBACK
        heard = [g.text for g in request.received]
        return Gradient(text=words(self.label, request.argument, request.is_base, heard))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One variable of a graph that is described before it is built.

    Args:
        kind: ``leaf``, ``frozen`` (a leaf without requires_grad), ``tell`` or ``join``.
        inputs: Places of the inputs.
        silent: Arguments a ``tell`` has no feedback for.
    """

    kind: str
    inputs: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()


@st.composite
def plans(draw: st.DrawFn, max_spots: int = 12) -> tuple[Spot, ...]:
    """Graphs; the last variable is the root and requires feedback. Inputs may repeat."""
    spots: list[Spot] = [Spot(kind="leaf")]
    for place in range(1, draw(st.integers(2, max_spots))):
        kind = draw(st.sampled_from(["leaf", "frozen", "tell", "tell", "tell", "join", "join"]))
        if kind in ("leaf", "frozen"):
            spots.append(Spot(kind=kind))
            continue
        inputs = draw(st.lists(st.integers(0, place - 1), min_size=1, max_size=3))
        silent = draw(st.sets(st.integers(0, 2), max_size=1)) if kind == "tell" else ()
        spots.append(Spot(kind=kind, inputs=tuple(inputs), silent=tuple(silent)))
    spots.append(Spot(kind="tell", inputs=(len(spots) - 1, 0)))
    return tuple(spots)


@dataclass(slots=True)
class Built:
    """A plan as variables, with the operations that made them."""

    variables: list[Variable] = field(default_factory=list)
    functions: dict[int, Telling] = field(default_factory=dict)


def build(plan: Sequence[Spot], timing: int = 0) -> Built:
    """Make the variables of a plan."""
    built = Built()
    for place, spot in enumerate(plan):
        inputs = [built.variables[i] for i in spot.inputs]
        role = f"variable {place}"
        if spot.kind in ("leaf", "frozen"):
            requires = spot.kind == "leaf"
            made = Variable(f"v{place}", role_description=role, requires_grad=requires)
        elif spot.kind == "join":
            made = Join("+").apply(inputs, role)
        else:
            function = built.functions[place] = Telling(f"t{place}", spot.silent, timing)
            made = function.apply(inputs, role)
        built.variables.append(made)
    return built


def expected_values(plan: Sequence[Spot]) -> list[str]:
    """The value of every variable, by recursion."""

    @cache
    def value(place: int) -> str:
        spot = plan[place]
        parts = [value(i) for i in spot.inputs]
        match spot.kind:
            case "join":
                return "+".join(parts)
            case "tell":
                return f"t{place}({','.join(parts)})"
        return f"v{place}"

    return [value(place) for place in range(len(plan))]


def expected_feedback(plan: Sequence[Spot], seed: str | None) -> list[list[str]]:
    """The texts every variable receives, in order, by recursion from each variable to its uses.

    The order is that of (consumer, argument), consumers counted breadth first from the root.
    """
    root = len(plan) - 1

    @cache
    def requires(place: int) -> bool:
        spot = plan[place]
        return spot.kind == "leaf" or any(requires(i) for i in spot.inputs)

    level, order = [root], [root]
    while level:
        level = [
            i for i in dict.fromkeys(i for p in level for i in plan[p].inputs) if i not in order
        ]
        level = [i for i in level if requires(i)]
        order += level

    def uses(place: int) -> list[tuple[int, int]]:
        return [(c, a) for c in order for a, i in enumerate(plan[c].inputs) if i == place]

    @cache
    def is_base(place: int) -> bool:
        if place == root:
            return seed is None
        return any(plan[c].kind == "join" and is_base(c) for c, _ in uses(place))

    @cache
    def heard(place: int) -> tuple[tuple[str, object], ...]:
        if place == root:
            return () if seed is None else ((seed, object()),)
        return tuple(said for c, a in uses(place) for said in says(c, a))

    @cache
    def says(place: int, argument: int) -> tuple[tuple[str, object], ...]:
        distinct = list(dict.fromkeys(heard(place)))  # by identity of the second part
        if plan[place].kind == "join":
            return tuple(distinct)
        if argument in plan[place].silent or not (distinct or is_base(place)):
            return ()
        text = words(f"t{place}", argument, is_base(place), [t for t, _ in distinct])
        return ((text, object()),)

    reached = [p if p in order and requires(p) else None for p in range(len(plan))]
    return [[] if p is None else [text for text, _ in heard(p)] for p in reached]
