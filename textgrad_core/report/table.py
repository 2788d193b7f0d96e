"""The table of all trials, bounded so that a run of thousands still opens at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textgrad_core.columns import beside_scalar
from textgrad_core.report.text import clipped, headline
from textgrad_core.report.trajectory import leaders, scalar_of
from textgrad_core.report.view import ONE_TEXT, failure_of, scalar_text, scores_text
from textgrad_core.search.result import Result, Trial

ROWS = 2_000
DETAIL_CHARACTERS = 1_000_000
_SHORT_VALUE, _SHORT_RATIONALE = 140, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One line of the table of trials; `details` are (heading, text)."""

    number: str
    value: str
    scores: tuple[str, ...]
    scalar: str
    scored: bool
    status: str
    leads: bool
    origin: str
    rationale: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTable:
    """The rows that are shown, and in words what is not."""

    rows: tuple[TrialRow, ...]
    left_out: tuple[str, ...]


def trial_table(result: Result) -> TrialTable:
    """The trials in their order, bounded: accepted ones first, then by their score."""
    trials = result.trials
    worth = sorted(range(len(trials)), key=lambda i: _rank(trials[i], i))
    shown = sorted(worth[:ROWS])
    detailed = _with_details([i for i in worth[:ROWS] if _detail_length(trials[i])], trials)
    led = leaders(trials)
    rows = tuple(_trial_row(trials[i], result, led[i] is trials[i], i in detailed) for i in shown)
    left_out = []
    if len(shown) < len(trials):
        left_out.append(
            f"{len(trials) - len(shown):,} of {len(trials):,} candidates are left out of this "
            "table: those with the worst scores or none. The CSV and JSON files hold them all."
        )
    without = sum(1 for i in shown if _detail_length(trials[i]) and i not in detailed)
    if without:
        left_out.append(
            f"The feedback of {without:,} candidates is left out to keep this page small; "
            "the JSON file holds it."
        )
    return TrialTable(rows=rows, left_out=tuple(left_out))


def _rank(trial: Trial, place: int) -> tuple[bool, bool, float, int]:
    scalar = scalar_of(trial)
    missing = scalar is None
    return (not (trial.accepted or trial.step == 0), missing, scalar or 0.0, place)


def _detail_length(trial: Trial) -> int:
    return sum(min(len(text), ONE_TEXT) for _, text in _details(trial))


def _details(trial: Trial) -> tuple[tuple[str, str], ...]:
    parts = []
    if len(trial.canonical) > _SHORT_VALUE or "\n" in trial.canonical:
        parts.append(("Full value", trial.canonical))
    if len(trial.rationale) > _SHORT_RATIONALE or "\n" in trial.rationale:
        parts.append(("Full rationale", trial.rationale))
    if failure := failure_of(trial):
        parts.append(("Reason", failure))
    if trial.feedback:
        parts.append(("Feedback", trial.feedback))
    return tuple(parts)


def _with_details(order: Sequence[int], trials: Sequence[Trial]) -> frozenset[int]:
    """The trials whose texts fit on the page together, in the given order of worth."""
    room, found = DETAIL_CHARACTERS, []
    for i in order:
        room -= _detail_length(trials[i])
        if room < 0:
            break
        found.append(i)
    return frozenset(found)


def _trial_row(trial: Trial, result: Result, leads: bool, detailed: bool) -> TrialRow:
    details = _details(trial) if detailed else ()
    return TrialRow(
        number=f"{trial.step}.{trial.index}",
        value=headline(trial.canonical, _SHORT_VALUE),
        scores=scores_text(trial, beside_scalar(result.objectives, result.scalar_name)),
        scalar=scalar_text(scalar_of(trial), result.objectives),
        scored=scalar_of(trial) is not None,
        status=trial.status,
        leads=leads,
        origin=headline(trial.origin, 80),
        rationale=headline(trial.rationale, _SHORT_RATIONALE),
        details=tuple((name, clipped(text, ONE_TEXT)) for name, text in details),
    )
