"""The goals of a plan as CSV, beside what their fluence gave where it was planned."""

from __future__ import annotations

from textgrad_radiotherapy.comparison import Comparison
from textgrad_radiotherapy.csv_text import csv_text
from textgrad_radiotherapy.judgement import GoalTable

DECIMALS = 8
HEADS = ("goal", "priority", "unit", "value", "margin", "verdict", "Gy per fraction",
         "assumed")  # fmt: skip


def goals_csv(
    judged: GoalTable, start: GoalTable | None = None, comparison: Comparison | None = None
) -> str:
    """One line per goal; the last column is empty and named by the notice (`csv_text`).

    Args:
        judged: The plan where it is judged.
        start: The plan it began with, where that is judged; its column is missing without.
        comparison: The same fluence where it was planned; its columns are missing without.
    """
    beside = [] if comparison is None else [comparison.title, "difference"]
    before = [] if start is None else ["start"]
    lines = []
    firsts = judged.rows if start is None else start.rows
    for row, first in zip(judged.rows, firsts, strict=True):
        numbers: list[float | str | None] = [
            row.value, row.margin, row.verdict, row.per_fraction_gy,
            "yes" if row.goal.assumed else "no",
        ]  # fmt: skip
        if start is not None:
            numbers.append(first.value)
        if comparison is not None:
            there = comparison.values.get(row.goal.name)
            gap = None if row.value is None or there is None else row.value - there
            numbers += [there, gap]
        head = [row.goal.name, row.goal.priority, row.goal.metric.unit]
        lines.append([*head, *map(_text, numbers)])
    return csv_text([*HEADS, *before, *beside], lines)


def _text(entry: float | str | None) -> str:
    """Six digits; what is but rounding is 0."""
    if isinstance(entry, str):
        return entry
    return "" if entry is None else f"{round(entry, DECIMALS) + 0.0:.6g}"
