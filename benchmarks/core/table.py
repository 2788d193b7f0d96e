"""What was measured, held against what was promised, as one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

HEADINGS = ("measurement", "unit", "ours", "TextGrad", "ratio", "goal", "met")
NOTHING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: two figures of the same thing; the smaller is the better.

    Args:
        name: What was measured.
        unit: Of both figures.
        ours: Our figure.
        theirs: TextGrad's; None if it was not measured, or a word if there is no figure.
        goal: The promise in words; empty if there is none.
        holds: Whether the promise is kept, by our figure and the ratio; the ratio is None where
            there is nothing to compare with.
    """

    name: str
    unit: str
    ours: float | str
    theirs: float | str | None = None
    goal: str = ""
    holds: Callable[[float | str, float | None], bool | None] = lambda _ours, _ratio: None

    @property
    def ratio(self) -> float | None:
        """How many times more TextGrad needs."""
        if isinstance(self.ours, str) or isinstance(self.theirs, str | None) or not self.ours:
            return None
        return self.theirs / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none, or it needs a comparison."""
        return self.holds(self.ours, self.ratio) if self.goal else None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "textgrad": self.theirs,
            "ratio": None if self.ratio is None else round(self.ratio, 2),
            "goal": self.goal,
            "met": self.met,
        }


def times_faster(factor: float) -> Callable[[float | str, float | None], bool | None]:
    """TextGrad needs at least this many times more; unknown without it."""
    return lambda _ours, ratio: None if ratio is None else ratio >= factor


def at_most(limit: float) -> Callable[[float | str, float | None], bool | None]:
    """Our own figure is at most this."""
    return lambda ours, _ratio: not isinstance(ours, str) and ours <= limit


def render(rows: Sequence[Row]) -> str:
    """The table, in columns as wide as what is in them."""
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 2 <= place <= 4 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def number(value: float | str | None) -> str:
    """Three significant digits, thousands apart; words as they are."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _cells(row: Row) -> tuple[str, ...]:
    met = {None: NOTHING, True: "yes", False: "NO"}[row.met]
    ratio = NOTHING if row.ratio is None else f"{number(row.ratio)}x"
    return (
        row.name,
        row.unit,
        number(row.ours),
        number(row.theirs),
        ratio,
        row.goal or NOTHING,
        met,
    )
