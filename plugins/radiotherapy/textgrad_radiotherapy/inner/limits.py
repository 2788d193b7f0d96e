"""Hard limits by an augmented Lagrangian, and the voxels DVH terms blame.

A limit is a square with a penalty whose level is moved by its multiplier: where a limit was missed
by e Gy the level moves by e the other way, and the penalty grows when misses do not shrink.

Source: J. Nocedal, S. J. Wright, Numerical Optimization, 2nd ed. (2006), section 17.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner import functions
from textgrad_radiotherapy.inner.functions import DVH_KINDS, GEUD_KINDS, MEAN_KINDS
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

TOLERANCE_SHARE = 1e-3  # of the level: so much a hard limit may be missed by
TOLERANCE_GY = 0.01  # and at least so much
FIRST_PENALTY = 10.0  # times the largest weight
PENALTY_GROWTH = 5.0
EXPECTED_SHRINKAGE = 0.3  # of the largest miss, per solve


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limits:
    """Multipliers of the hard limits, from solve to solve.

    Args:
        penalty: Weight of every hard limit.
        offset_gy: As in `Setting`; None for terms that are no hard limits.
        worst: Largest miss as a multiple of its tolerance.
    """

    penalty: float
    offset_gy: tuple[Floats | None, ...]
    worst: float = np.inf


def no_multipliers(work: Workspace, weights: Floats) -> Limits:
    """Limits before the first solve."""
    problem = work.problem
    offsets: list[Floats | None] = []
    for term in problem.terms:
        one = term.kind in MEAN_KINDS | GEUD_KINDS
        size = 1 if one else problem.matrix[term.structure].shape[0]
        offsets.append(np.zeros(size) if term.hard else None)
    soft = [w for w, term in zip(weights, problem.terms, strict=True) if not term.hard]
    return Limits(penalty=FIRST_PENALTY * max(soft), offset_gy=tuple(offsets))


def with_limits(work: Workspace, setting: Setting, limits: Limits) -> Setting:
    """The setting of the next solve."""
    hard = np.array([term.hard for term in work.problem.terms])
    weights = np.where(hard, limits.penalty, setting.weights)
    return replace(setting, weights=weights, offset_gy=limits.offset_gy)


def misses_gy(work: Workspace, setting: Setting, point: Point) -> dict[str, float]:
    """By how much every hard limit is missed at worst, in Gy; 0 if it holds."""
    return {
        term.name: float(np.max(_excess(work, setting, point, k), initial=0.0))
        for k, term in enumerate(work.problem.terms)
        if term.hard
    }


def worst_miss(work: Workspace, setting: Setting, point: Point) -> float:
    """Largest miss as a multiple of its tolerance."""
    missed = misses_gy(work, setting, point)
    levels = {t.name: d for t, d in zip(work.problem.terms, setting.doses_gy, strict=True)}
    shares = [
        miss / max(TOLERANCE_SHARE * float(levels[name]), TOLERANCE_GY)
        for name, miss in missed.items()
    ]
    return max(shares, default=0.0)


def _excess(
    work: Workspace, setting: Setting, point: Point, k: int, *, shifted: bool = False
) -> Floats:
    """Excess over (or below) the level of a limit, per working row or of the one number."""
    term = work.problem.terms[k]
    sign = 1.0 if term.kind in {"squared-overdose", "squared-mean-overdose", "geud-over"} else -1.0
    if term.kind in MEAN_KINDS:
        found = np.array([work.problem.mean[term.structure] @ point.fluence])
    elif term.kind in GEUD_KINDS:
        share = work.blocks[term.structure].share
        dose = np.maximum(point.dose_gy[term.structure], 0.0)
        found = np.array([functions.geud_gy(dose, share, term.a)])
    else:
        return sign * (point.dose_gy[term.structure] - work.levels(k, setting, shifted=shifted))
    return sign * (found - work.level(k, setting, shifted=shifted))


def next_limits(work: Workspace, setting: Setting, limits: Limits, point: Point) -> Limits:
    """Multipliers after a solve."""
    worst = worst_miss(work, setting, point)
    grow = worst > 1.0 and worst > EXPECTED_SHRINKAGE * limits.worst
    factor = PENALTY_GROWTH if grow else 1.0
    offsets: list[Floats | None] = []
    for k, term in enumerate(work.problem.terms):
        held = limits.offset_gy[k]
        if held is None:
            offsets.append(None)
            continue
        over = np.maximum(_excess(work, setting, point, k, shifted=True), 0.0) / factor
        moved = np.zeros(held.size)
        one = term.kind in MEAN_KINDS | GEUD_KINDS
        rows = np.zeros(1, dtype=np.intp) if one else work.blocks[term.structure].rows
        down = term.kind in {"squared-overdose", "squared-mean-overdose", "geud-over"}
        moved[rows] = -over if down else over
        offsets.append(moved)
    return Limits(penalty=limits.penalty * factor, offset_gy=tuple(offsets), worst=worst)


def with_blame(work: Workspace, setting: Setting, fluence: Floats) -> Setting:
    """The setting with the voxels DVH terms blame chosen at a fluence."""
    kept: list[Floats | None] = []
    doses: dict[str, Floats] = {}
    for k, term in enumerate(work.problem.terms):
        if term.kind not in DVH_KINDS:
            kept.append(setting.kept[k])
            continue
        if term.structure not in doses:
            matrix = work.problem.matrix[term.structure]
            single = matrix @ fluence.astype(np.float32)
            doses[term.structure] = np.asarray(single, dtype=np.float64)
        share = work.problem.share[term.structure]
        kept.append(functions.blamed(term.kind, doses[term.structure], share, term.volume))
    return replace(setting, kept=tuple(kept))
