"""What the terminal shows of a plan when a search is over."""

from __future__ import annotations

import textwrap

from textgrad_radiotherapy.judgement import WIDTH, GoalTable
from textgrad_radiotherapy.plan import Plan


def conclusion(judged: Plan) -> str:
    """The goal table of a plan, where it was measured, and which goals it misses.

    Args:
        judged: The plan on the judging grid.
    """
    where = f"Goals of the best plan, measured on {judged.case.grid}:"
    return "\n".join([_wrapped(where), judged.table.text(), _wrapped(_missed(judged.table))])


def _missed(table: GoalTable) -> str:
    missed = [
        f"{row.goal.name} by {_amount(row.margin)} {row.goal.metric.unit}".rstrip()
        + (" (acceptable)" if row.verdict == "acceptable" else "")
        for row in table.judged
        if row.verdict != "pass"
    ]
    if missed:
        return f"Missed: {'; '.join(missed)}."
    unjudged = len(table.rows) - len(table.judged)
    rest = f"; {unjudged} of {len(table.rows)} could not be judged" if unjudged else ""
    return f"Every judged goal is met{rest}." if table.judged else "No goal could be judged."


def _amount(margin: float | None) -> str:
    return "-" if margin is None else f"{-margin:.2f}"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
