"""The table of goals as a picture, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textgrad_radiotherapy.figures.drawing import FAINT, VERDICT_COLOURS, new_figure, style
from textgrad_radiotherapy.judgement import GoalRow, GoalTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN, LINE_IN, HEAD_IN, FOOT_IN = 9.6, 0.26, 0.75, 0.5
HEADS = ("priority", "goal", "before", "after", "margin", "verdict", "Gy / fraction")
RIGHT_OR_LEFT_IN = (0.35, 0.95, 5.1, 6.1, 6.95, 7.2, 9.3)  # where columns end or begin
ENDS = (False, False, True, True, True, False, True)


def goal_table_figure(after: GoalTable, before: GoalTable | None = None) -> Figure:
    """One line per goal: values before and after, margin, verdict and dose per fraction.

    Args:
        after: The plan.
        before: What it is compared with, judged by the same goals.
    """
    height = HEAD_IN + FOOT_IN + LINE_IN * (len(after.rows) + 1)
    earlier = values_by_goal(before)
    with style():
        figure = new_figure(WIDTH_IN, height, f"case {after.case}, doses per course")
        figure.text(
            0.35 / WIDTH_IN, 1 - 0.3 / height, f"{after.protocol.title}: {after.summary()}",
            fontsize=10, weight="bold", va="center",
        )  # fmt: skip
        for number, cells in enumerate([HEADS, *(_cells(r, earlier) for r in after.rows)]):
            y = 1 - (HEAD_IN + LINE_IN * number) / height
            row = after.rows[number - 1] if number else None
            for cell, x, end in zip(cells, RIGHT_OR_LEFT_IN, ENDS, strict=True):
                verdict = row is not None and cell == row.verdict
                figure.text(
                    x / WIDTH_IN, y, cell, ha="right" if end else "left", va="center",
                    color=VERDICT_COLOURS[row.verdict] if row and verdict else None,
                    weight="bold" if verdict or row is None else "normal",
                    fontsize=8.5 if len(cell) <= 48 else 7,
                )  # fmt: skip
            _rule(figure, y - LINE_IN / 2 / height, heavy=number == 0)
        figure.text(
            0.95 / WIDTH_IN, 0.3 / height, after.assumed_note(), fontsize=8, va="center",
        )  # fmt: skip
    return figure


def values_by_goal(table: GoalTable | None) -> dict[str, float]:
    """What a table measured, by goal."""
    return {r.goal.name: r.value for r in table.rows if r.value is not None} if table else {}


def _cells(row: GoalRow, earlier: dict[str, float]) -> tuple[str, ...]:
    unit = row.goal.metric.unit
    return (
        str(row.goal.priority), _goal(row), _number(earlier.get(row.goal.name), unit),
        _number(row.value, unit), "-" if row.margin is None else f"{row.margin:+z.2f}",
        row.verdict, "" if row.per_fraction_gy is None else f"{row.per_fraction_gy:.3f}",
    )  # fmt: skip


def _goal(row: GoalRow) -> str:
    """The goal, with the wider bound if there is one."""
    wider = row.goal.acceptable
    return row.goal.marked if wider is None else f"{row.goal.marked} (acceptable {wider:g})"


def _number(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.2f} {unit}".rstrip()


def _rule(figure: Figure, y: float, *, heavy: bool) -> None:
    from matplotlib.lines import Line2D

    ends = [0.3 / WIDTH_IN, 1 - 0.25 / WIDTH_IN]
    figure.add_artist(Line2D(ends, [y, y], color=FAINT, linewidth=1.0 if heavy else 0.3))
