"""The planners that need no language model, by the name a user types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textgrad_core.domain import Proposer
from textgrad_core.errors import UsageError
from textgrad_radiotherapy.optuna_baseline import OptunaPlanner
from textgrad_radiotherapy.proportional import ProportionalPlanner
from textgrad_radiotherapy.sensitivity import SensitivityPlanner

PLANNERS: Mapping[str, Callable[[], Any]] = {  # frozen, so no `Proposer` in the checker's eyes
    "sensitivity": SensitivityPlanner,
    "proportional": ProportionalPlanner,
    "optuna": OptunaPlanner,
}
WITHOUT_LEVERS = ("proportional", "optuna")  # what these never look at is not computed for them


def planner_named(name: str) -> Proposer:
    """The planner of that name.

    Raises:
        UsageError: If there is none, or it needs an extra that is not installed.
    """
    if name not in PLANNERS:
        raise UsageError(f"there is no planner {name!r}: choose one of {', '.join(PLANNERS)}")
    made: Proposer = PLANNERS[name]()
    return made
