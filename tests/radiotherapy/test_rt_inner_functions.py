"""Values and gradients of the terms of the inner objective against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rt_problems import CONVEX_KINDS, value
from textgrad_radiotherapy.inner import functions
from textgrad_radiotherapy.inner.functions import Piece
from textgrad_radiotherapy.terms import Term, TermKind

Floats = NDArray[np.float64]
SHARE = np.array([0.1, 0.3, 0.2, 0.15, 0.25])
LEVEL_GY = 30.0


def a_of(kind: TermKind) -> float:
    return -8.0 if kind == "geud-under" else 6.0


def piece(kind: TermKind, dose: Floats) -> Piece:
    if kind in functions.MEAN_KINDS:
        at_mean = functions.mean(kind, float(SHARE @ dose), LEVEL_GY)
        return Piece(
            value=at_mean.value,
            slope=at_mean.slope[0] * SHARE,
            curvature=np.zeros(dose.size),
            axis=SHARE,
            axis_curvature=at_mean.curvature[0],
        )
    if kind in functions.GEUD_KINDS:
        return functions.geud(kind, dose, SHARE, a_of(kind), LEVEL_GY)
    return functions.squares(kind, dose, SHARE, LEVEL_GY)


def plain(kind: TermKind, dose: Floats) -> float:
    term = Term(name="t", structure="s", kind=kind, dose_gy=LEVEL_GY, a=a_of(kind))
    return value(term, dose, SHARE)


DOSES = {
    "above": np.array([35.0, 41.0, 52.0, 33.0, 60.0]),
    "below": np.array([5.0, 11.0, 22.0, 3.0, 26.0]),
    "both": np.array([5.0, 41.0, 29.0, 33.0, 26.0]),
}


@pytest.mark.parametrize("where", DOSES)
@pytest.mark.parametrize("kind", CONVEX_KINDS)
def test_gradient_and_hessian_match_differences(kind: TermKind, where: str) -> None:
    dose, step = DOSES[where], 1e-4
    found = piece(kind, dose)
    assert found.value == pytest.approx(plain(kind, dose), rel=1e-12, abs=1e-12)
    moves = step * np.eye(dose.size)
    slopes = [(plain(kind, dose + m) - plain(kind, dose - m)) / (2 * step) for m in moves]
    np.testing.assert_allclose(found.slope, slopes, rtol=1e-6, atol=1e-6)
    bends = [
        (piece(kind, dose + m).slope - piece(kind, dose - m).slope) / (2 * step) for m in moves
    ]
    hessian = np.diag(found.curvature)
    if found.axis is not None:
        hessian = hessian + found.axis_curvature * np.outer(found.axis, found.axis)
    np.testing.assert_allclose(hessian, bends, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", CONVEX_KINDS)
def test_gradient_at_zero_dose_is_the_one_towards_equal_dose(kind: TermKind) -> None:
    nothing, step = np.zeros(SHARE.size), 1e-6
    found = piece(kind, nothing)
    assert np.isfinite(found.slope).all()
    assert np.isfinite(found.curvature).all()
    forward = (plain(kind, nothing + step) - plain(kind, nothing)) / step
    assert float(found.slope.sum()) == pytest.approx(forward, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("a", [1.0, 1.5, 4.0, 40.0])
def test_geud_limit_has_finite_derivatives_where_some_voxels_get_no_dose(a: float) -> None:
    dose, step = np.array([0.0, 80.0, 0.0, 50.0, 70.0]), 1e-5
    found = functions.geud("geud-over", dose, SHARE, a, LEVEL_GY)
    term = Term(name="t", structure="s", kind="geud-over", dose_gy=LEVEL_GY, a=a)
    for row, move in enumerate(step * np.eye(dose.size)):
        forward = (value(term, dose + move, SHARE) - value(term, dose, SHARE)) / step
        assert found.slope[row] == pytest.approx(forward, rel=1e-3, abs=2e-2)
    assert np.isfinite(found.curvature).all()


def test_geud_of_a_target_with_a_cold_voxel_is_zero_and_pulls_on_that_voxel() -> None:
    dose = np.array([0.0, 60.0, 60.0, 60.0, 60.0])
    found = functions.geud("geud-under", dose, SHARE, -8.0, LEVEL_GY)
    assert found.value == LEVEL_GY**2
    assert found.slope[0] < 0
    assert (found.slope[1:] == 0).all()


@pytest.mark.parametrize(("a", "equal"), [(60.0, 100.0), (-60.0, 1.0), (1.0, 50.5)])
def test_geud_does_not_overflow_and_tends_to_the_extreme_doses(a: float, equal: float) -> None:
    dose = np.array([1.0, 100.0])
    found = functions.geud_gy(dose, np.array([0.5, 0.5]), a)
    assert found == pytest.approx(equal, rel=0.02)


doses = st.lists(st.floats(0, 80), min_size=1, max_size=20)


@given(doses, st.floats(0, 1), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_blamed_voxels_leave_exactly_the_allowed_volume_out(
    values: list[float], volume: float, seed: int
) -> None:
    dose = np.array(values)
    share = np.random.default_rng(seed).uniform(0.1, 1.0, dose.size)
    share /= share.sum()
    for kind, allowed in (("dvh-max", volume), ("dvh-min", 1.0 - volume)):
        kept = functions.blamed(kind, dose, share, volume)  # type: ignore[arg-type]  # literals
        assert ((kept >= 0) & (kept <= 1)).all()
        assert float(share @ (1.0 - kept)) == pytest.approx(allowed, abs=1e-9)


def test_dvh_limit_exempts_the_hottest_voxels() -> None:
    dose, share = np.array([10.0, 70.0, 40.0, 60.0]), np.full(4, 0.25)
    np.testing.assert_allclose(functions.blamed("dvh-max", dose, share, 0.375), [1, 0, 1, 0.5])
    np.testing.assert_allclose(functions.blamed("dvh-min", dose, share, 0.75), [0, 1, 1, 1])
