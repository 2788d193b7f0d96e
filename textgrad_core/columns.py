"""Which numbers of a run are shown: no number twice under two names."""

from __future__ import annotations

from collections.abc import Sequence

from textgrad_core.domain import Objective


def scalar_objective(objectives: Sequence[Objective], scalar_name: str) -> Objective | None:
    """The objective that the minimised number is, if it is one and not made of several.

    It bears the same name, less of it is better, and no other objective has a weight.
    """
    for o in objectives:
        if o.name == scalar_name and o.direction == "min" and o.weight == 1.0:
            return o if all(other is o or other.weight == 0.0 for other in objectives) else None
    return None


def beside_scalar(objectives: Sequence[Objective], scalar_name: str) -> tuple[Objective, ...]:
    """The objectives that have a column of their own beside that of the minimised number."""
    same = scalar_objective(objectives, scalar_name)
    return tuple(o for o in objectives if o is not same)
