"""What a model that proposes is told about earlier tries."""

from __future__ import annotations

from collections.abc import Sequence

from textgrad_core.columns import scalar_objective
from textgrad_core.domain import Objective
from textgrad_core.optimizer.bounds import clip
from textgrad_core.outcome import Evaluated, Rejected
from textgrad_core.search.result import Trial

VALUE_CHARS = 400
REASON_CHARS = 300


def record_lines(
    trials: Sequence[Trial], objectives: Sequence[Objective], scalar_name: str, count: int = 5
) -> tuple[str, ...]:
    """The best, the latest and the latest rejected trials, one line each, no line twice.

    Values and reasons are shortened, so the record stays small whatever was tried.
    """
    measured = [t for t in trials if t.scalar is not None]
    ranked = sorted(measured, key=lambda t: (t.scalar, t.step, t.index))
    best = ranked[:count]
    refused = [(t, t.outcome) for t in trials if isinstance(t.outcome, Rejected)][-count:]
    place = {id(t): number for number, t in enumerate(ranked, 1)}
    lines = [
        f"{_rank(place[id(t)], len(ranked))}: {trial_line(t, objectives, scalar_name)}"
        for t in (*best, *(t for t in measured[-count:] if place[id(t)] > count))
    ]
    lines += [
        f"rejected: {shown(t.canonical)}: {clip(outcome.reason, REASON_CHARS)}"
        for t, outcome in refused
    ]
    return tuple(dict.fromkeys(lines))


def _rank(place: int, measured: int) -> str:
    return "best so far" if place == 1 else f"rank {place} of {measured}"


def trial_line(trial: Trial, objectives: Sequence[Objective], scalar_name: str) -> str:
    """A measured trial in one line."""
    if not isinstance(trial.outcome, Evaluated) or trial.scalar is None:
        return shown(trial.canonical)
    same = scalar_objective(objectives, scalar_name)
    parts = [] if same else [f"{scalar_name} = {trial.scalar:.3f}"]
    for o in objectives:
        unit = f" {o.unit}" if o.unit else ""
        parts.append(f"{o.name} = {trial.outcome.scores[o.name]:.{o.decimals}f}{unit}")
    return f"{shown(trial.canonical)}: {', '.join(parts)}"


def shown(value: str) -> str:
    """A value in one short line."""
    return clip(value, VALUE_CHARS).replace("\n", "\\n") or "(no value)"
