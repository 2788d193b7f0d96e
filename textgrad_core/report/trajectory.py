"""From a result to the panels of its trajectory, and the best-so-far line behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textgrad_core.columns import beside_scalar, scalar_objective
from textgrad_core.domain import Objective
from textgrad_core.outcome import Evaluated
from textgrad_core.report.plot import Level, Mark, MarkKind, Panel
from textgrad_core.report.text import headline, number
from textgrad_core.search.result import Result, Trial

_KINDS: dict[str, MarkKind] = {
    "kept": "accepted",
    "not kept": "worse",
    "measured": "accepted",
    "rejected": "rejected",
    "unmeasured": "unmeasured",
}


def scalar_of(trial: Trial) -> float | None:
    """The number that was minimised, if it is one that can be compared."""
    scalar = trial.scalar
    return scalar if scalar is not None and math.isfinite(scalar) else None


def score_of(trial: Trial, name: str) -> float | None:
    """One measured number of a trial."""
    return trial.outcome.scores.get(name) if isinstance(trial.outcome, Evaluated) else None


def leaders(trials: Sequence[Trial]) -> tuple[Trial | None, ...]:
    """For each trial, the best one up to and including it; None before there is any."""
    best: Trial | None = None
    lowest = math.inf
    found = []
    for trial in trials:
        scalar = scalar_of(trial)
        if scalar is not None and scalar < lowest:
            best, lowest = trial, scalar
        found.append(best)
    return tuple(found)


def scalar_decimals(objectives: Sequence[Objective]) -> int:
    """Digits of the minimised number: those of the most precise objective, two for a sum."""
    floor = 0 if len(objectives) == 1 else 2
    return max([floor, *(o.decimals for o in objectives)])


def axis_name(objective: Objective) -> str:
    """Name and unit."""
    return f"{objective.name} ({objective.unit})" if objective.unit else objective.name


def scalar_axis(result: Result) -> str:
    """Name and unit of the minimised number; it has a unit if it is one objective."""
    same = scalar_objective(result.objectives, result.scalar_name)
    return axis_name(same) if same else result.scalar_name


def panels(result: Result) -> tuple[Panel, ...]:
    """The number that was minimised, then each objective; none of them twice."""
    same = scalar_objective(result.objectives, result.scalar_name) or _single_objective(result)
    others = beside_scalar(result.objectives, result.scalar_name)
    measured = [_objective_panel(result, o, lane=False) for o in others if o is not same]
    return (
        _scalar_panel(result) if same is None else _objective_panel(result, same, lane=True),
        *(p for p in measured if any(m.y is not None for m in p.marks)),
    )


def _single_objective(result: Result) -> Objective | None:
    """The objective, if it is the only one and the scalar is nothing but it."""
    if len(result.objectives) != 1:
        return None
    objective = result.objectives[0]
    sign = 1.0 if objective.direction == "min" else -1.0
    scored = [t for t in result.trials if scalar_of(t) is not None]
    same = all(score_of(t, objective.name) == sign * (t.scalar or 0.0) for t in scored)
    return objective if same else None


def _scalar_panel(result: Result) -> Panel:
    values = [scalar_of(t) for t in result.trials]
    line = _changes([scalar_of(t) if t else None for t in leaders(result.trials)])
    levels = _levels(result.references, [scalar_of(t) for t in result.references])
    return Panel(
        name=result.scalar_name,
        better="lower",
        marks=_marks(result.trials, values, scalar_decimals(result.objectives), ""),
        best=line,
        levels=levels,
    )


def _objective_panel(result: Result, objective: Objective, *, lane: bool) -> Panel:
    values = [score_of(t, objective.name) for t in result.trials]
    led = [score_of(t, objective.name) if t else None for t in leaders(result.trials)]
    levels = _levels(result.references, [score_of(t, objective.name) for t in result.references])
    return Panel(
        name=axis_name(objective),
        better="lower" if objective.direction == "min" else "higher",
        marks=_marks(result.trials, values, objective.decimals, objective.unit),
        best=_changes(led),
        levels=levels,
        lane=lane,
        whole=objective.decimals == 0,
    )


def _marks(
    trials: Sequence[Trial], values: Sequence[float | None], decimals: int, unit: str
) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            x=float(place),
            y=value,
            kind=_KINDS[trial.status],
            label=_label(trial, value, decimals, unit),
        )
        for place, (trial, value) in enumerate(zip(trials, values, strict=True))
    )


def _label(trial: Trial, value: float | None, decimals: int, unit: str) -> str:
    shown = "" if value is None else f"{number(value, decimals)} {unit}".rstrip() + ", "
    return f"{trial.step}.{trial.index}: {shown}{trial.status}, {headline(trial.canonical, 120)}"


def _levels(trials: Sequence[Trial], values: Sequence[float | None]) -> tuple[Level, ...]:
    return tuple(
        Level(y=value, label=trial.origin)
        for trial, value in zip(trials, values, strict=True)
        if value is not None
    )


def _changes(values: Sequence[float | None]) -> tuple[tuple[float, float], ...]:
    """The points where a stepped line begins or changes."""
    points: list[tuple[float, float]] = []
    for place, value in enumerate(values):
        if value is not None and (not points or points[-1][1] != value):
            points.append((float(place), value))
    return tuple(points)
