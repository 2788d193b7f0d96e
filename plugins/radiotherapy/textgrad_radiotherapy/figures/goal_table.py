"""The table of goals as a picture: before, where it was planned, and as it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from textgrad_radiotherapy.comparison import Comparison
from textgrad_radiotherapy.figures.drawing import FAINT, VERDICT_COLOURS, new_figure, style
from textgrad_radiotherapy.figures.words import broken, width_in
from textgrad_radiotherapy.judgement import GoalRow, GoalTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches: the figure, its edges, between columns; rows, further lines of a row, the notice's room.
WIDTH_IN, EDGE_IN, GAP_IN, TOP_IN = 10.4, 0.35, 0.24, 0.2
ROW_IN, LINE_IN, FOOT_IN = 0.26, 0.16, 0.2
LEAST_GOAL_IN = 1.5
TITLE_SIZE, CELL_SIZE, NOTE_SIZE = 10.0, 8.5, 8.0
TITLE_LINE_IN = 0.2
GOAL, VERDICT = "goal", "verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    head: str
    cells: tuple[str, ...]
    end: bool = True  # aligned to the right
    left_in: float = 0.0
    width_in: float = 0.0

    def needed_in(self) -> float:
        """What its widest cell takes."""
        bold = self.head == VERDICT
        cells = (width_in(cell, CELL_SIZE, bold=bold) for cell in self.cells)
        return max([width_in(self.head, CELL_SIZE, bold=True), *cells])


def goal_table_figure(
    after: GoalTable, before: GoalTable | None = None, comparison: Comparison | None = None
) -> Figure:
    """One line per goal: values, margin, verdict and dose per fraction.

    Args:
        after: The plan where it is judged.
        before: What it is compared with, judged by the same goals; no column without.
        comparison: The same fluence where it was planned; no column without.
    """
    room = WIDTH_IN - 2 * EDGE_IN
    beside = comparison if comparison is not None and comparison.values else None
    with style():
        title = broken(after.protocol.title, room, TITLE_SIZE, bold=True)
        summary = broken(after.summary(), room, CELL_SIZE)
        columns = _placed(_columns(after, before, beside))
        goals = next(column for column in columns if column.head == GOAL)
        names = [broken(cell, goals.width_in, CELL_SIZE) for cell in goals.cells]
        told = [after.assumed_note(), "" if beside is None else _place_note(beside)]
        notes = [line for note in told if note for line in broken(note, room, NOTE_SIZE)]
        summary_in = TOP_IN + TITLE_LINE_IN * len(title)
        head_in = summary_in + LINE_IN * len(summary)
        table_in = head_in + ROW_IN + sum(map(_tall, names))
        height = table_in + LINE_IN * (len(notes) + 1) + FOOT_IN
        figure = new_figure(WIDTH_IN, height, f"case {after.case}, doses per course")
        _write(figure, title, EDGE_IN, TOP_IN, TITLE_LINE_IN, TITLE_SIZE, weight="bold")
        _write(figure, summary, EDGE_IN, summary_in, LINE_IN, CELL_SIZE)
        _table(figure, columns, names, head_in)
        _write(figure, notes, EDGE_IN, table_in + LINE_IN, LINE_IN, NOTE_SIZE)
    return figure


def _table(
    figure: Figure, columns: Sequence[_Column], names: Sequence[Sequence[str]], top_in: float
) -> None:
    """Heads and rows with lines between them, from so many inches below the top."""
    for column in columns:
        _cell(figure, column, column.head, top_in, weight="bold")
    above = top_in + ROW_IN
    _rule(figure, above, heavy=True)
    for number, name in enumerate(names):
        _row(figure, columns, number, name, above)
        above += _tall(name)
        _rule(figure, above, heavy=False)


def _tall(name: Sequence[str]) -> float:
    """Height of a row in inches."""
    return ROW_IN + LINE_IN * (len(name) - 1)


def _columns(
    after: GoalTable, before: GoalTable | None, beside: Comparison | None
) -> tuple[_Column, ...]:
    rows = after.rows

    def values(head: str, of: Mapping[str, float | None]) -> _Column:
        cells = (_number(of.get(row.goal.name), row.goal.metric.unit) for row in rows)
        return _Column(head=head, cells=tuple(cells))

    return (
        _Column(head="priority", cells=tuple(str(r.goal.priority) for r in rows), end=False),
        _Column(head=GOAL, cells=tuple(map(_goal, rows)), end=False),
        *(() if before is None else (values("before", _values(before)),)),
        *(() if beside is None else (values(beside.short, beside.values),)),
        values("value" if before is None else "after", _values(after)),
        _Column(head="margin", cells=tuple(map(_margin, rows))),
        _Column(head=VERDICT, cells=tuple(row.verdict for row in rows), end=False),
        _Column(head="Gy / fraction", cells=tuple(map(_fraction, rows))),
    )


def _placed(columns: Sequence[_Column]) -> tuple[_Column, ...]:
    """The columns side by side; that of the goals takes the room the others leave."""
    needed = {column.head: column.needed_in() for column in columns}
    others = sum(width for head, width in needed.items() if head != GOAL)
    left = WIDTH_IN - 2 * EDGE_IN - GAP_IN * (len(columns) - 1) - others
    needed[GOAL] = max(left, LEAST_GOAL_IN)
    placed, at = [], EDGE_IN
    for column in columns:
        placed.append(replace(column, left_in=at, width_in=needed[column.head]))
        at += needed[column.head] + GAP_IN
    return tuple(placed)


def _values(table: GoalTable) -> dict[str, float | None]:
    """What a table measured, by goal."""
    return {row.goal.name: row.value for row in table.rows}


def _place_note(beside: Comparison) -> str:
    where = (
        "on voxels held back from the optimiser" if beside.held_back else "where it was planned"
    )
    return f"{beside.short}: the same fluence {where}; margin and verdict hold where it is judged"


def _goal(row: GoalRow) -> str:
    """The goal, with the wider bound if there is one."""
    wider = row.goal.acceptable
    return row.goal.marked if wider is None else f"{row.goal.marked} (acceptable {wider:g})"


def _margin(row: GoalRow) -> str:
    return "-" if row.margin is None else f"{row.margin:+z.2f}"


def _fraction(row: GoalRow) -> str:
    return "" if row.per_fraction_gy is None else f"{row.per_fraction_gy:.3f}"


def _number(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.2f} {unit}".rstrip()


def _row(
    figure: Figure, columns: Sequence[_Column], number: int, name: Sequence[str], above_in: float
) -> None:
    """One goal; its name may take several lines, its numbers stand beside the first."""
    for column in columns:
        text = column.cells[number]
        if column.head == GOAL:
            middle = above_in + ROW_IN / 2
            _write(figure, name, column.left_in, middle, LINE_IN, CELL_SIZE)
        elif column.head == VERDICT:
            colour = VERDICT_COLOURS[text]
            _cell(figure, column, text, above_in, weight="bold", color=colour)
        else:
            _cell(figure, column, text, above_in)


def _cell(figure: Figure, column: _Column, text: str, above_in: float, **look: Any) -> None:
    """A cell in the middle of a row whose upper edge is given, inches from the top."""
    x = column.left_in + (column.width_in if column.end else 0.0)
    look["ha"] = "right" if column.end else "left"
    _write(figure, (text,), x, above_in + ROW_IN / 2, 0.0, CELL_SIZE, **look)


def _write(
    figure: Figure,
    lines: Sequence[str],
    x_in: float,
    first_in: float,
    step_in: float,
    size: float,
    **look: Any,
) -> None:
    """Lines below each other, the middle of the first so many inches from the top."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(lines):
        y = 1.0 - (first_in + step_in * number) / height
        figure.text(x_in / width, y, line, fontsize=size, va="center_baseline", **look)


def _rule(figure: Figure, below_in: float, *, heavy: bool) -> None:
    from matplotlib.lines import Line2D

    y = 1.0 - below_in / figure.get_size_inches()[1]
    ends = [(EDGE_IN - 0.05) / WIDTH_IN, 1 - (EDGE_IN - 0.05) / WIDTH_IN]
    figure.add_artist(Line2D(ends, [y, y], color=FAINT, linewidth=1.0 if heavy else 0.3))
