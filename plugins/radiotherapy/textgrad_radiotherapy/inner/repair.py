"""Making the slopes of a near-optimal plan dual feasible at little cost.

A beamlet whose gradient is negative wants to grow. Either the slope by dose of a voxel it reaches
is raised until the gradient is 0, which costs about that voxel's dose per unit of slope, or the
shortfall is paid for with the largest fluence the beamlet can have at the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.block import Singles
from textgrad_radiotherapy.inner.functions import OVER_KINDS
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

REPAIR_ROWS = 2000  # rows that may take up slope, those with the largest weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What raising slopes changes.

    Args:
        linear: Added to the linear part of the bound.
        quadratic: Added to its quadratic part.
    """

    linear: float
    quadratic: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidates:
    """Rows whose slope may be raised; `price_gy` per unit, `bend` is 4 w v (inf: hard)."""

    influence: Singles
    level_gy: Floats
    price_gy: Floats
    slope: Floats
    bend: Floats


def cheapest_repair(
    work: Workspace,
    setting: Setting,
    point: Point,
    gradient: Floats,
    *,
    hard: NDArray[np.bool_],
) -> Repair:
    """Raise slopes beamlet by beamlet, the one with the largest shortfall first."""
    short = np.flatnonzero(gradient < 0.0)
    short = short[np.argsort(gradient[short])]
    rows = _candidates(work, setting, point, hard)
    if rows is None:
        return Repair(linear=-np.inf, quadratic=0.0)
    reach = rows.influence[:, short].astype(np.float64)
    price = np.full(reach.shape, np.inf)
    np.divide(rows.price_gy[:, None], reach, out=price, where=reach > 0.0)
    choice = price.argmin(axis=0)
    left = gradient[short].copy()
    raised = np.zeros(rows.slope.size)
    for at, row in enumerate(choice):
        if left[at] < 0.0 < reach[row, at]:
            raise_by = -left[at] / reach[row, at] * (1.0 + 1e-12)
            raised[row] += raise_by
            left += raise_by * reach[row]
    quadratic = ((rows.slope + raised) ** 2 - rows.slope**2) / rows.bend
    linear = -float(raised @ rows.level_gy)
    unpaid = left < 0.0
    if unpaid.any():
        linear += float(left[unpaid] @ _largest_fluence(rows, reach[:, unpaid], point, hard))
    return Repair(linear=linear, quadratic=-float(quadratic.sum()))


def _candidates(
    work: Workspace, setting: Setting, point: Point, hard: NDArray[np.bool_]
) -> _Candidates | None:
    """The heaviest rows of the terms that may ask for less dose."""
    parts: list[tuple[str, NDArray[np.intp], Floats]] = []
    for k in work.problem.gram_terms():
        term, weight = work.problem.terms[k], float(setting.weights[k])
        takes = term.kind == "squared-deviation" or term.kind in OVER_KINDS
        if not takes or weight == 0.0:
            continue
        share = work.share(k, setting)
        rows = np.flatnonzero(share > 0)
        bend = np.full(rows.size, np.inf) if hard[k] else 4.0 * weight * share[rows]
        level = work.levels(k, setting, shifted=not hard[k])[rows]
        price = point.dose_gy[term.structure][rows]
        if term.kind != "squared-deviation":
            price = np.maximum(price, level)
        slope = weight * point.pieces[k].slope[rows]
        parts.append((term.structure, rows, np.stack([level, price, slope, bend])))
    if not parts:
        return None
    numbers = np.concatenate([part[2] for part in parts], axis=1)
    chosen = np.sort(np.argsort(-numbers[3], kind="stable")[:REPAIR_ROWS])
    pieces, at = [], 0
    for name, rows, _ in parts:
        mine = chosen[(chosen >= at) & (chosen < at + rows.size)] - at
        at += rows.size
        pieces.append(work.blocks[name].dense(rows[mine]))
    level, price, slope, bend = numbers[:, chosen]
    return _Candidates(
        influence=np.concatenate(pieces),
        level_gy=level,
        price_gy=price,
        slope=slope,
        bend=bend,
    )


def _largest_fluence(
    rows: _Candidates, reach: Floats, point: Point, hard: NDArray[np.bool_]
) -> Floats:
    """Fluence no optimum exceeds: its objective is at most that of the point.

    Where there are hard limits the point may miss them, and nothing follows from its objective.
    """
    if hard.any():
        return np.full(reach.shape[1], np.inf)
    most_gy = rows.level_gy + np.sqrt(4.0 * point.objective / rows.bend)
    steepest = (reach / most_gy[:, None]).max(axis=0)
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / steepest, dtype=np.float64)
