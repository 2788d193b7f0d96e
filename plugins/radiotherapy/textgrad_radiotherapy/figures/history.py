"""The plans a search tried, in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from textgrad_core.outcome import Evaluated
from textgrad_core.search.result import Result
from textgrad_radiotherapy.csv_text import csv_text
from textgrad_radiotherapy.plan_data import plan_data
from textgrad_radiotherapy.weights import Weights

PENALTY = "penalty with reserve"  # as tables and figures name `Step.penalty`, per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One plan of a search.

    Args:
        weights: Weight of every term, by name.
        doses_gy: Dose level by term name, Gy per course, where it is not the term's own.
        penalty: Misses of the goals in per cent, the reserve asked for at them included: it may
            be above 0 where all goals are met. Less is better.
        goals_met: How many judged goals were met.
        accepted: Whether it was better than every plan before it.
    """

    weights: Mapping[str, float]
    penalty: float
    goals_met: int
    accepted: bool
    doses_gy: Mapping[str, float] = field(default_factory=dict)


def steps_of(result: Result, parse: Callable[[str], Weights]) -> tuple[Step, ...]:
    """The plans of a search that were measured, in order.

    Args:
        result: The search.
        parse: Reads the canonical form of weights.
    """
    steps: list[Step] = []
    best = math.inf
    for trial in result.trials:
        if not isinstance(trial.outcome, Evaluated):
            continue
        plan, weights = plan_data(trial.outcome.data), parse(trial.canonical)
        steps.append(
            Step(
                weights=weights.weights,
                doses_gy=weights.doses_gy,
                penalty=plan.penalty,
                goals_met=sum(goal.verdict == "pass" for goal in plan.goals),
                accepted=plan.penalty < best,
            )
        )
        best = min(best, plan.penalty)
    return tuple(steps)


def history_csv(steps: Sequence[Step]) -> str:
    """One line per plan, numbered from 0, from which it can be planned again.

    A weight that a plan did not have is empty, and so is a dose level that is the term's own.
    The last column is empty and named by the notice (`csv_text`).
    """
    names = list(dict.fromkeys(name for step in steps for name in step.weights))
    moved = {name for step in steps for name in step.doses_gy}
    levels = [name for name in names if name in moved]
    heads = [*names, *(f"dose level of {name} [Gy]" for name in levels)]
    lines = []
    for number, step in enumerate(steps):
        cells = [step.weights.get(name) for name in names]
        cells += [step.doses_gy.get(name) for name in levels]
        texts = ["" if cell is None else f"{cell:.6g}" for cell in cells]
        verdict = "yes" if step.accepted else "no"
        lines.append([str(number), f"{step.penalty:.6g}", str(step.goals_met), verdict, *texts])
    return csv_text(["iteration", PENALTY, "goals met", "best so far", *heads], lines)
