"""The functions f(dose) of the terms: value, gradient and curvature by dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.terms import TermKind

MEAN_KINDS: frozenset[TermKind] = frozenset({"mean-dose", "squared-mean-overdose"})
GEUD_KINDS: frozenset[TermKind] = frozenset({"geud-over", "geud-under"})
OVER_KINDS: frozenset[TermKind] = frozenset({"squared-overdose", "dvh-max"})
UNDER_KINDS: frozenset[TermKind] = frozenset({"squared-underdose", "dvh-min"})
DVH_KINDS: frozenset[TermKind] = frozenset({"dvh-max", "dvh-min"})

COLDEST_RATIO = 1e-3  # curvature of a gEUD is infinite at zero dose for some exponents: capped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A term at a dose. The Hessian is ``diag(curvature) + axis_curvature * axis axis^T``.

    Args:
        value: f, Gy^2 (Gy for ``mean-dose``).
        slope: df / d dose, shape (rows,).
        curvature: Diagonal part of the Hessian, shape (rows,).
        axis: Direction of the rank-one part, shape (rows,); None if there is none.
        axis_curvature: Its factor; may be negative, the whole Hessian is not.
    """

    value: float
    slope: Floats
    curvature: Floats
    axis: Floats | None = None
    axis_curvature: float = 0.0


def squares(kind: TermKind, dose_gy: Floats, share: Floats, level_gy: Floats | float) -> Piece:
    """Squared deviation, overdose or underdose, one level for all rows or one each."""
    excess = dose_gy - level_gy
    if kind in OVER_KINDS:
        excess = np.maximum(excess, 0.0)
    elif kind in UNDER_KINDS:
        excess = np.minimum(excess, 0.0)
    slope = 2.0 * share * excess
    on = share if kind == "squared-deviation" else np.where(excess != 0.0, share, 0.0)
    return Piece(value=0.5 * float(slope @ excess), slope=slope, curvature=2.0 * on)


def mean(kind: TermKind, mean_gy: float, level_gy: float) -> Piece:
    """Mean dose, or its squared excess, as a function of the mean dose (one row)."""
    if kind == "mean-dose":
        return Piece(value=mean_gy, slope=np.ones(1), curvature=np.zeros(1))
    excess = max(mean_gy - level_gy, 0.0)
    return Piece(
        value=excess**2,
        slope=np.array([2.0 * excess]),
        curvature=np.array([2.0 if excess > 0 else 0.0]),
    )


def geud_gy(dose_gy: Floats, share: Floats, a: float) -> float:
    """Generalised equivalent uniform dose (sum of share * dose^a)^(1/a), without overflow.

    Source: Niemierko, Med Phys 24 (1997) 103 and 26 (1999) 1100.
    """
    used = dose_gy[share > 0]
    scale = float(used.max() if a > 0 else used.min())
    if scale <= 0.0:
        return 0.0
    mean_power = float(share[share > 0] @ (used / scale) ** a)
    return float(scale * mean_power ** (1.0 / a))


def _geud_slope(dose_gy: Floats, share: Floats, a: float, value_gy: float) -> Floats:
    """Derivative of the gEUD by dose.

    Where the gEUD is 0 it has a kink. For a < 0 the slope is the one towards equal dose in the
    rows without dose, for a >= 1 the one towards equal dose everywhere; both are finite and
    belong to the (super)differential.
    """
    if value_gy > 0.0:
        ratio = np.maximum(dose_gy, 0.0) / value_gy
        if a < 0:
            ratio = np.where(share > 0, ratio, 1.0)
        return np.asarray(share * ratio ** (a - 1.0), dtype=np.float64)
    cold = np.where(dose_gy <= 0.0, share, 0.0)
    return np.asarray(cold * cold.sum() ** (1.0 / a - 1.0), dtype=np.float64)


def geud(kind: TermKind, dose_gy: Floats, share: Floats, a: float, level_gy: float) -> Piece:
    """Squared excess or shortfall of the gEUD with its exact Hessian (capped near zero dose)."""
    dose_gy = np.maximum(dose_gy, 0.0)
    value_gy = geud_gy(dose_gy, share, a)
    excess = value_gy - level_gy
    excess = max(excess, 0.0) if kind == "geud-over" else min(excess, 0.0)
    if excess == 0.0:
        return Piece(value=0.0, slope=np.zeros(dose_gy.size), curvature=np.zeros(dose_gy.size))
    axis = _geud_slope(dose_gy, share, a, value_gy)
    bend = 2.0 * excess * (a - 1.0) / value_gy if value_gy > 0.0 else 0.0
    ratio = np.maximum(dose_gy / value_gy, COLDEST_RATIO) if value_gy > 0.0 else np.ones(1)
    return Piece(
        value=excess**2,
        slope=2.0 * excess * axis,
        curvature=np.asarray(bend * share * ratio ** (a - 2.0) * np.ones(dose_gy.size)),
        axis=axis,
        axis_curvature=2.0 - bend,
    )


def blamed(kind: TermKind, dose_gy: Floats, share: Floats, volume: float) -> Floats:
    """Share of every row that a DVH term counts, 0 to 1, at this dose.

    ``dvh-max`` exempts the hottest `volume` of the structure, ``dvh-min`` the coldest
    ``1 - volume``; the row at the border counts in part. Of all ways to exempt that much volume
    it is the one with the smallest penalty, so that choosing anew never raises the objective.
    """
    spare = volume if kind == "dvh-max" else 1.0 - volume
    order = np.argsort(-dose_gy if kind == "dvh-max" else dose_gy, kind="stable")
    before = np.cumsum(share[order]) - share[order]
    exempt = np.clip((spare - before) / np.where(share[order] > 0, share[order], 1.0), 0.0, 1.0)
    kept = np.ones(dose_gy.size)
    kept[order] = 1.0 - exempt
    return kept
