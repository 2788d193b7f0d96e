"""Convex solves around which hard limits and DVH terms are brought to rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner import limits as hard_limits
from textgrad_radiotherapy.inner.certificate import lower_bound
from textgrad_radiotherapy.inner.limits import Limits
from textgrad_radiotherapy.inner.model import Descent, Hessian
from textgrad_radiotherapy.inner.rounds import Minimum, floor_of, minimise
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Workspace

SOLVES = 15  # convex solves at most, if there are hard limits or DVH terms


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Where the solves ended.

    Args:
        fluence: Shape (beamlets,).
        setting: The setting of the last solve, penalties and offsets included.
        limits: Multipliers for the next problem.
        values: Value of every term, shape (terms,).
        objective: Weighted sum of the values of the terms that are no hard limits.
        lower_bound: See `Solution`.
        gap: See `Solution`.
        misses_gy: See `Solution.violation_gy`.
        holds: Whether every hard limit holds within its tolerance.
        settled: Whether DVH terms would blame the same voxels again.
    """

    fluence: Floats
    setting: Setting
    limits: Limits
    values: Floats
    objective: float
    lower_bound: float
    gap: float
    misses_gy: dict[str, float]
    holds: bool
    settled: bool


def solve_outer(
    work: Workspace,
    hessian: Hessian,
    setting: Setting,
    fluence: Floats,
    state: Descent,
    limits: Limits,
    *,
    gap: float,
    cold: bool,
) -> Outcome:
    """Solve, move multipliers and blame, and solve again until nothing moves."""
    simple = work.problem.convex() and not any(term.hard for term in work.problem.terms)
    best: Outcome | None = None
    for solve in range(1 if simple else SOLVES):
        blamed = hard_limits.with_blame(work, setting, fluence)
        current = hard_limits.with_limits(work, blamed, limits)
        found = minimise(
            work, hessian, current, fluence, state,
            gap=gap if simple else 0.3 * gap, cold=cold and not solve,
        )  # fmt: skip
        fluence = found.point.fluence
        outcome = _outcome(work, current, found, limits, gap)
        limits = hard_limits.next_limits(work, current, limits, found.point)
        outcome = replace(outcome, limits=limits)
        if best is None or _rank(outcome) <= _rank(best):
            best = outcome
        if outcome.holds and outcome.settled and abs(outcome.gap) <= gap:
            break
    if best is None:
        raise AssertionError("no solve was made")
    return best


def _rank(outcome: Outcome) -> tuple[bool, bool, float]:
    return not outcome.holds, not outcome.settled, abs(outcome.gap)


def _outcome(
    work: Workspace, setting: Setting, found: Minimum, limits: Limits, gap: float
) -> Outcome:
    terms = work.problem.terms
    hard = np.array([term.hard for term in terms])
    plain = replace(setting, offset_gy=tuple(None for _ in terms))
    at_levels = work.from_dose(found.point.fluence, found.point.dose_gy, plain)
    values = np.array([piece.value for piece in at_levels.pieces]) + found.excess
    soft = np.where(hard, 0.0, setting.weights)
    objective = float(soft @ values)
    if hard.any():
        enough = objective * (1.0 - gap)
        bound = lower_bound(work, setting, found.point, hard=hard, enough=enough)
        floor = max(floor_of(work, replace(plain, weights=soft)), objective)
        relative = (objective - bound) / floor
    else:
        relative = found.gap
        bound = objective - found.gap * max(objective, floor_of(work, setting))
    anew = hard_limits.with_blame(work, setting, found.point.fluence)
    renewed = work.from_dose(found.point.fluence, found.point.dose_gy, anew)
    return Outcome(
        fluence=found.point.fluence,
        setting=setting,
        limits=limits,
        values=values,
        objective=objective,
        lower_bound=bound,
        gap=relative,
        misses_gy=hard_limits.misses_gy(work, setting, found.point),
        holds=hard_limits.worst_miss(work, setting, found.point) <= 1.0,
        settled=found.point.objective - renewed.objective <= gap * abs(found.objective),
    )
