"""The plans a search tried, in order."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One plan of a search.

    Args:
        weights: Weight of every term, by name.
        penalty: Misses of the goals in per cent; less is better.
        goals_met: How many judged goals were met.
        accepted: Whether no plan before it was better.
    """

    weights: Mapping[str, float]
    penalty: float
    goals_met: int
    accepted: bool


def history_csv(steps: Sequence[Step]) -> str:
    """One line per plan, numbered from 0; a weight that a plan did not have is empty."""
    names = list(dict.fromkeys(name for step in steps for name in step.weights))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["iteration", "penalty", "goals met", "accepted", *names])
    for number, step in enumerate(steps):
        weights = [f"{step.weights[n]:.6g}" if n in step.weights else "" for n in names]
        verdict = "yes" if step.accepted else "no"
        writer.writerow([number, f"{step.penalty:.6g}", step.goals_met, verdict, *weights])
    return out.getvalue()
