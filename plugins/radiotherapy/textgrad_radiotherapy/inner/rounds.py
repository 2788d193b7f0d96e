"""Rounds of Newton steps on the working rows, until the gap to all rows is proven."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner import newton
from textgrad_radiotherapy.inner.certificate import lower_bound
from textgrad_radiotherapy.inner.newton import Descent, Hessian
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

ROUGH = (1e-2, 1e-3)  # relative decrease at which the first rounds of a cold start stop
NEAR_LIMIT = 0.9  # rows of large structures with more than this share of the level join
ROUNDS = 14
STEPS_PER_ROUND = 40
FLOOR_SHARE = 1e-9  # of the objective without dose: smaller objectives count as this


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """Where the rounds ended.

    Args:
        point: The fluence, its doses in double precision.
        objective: Over all rows, without hard limits.
        lower_bound: Proven, see `certificate`.
        gap: Relative.
    """

    point: Point
    objective: float
    lower_bound: float
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outside:
    """Rows that are no working rows yet.

    Args:
        excess: What they add to the objective.
        hot: Those near their level or above it, by structure.
    """

    excess: float
    hot: dict[str, NDArray[np.intp]]


def outside(work: Workspace, fluence: Floats, setting: Setting, near: float) -> Outside:
    """Look at the rows outside the working set."""
    problem, excess = work.problem, 0.0
    hot: dict[str, NDArray[np.intp]] = {}
    for name, block in work.blocks.items():
        rows = problem.matrix[name].shape[0]
        if block.rows.size == rows:
            continue
        if problem.whole(name):
            hot[name] = np.arange(rows)
            continue
        dose = problem.matrix[name] @ fluence.astype(np.float32)
        aside = np.ones(rows, dtype=bool)
        aside[block.rows] = False
        levels = []
        for k in problem.of_rows(name):
            offset, kept = setting.offset_gy[k], setting.kept[k]
            level = setting.doses_gy[k] + (0.0 if offset is None else float(offset.min()))
            share = problem.share[name] if kept is None else problem.share[name] * kept
            over = np.where(aside, np.maximum(dose - level, 0.0), 0.0)
            excess += float(setting.weights[k]) * float(share @ over**2)
            levels.append(level)
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
    hard: NDArray[np.bool_],
    cold: bool,
) -> Minimum:
    """The minimum over fluences that are not negative, with a proven gap."""
    tolerances = [*(ROUGH if cold else ()), *(gap * 0.1**k for k in range(1, ROUNDS))]
    floor = FLOOR_SHARE * _without_dose(work, setting)
    around = outside(work, fluence, setting, NEAR_LIMIT)
    best: Minimum | None = None
    for tolerance in tolerances:
        for name, rows in around.hot.items():
            work.blocks[name].add(rows)
        fine = tolerance < gap
        point = work.at(fluence, setting, exact=fine)
        point = newton.descend(
            work, hessian, setting, point, state,
            tolerance=max(tolerance, 1e-14), limit=STEPS_PER_ROUND, exact=fine,
        )  # fmt: skip
        fluence = point.fluence
        around = outside(work, fluence, setting, NEAR_LIMIT)
        if not fine:
            continue
        point = work.at(fluence, setting, exact=True)
        found = _measure(work, setting, point, around.excess, hard, gap, floor)
        if best is None or abs(found.gap) < abs(best.gap):
            best = found
        if abs(best.gap) <= gap or (tolerance < 1e-13 and not around.excess):
            break
    if best is None:  # unreachable: the last tolerances are fine
        raise AssertionError(tolerances)
    return best


def _measure(
    work: Workspace,
    setting: Setting,
    point: Point,
    excess: float,
    hard: NDArray[np.bool_],
    gap: float,
    floor: float,
) -> Minimum:
    soft = sum(
        float(w) * piece.value
        for w, piece, limit in zip(setting.weights, point.pieces, hard, strict=True)
        if w and not limit
    )
    objective = soft + excess
    bound = lower_bound(work, setting, point, hard=hard, enough=objective * (1.0 - 0.5 * gap))
    relative = (objective - bound) / max(objective, floor, 1e-300)
    return Minimum(point=point, objective=objective, lower_bound=bound, gap=relative)


def _without_dose(work: Workspace, setting: Setting) -> float:
    nothing = np.zeros(work.problem.beamlets)
    return work.at(nothing, setting).objective
