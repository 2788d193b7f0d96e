"""Candidates on their way to becoming trials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textgrad_core.domain import Tier
from textgrad_core.outcome import Outcome, Rejected
from textgrad_core.search.result import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A candidate before its evaluation; fields as in `Trial`."""

    canonical: str
    step: int
    index: int
    origin: str
    tier: Tier = "screen"
    parent: str | None = None
    rationale: str = ""
    accepted: bool = False


async def refused_trial(entrant: Entrant, rejected: Rejected | None) -> Trial:
    """A candidate that was refused before anything was paid for."""
    reason = rejected or Rejected(reason="not a legal value")
    return made_trial(entrant, reason, None, reason.text, paid=False)


def made_trial(
    entrant: Entrant,
    outcome: Outcome,
    scalar: float | None,
    feedback: str,
    *,
    paid: bool = True,
) -> Trial:
    """An entrant and what became of it."""
    return Trial(
        step=entrant.step,
        index=entrant.index,
        origin=entrant.origin,
        canonical=entrant.canonical,
        outcome=outcome,
        scalar=scalar,
        tier=entrant.tier,
        accepted=entrant.accepted,
        feedback=feedback,
        rationale=entrant.rationale,
        parent=entrant.parent,
        paid=paid,
    )


def rank(trial: Trial) -> tuple[float, int, int]:
    """Lowest number first, then the earliest; trials without a number last."""
    scalar = float("inf") if trial.scalar is None else trial.scalar
    return (scalar, trial.step, trial.index)


def leader(trials: Iterable[Trial]) -> Trial:
    """The best trial that has a number; among equals the earliest."""
    return min((t for t in trials if t.scalar is not None), key=rank)
