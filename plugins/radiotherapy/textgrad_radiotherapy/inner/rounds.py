"""Rounds of Newton steps on the working rows, until the gap to all rows is proven."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner import newton
from textgrad_radiotherapy.inner.certificate import lower_bound
from textgrad_radiotherapy.inner.interior import interior
from textgrad_radiotherapy.inner.model import Descent, Hessian
from textgrad_radiotherapy.inner.path import Path
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

ROUGH = (1e-2, 1e-3)  # relative decrease at which the first rounds of a cold start stop
NEAR_LIMIT = 0.9  # rows of large structures with more than this share of the level join
ROUNDS = 14
STEPS_PER_ROUND = 40
NEWTON_STEPS = 80  # projected ones; where they do not suffice, interior ones follow
COARSE = (
    0.3,
    0.03,
    3e-3,
)  # relative gaps of first interior rounds, before the rows they ask for join
FINER = 3  # times that interior rounds come ten times closer if the gap is not proven
FIRST = 0.01  # of the gap: relative decrease at which the first accurate round stops
SINGLE_DECREASE = 1e-6  # down to it gradients in single precision are good enough
FINEST = 1e-14  # relative decrease that is rounding
FLOOR_SHARE = 1e-9  # of the objective without dose: smaller objectives count as this


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """Where the rounds ended.

    Args:
        point: The fluence, its doses in double precision.
        excess: What rows outside the working set add to the value of every term.
        objective: Over all rows, hard limits with their penalty.
        gap: Relative and proven.
    """

    point: Point
    excess: Floats
    objective: float
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outside:
    """Rows that are no working rows yet.

    Args:
        excess: What they add to the value of every term, shape (terms,).
        hot: Those near their level or above it, by structure.
    """

    excess: Floats
    hot: dict[str, NDArray[np.intp]]


def outside(work: Workspace, fluence: Floats, setting: Setting, near: float) -> Outside:
    """Look at the rows outside the working set."""
    problem, excess = work.problem, np.zeros(len(work.problem.terms))
    hot: dict[str, NDArray[np.intp]] = {}
    for name, block in work.blocks.items():
        rows = problem.matrix[name].shape[0]
        if block.rows.size == rows:
            continue
        if problem.whole(name):
            hot[name] = np.arange(rows)
            continue
        dose = work.whole_dose(name, fluence)
        aside = np.ones(rows, dtype=bool)
        aside[block.rows] = False
        levels = []
        for k in problem.of_rows(name):
            offset, kept = setting.offset_gy[k], setting.kept[k]
            level = setting.doses_gy[k] + (0.0 if offset is None else offset)
            share = problem.share[name] if kept is None else problem.share[name] * kept
            over = np.where(aside, np.maximum(dose - level, 0.0), 0.0)
            excess[k] = float(share @ over**2)
            levels.append(float(np.min(level)))
        hot[name] = np.flatnonzero(aside & (dose > near * min(levels)))
    return Outside(excess=excess, hot=hot)


def minimise(
    work: Workspace,
    hessian: Hessian,
    setting: Setting,
    fluence: Floats,
    state: Descent,
    *,
    gap: float,
    cold: bool,
) -> Minimum:
    """The minimum over fluences that are not negative, with a proven gap if it can be had.

    Args:
        work: The objective; its working set grows.
        hessian: Second-order model.
        setting: Weights, levels and offsets; hard limits count with their penalty.
        fluence: Where to start.
        state: Of the Newton method; updated.
        gap: Relative gap to prove.
        cold: Whether the start may be far away, so that the first rounds need not be accurate.
    """
    work.grow(outside(work, fluence, setting, NEAR_LIMIT).hot)
    floor = floor_of(work, setting)
    found = _projected_rounds(work, hessian, setting, fluence, state, gap, floor, cold=cold)
    if found.gap > gap and state.stuck:
        found = _interior_rounds(work, setting, state, found, gap, floor)
    return _on_all_rows(work, setting, found)


def _projected_rounds(
    work: Workspace,
    hessian: Hessian,
    setting: Setting,
    fluence: Floats,
    state: Descent,
    gap: float,
    floor: float,
    *,
    cold: bool,
) -> Minimum:
    """Projected Newton steps until the gap is proven or they are stuck."""
    fine = [max(gap * FIRST * 0.1**k, FINEST) for k in range(ROUNDS)]
    best: Minimum | None = None
    state.short, state.stuck, begun = 0, False, state.steps
    for tolerance in (*ROUGH, *fine) if cold else fine:
        exact = tolerance < SINGLE_DECREASE
        point = newton.descend(
            work, hessian, setting, work.at(fluence, setting, exact=exact), state,
            tolerance=tolerance, limit=STEPS_PER_ROUND, exact=exact,
        )  # fmt: skip
        state.stuck |= state.steps - begun > NEWTON_STEPS
        fluence = point.fluence
        around = outside(work, fluence, setting, NEAR_LIMIT)
        if tolerance <= fine[0] or state.stuck:
            found = _measure(work, setting, point, None, around.excess, gap=gap, floor=floor)
            best = found if best is None else _better(best, found, floor)
            done = tolerance == FINEST and not around.excess.any()
            if best.gap <= gap or state.stuck or done:
                break
        work.grow(around.hot)
    if best is None:
        raise AssertionError("no round was measured")
    state.stuck |= best.gap > gap
    return best


def _interior_rounds(
    work: Workspace, setting: Setting, state: Descent, best: Minimum, gap: float, floor: float
) -> Minimum:
    """Interior-point steps, first to where the rows they ask for are known."""
    path, shares = Path(), [*(c for c in COARSE if c > gap), *(gap * 0.1**k for k in range(FINER))]
    for _ in range(ROUNDS):
        point, slopes = interior(work, setting, state, path, share=shares[0], floor=floor)
        around = outside(work, point.fluence, setting, NEAR_LIMIT)
        if shares[0] <= gap:
            found = _measure(work, setting, point, slopes, around.excess, gap=gap, floor=floor)
            best = _better(best, found, floor)
            if best.gap <= gap:
                break
        if shares[0] > gap or not around.excess.any():
            shares.pop(0)
        if not shares:
            break
        work.grow(around.hot)
    return best


def _better(one: Minimum, other: Minimum, floor: float) -> Minimum:
    """The lower objective with the higher bound: bounds hold for every fluence."""
    bound = max(m.objective - m.gap * max(m.objective, floor) for m in (one, other))
    best = min(one, other, key=lambda m: m.objective)
    return replace(best, gap=(best.objective - bound) / max(best.objective, floor))


def _on_all_rows(work: Workspace, setting: Setting, found: Minimum) -> Minimum:
    """An earlier round's result on the rows there are now; objective and bound stay as proven."""
    rows = sum(dose.size for dose in found.point.dose_gy.values())
    if rows == work.working_rows():
        return found
    fluence = found.point.fluence
    excess = outside(work, fluence, setting, NEAR_LIMIT).excess
    return replace(found, point=work.at(fluence, setting, exact=True), excess=excess)


def floor_of(work: Workspace, setting: Setting) -> float:
    """The objective below which a gap is no longer relative to the objective itself."""
    nothing = np.zeros(work.problem.beamlets)
    return max(FLOOR_SHARE * work.at(nothing, setting).objective, 1e-300)


def _measure(
    work: Workspace,
    setting: Setting,
    point: Point,
    slopes: Point | None,
    excess: Floats,
    *,
    gap: float,
    floor: float,
) -> Minimum:
    point = work.at(point.fluence, setting, exact=True)
    objective = point.objective + float(setting.weights @ excess)
    no_limits = np.zeros(len(work.problem.terms), dtype=bool)
    enough = objective - gap * max(objective, floor)
    bound = lower_bound(work, setting, slopes or point, hard=no_limits, enough=enough)
    relative = (objective - bound) / max(objective, floor)
    return Minimum(point=point, excess=excess, objective=objective, gap=relative)
