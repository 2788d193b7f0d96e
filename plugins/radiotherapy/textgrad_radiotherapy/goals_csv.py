"""The goals of a plan as CSV, beside what the planning grid and the start gave."""

from __future__ import annotations

import csv
import io

from textgrad_radiotherapy.judgement import GoalTable

HEADS = (
    "goal", "priority", "unit", "value", "margin", "verdict", "Gy per fraction",
    "on the planning grid", "difference", "start",
)  # fmt: skip


def goals_csv(judged: GoalTable, planned: GoalTable, start: GoalTable) -> str:
    """One line per goal.

    Args:
        judged: The plan on the judging grid.
        planned: The same plan on the planning grid.
        start: The plan it began with, on the judging grid.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADS)
    for row, before, first in zip(judged.rows, planned.rows, start.rows, strict=True):
        gap = None
        if row.value is not None and before.value is not None:
            gap = row.value - before.value
        numbers = (before.value, gap, first.value)
        writer.writerow(
            [
                row.goal.name, row.goal.priority, row.goal.metric.unit, _text(row.value),
                _text(row.margin), row.verdict, _text(row.per_fraction_gy), *map(_text, numbers),
            ]
        )  # fmt: skip
    return out.getvalue()


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:.6g}"
