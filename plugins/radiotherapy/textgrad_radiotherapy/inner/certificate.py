"""Proven lower bounds of the objective by Fenchel duality.

For slopes R_k by dose of every term with ``g = sum_k D_k^T R_k >= 0`` no fluence ``x >= 0`` has an
objective below ``-sum_k (w_k f_k)*(R_k)``, because ``w f(d) >= R d - (w f)*(R)`` for every d. For
a square with level t, weight w and volume share v the conjugate is ``R t + R^2 / (4 w v)``; a
linear term has none, and of a hard limit only ``R t`` remains. The slopes at an optimum fulfil the
condition and the bound is the optimum; slopes near it are repaired first. Rows outside the working
set may be left out, since they only add to the objective.

Source: R. T. Rockafellar, Convex Analysis (1970), section 31.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.functions import GEUD_KINDS, MEAN_KINDS
from textgrad_radiotherapy.inner.repair import Repair, cheapest_repair
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dual:
    """Slopes of one sign, summed up.

    Args:
        linear: Minus the sum of R t.
        quadratic: Minus the sum of R^2 / (4 w v).
        gradient: Their share of g, shape (beamlets,).
    """

    linear: float
    quadratic: float
    gradient: Floats


def lower_bound(
    work: Workspace, setting: Setting, point: Point, *, hard: NDArray[np.bool_], enough: float
) -> float:
    """A number no objective of a fluence is below, within the hard limits.

    Args:
        work: The objective.
        setting: Weights, levels and offsets.
        point: A fluence near the optimum; the nearer, the tighter the bound.
        hard: Which terms are hard limits.
        enough: A bound that high needs no improvement.
    """
    more, less = _halves(work, setting, point, hard)
    gradient = more.gradient + less.gradient
    growing = not any(
        term.kind == "mean-dose" and setting.weights[k] > 0
        for k, term in enumerate(work.problem.terms)
    )
    best = max(_shrunk(more, less, growing=growing), 0.0)
    if gradient.min() >= 0.0 or best >= enough:
        return best
    repair = cheapest_repair(work, setting, point, gradient, hard=hard)
    return max(best, _repaired(more, less, repair, growing=growing))


def _halves(
    work: Workspace, setting: Setting, point: Point, hard: NDArray[np.bool_]
) -> tuple[Dual, Dual]:
    """The slopes at a point: those that ask for less dose (positive) and those for more."""
    problem = work.problem
    linear, quadratic = np.zeros(2), np.zeros(2)
    gradient = np.zeros((problem.beamlets, 2))
    rows = {name: np.zeros((block.rows.size, 2)) for name, block in work.blocks.items()}
    for k, (term, piece) in enumerate(zip(problem.terms, point.pieces, strict=True)):
        weight = float(setting.weights[k])
        if weight == 0.0:
            continue
        slope = weight * piece.slope
        split = np.stack([np.maximum(slope, 0.0), np.minimum(slope, 0.0)], axis=1)
        if term.kind in MEAN_KINDS:
            gradient += problem.mean[term.structure][:, None] * split
        else:
            rows[term.structure] += split
        if term.kind == "mean-dose":
            continue
        along, bent = _conjugates(work, setting, k, split, piece.value, limit=bool(hard[k]))
        linear -= along
        quadratic -= 0.0 if hard[k] else bent
    for name, block in work.blocks.items():
        gradient += block.back_exact(rows[name])
    more, less = (
        Dual(linear=float(linear[i]), quadratic=float(quadratic[i]), gradient=gradient[:, i])
        for i in (0, 1)
    )
    return more, less


def _conjugates(
    work: Workspace, setting: Setting, k: int, split: Floats, value: float, *, limit: bool
) -> tuple[Floats, Floats]:
    """Of both signs: sum of R t, and the quadratic part; a limit holds at its own level."""
    kind, weight = work.problem.terms[k].kind, float(setting.weights[k])
    if kind not in MEAN_KINDS | GEUD_KINDS:
        share = work.share(k, setting)
        level = work.levels(k, setting, shifted=not limit)
        inverse = np.where(share > 0, 1.0 / np.where(share > 0, share, 1.0), 0.0)
        return level @ split, inverse @ split**2 / (4.0 * weight)
    size = 2.0 * weight * np.sqrt(value)  # slope by the mean dose or gEUD itself
    along = np.array([0.0, -size]) if kind == "geud-under" else np.array([size, 0.0])
    return along * work.level(k, setting, shifted=not limit), along**2 / (4.0 * weight)


def _best_multiple(linear: float, quadratic: float, *, growing: bool) -> float:
    """The bound at the best multiple of the slopes; at most 1 when some of them are fixed."""
    if quadratic == 0.0:
        return linear
    scale = max(-linear / (2.0 * quadratic), 0.0)
    scale = scale if growing else min(scale, 1.0)
    return scale * linear + scale**2 * quadratic


def _shrunk(more: Dual, less: Dual, *, growing: bool) -> float:
    """The bound after shrinking all slopes that ask for more dose; it always exists."""
    short = (more.gradient + less.gradient) < 0.0
    keep = 1.0
    if short.any():
        keep = float((more.gradient[short] / -less.gradient[short]).min()) * (1.0 - 1e-15)
    linear = more.linear + keep * less.linear
    return _best_multiple(linear, more.quadratic + keep**2 * less.quadratic, growing=growing)


def _repaired(more: Dual, less: Dual, repair: Repair, *, growing: bool) -> float:
    """The bound after raising slopes of single rows; the rest is paid by bounds on beamlets."""
    linear = more.linear + less.linear + repair.linear
    quadratic = more.quadratic + less.quadratic + repair.quadratic
    return _best_multiple(linear, quadratic, growing=growing)
