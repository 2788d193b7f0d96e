"""Metrics against closed forms, and their gradients against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rt_cases import ball, box, case_of, centred_grid, listed_case, listed_dose, occupied
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.dvh import dvh_curves
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Metric, MetricKind
from textgrad_radiotherapy.metrics import gradient, target_indices, value

RADIUS_MM = 12.0
PRESCRIBED_GY = 60.0


def of(kind: MetricKind, argument: float = 0.0, structure: str = "PTV") -> Metric:
    return Metric(structure=structure, kind=kind, argument=argument)


def slope(metric: Metric, dose: Floats, direction: Floats, case: Case, step: float) -> float:
    """Central finite difference along a direction."""
    up = value(metric, dose + step * direction, case)
    down = value(metric, dose - step * direction, case)
    return (up - down) / (2 * step)


def predicted(metric: Metric, dose: Floats, direction: Floats, case: Case) -> float:
    """The same by the gradient."""
    voxels, weights = gradient(metric, dose, case)
    return float(weights @ direction[voxels])


@pytest.fixture(scope="module")
def phantom() -> Case:
    """A ball in a larger ball, on a grid that is centred on neither a voxel nor its edge."""
    grid = centred_grid(34, 2.0, (0.3, 0.1, 0.4))
    return case_of(
        grid,
        occupied("Body", "external", ball(33.0), grid, samples=3),
        occupied("PTV", "target", ball(RADIUS_MM), grid),
        prescription_gy={"PTV": PRESCRIBED_GY},
    )


def falling_dose(case: Case, reach_mm: float) -> Floats:
    """A dose that falls with distance, the prescription at `reach_mm`, none at twice that."""
    distance = np.linalg.norm(case.grid.centres_mm(), axis=1)
    return np.asarray(PRESCRIBED_GY * np.maximum(2 - distance / reach_mm, 0.0))


def test_quantiles_and_volumes_of_a_list_of_voxels() -> None:
    case = listed_case([1.0, 0.5, 1.0, 1.0, 0.5])  # cc
    dose = listed_dose([10.0, 20.0, 30.0, 40.0, 50.0])
    assert value(of("D%", 50), dose, case) == pytest.approx(30)
    assert value(of("Dcc", 0.3), dose, case) == pytest.approx(50)
    assert value(of("Dcc", 4.0), dose, case) == pytest.approx(10)
    assert value(of("V%", 30.0), dose, case) == pytest.approx(62.5)
    assert value(of("Vcc", 30.1), dose, case) == pytest.approx(1.5)
    assert value(of("mean"), dose, case) == pytest.approx((10 + 10 + 30 + 40 + 25) / 4)
    assert value(of("V%", 0.0), dose, case) == pytest.approx(100)


@pytest.mark.parametrize(
    ("kind", "away_mm", "volume_cc"), [("Dcc_outside", 0.0, 20.0), ("Dcc_2cm", 20.0, 2.0)]
)
def test_dose_of_normal_tissue_in_closed_form(
    phantom: Case, kind: MetricKind, away_mm: float, volume_cc: float
) -> None:
    """Of a dose that falls with distance, the hottest volume is a shell around the target."""
    dose = falling_dose(phantom, 24.0)
    inner_mm = RADIUS_MM + away_mm
    outer_mm = (inner_mm**3 + 750.0 * volume_cc / np.pi) ** (1 / 3)
    expected = PRESCRIBED_GY * (2 - outer_mm / 24.0)
    assert value(of(kind, volume_cc, "Body"), dose, phantom) == pytest.approx(expected, abs=2.0)
    assert value(of("Dcc", volume_cc, "Body"), dose, phantom) > expected + 3


def half_a_ball(x: Floats, y: Floats, z: Floats) -> NDArray[np.bool_]:
    """Points of a ball of `RADIUS_MM` on one side of a plane through its centre."""
    return np.asarray((x**2 + y**2 + z**2 <= RADIUS_MM**2) & (x >= 0.0))


@pytest.mark.parametrize("spacing_mm", [2.0, 3.0, 5.0])
@pytest.mark.parametrize("offset", [(0.0, 0.0, 0.0), (0.5, 0.3, 0.1), (0.25, 0.4, 0.1)])
def test_mean_of_half_a_ball_in_a_linear_gradient(
    spacing_mm: float, offset: tuple[float, float, float]
) -> None:
    """Its centroid lies 3/8 of the radius off the plane; voxel centres are up to 0.27 Gy off."""
    x, y, z = (spacing_mm * share for share in offset)
    grid = centred_grid(RADIUS_MM + spacing_mm, spacing_mm, (x, y, z))
    case = case_of(grid, occupied("PTV", "target", half_a_ball, grid, samples=9))
    dose = 50.0 + 1.0 * grid.centres_mm()[:, 0]
    exact = 50.0 + 3.0 / 8.0 * RADIUS_MM
    assert value(of("mean"), dose, case) == pytest.approx(exact, abs=0.037 * spacing_mm)


@pytest.mark.parametrize("a", [1.0, 3.0, 8.0, 20.0, -1.0, -10.0])
def test_geud_of_a_box_in_a_linear_gradient(a: float) -> None:
    grid = centred_grid(16, 2.0, (0.6, 0.2, -0.2))
    case = case_of(grid, occupied("PTV", "target", box((10.0, 7.0, 5.0)), grid, samples=10))
    dose = 50.0 + 2.0 * grid.centres_mm()[:, 0]
    low, high = 30.0, 70.0
    exact = (np.log(high / low) if a == -1.0 else (high ** (a + 1) - low ** (a + 1)) / (a + 1)) / (
        high - low
    )
    assert value(of("gEUD", a), dose, case) == pytest.approx(exact ** (1 / a), abs=0.03)


@pytest.mark.parametrize("reach_mm", [10.0, 14.0, 24.0])
def test_the_mean_is_the_area_under_the_histogram(phantom: Case, reach_mm: float) -> None:
    dose = falling_dose(phantom, reach_mm)
    for name in ("PTV", "Body"):
        (curve,) = dvh_curves(phantom, dose, [name], step_gy=0.01)
        area = float(np.trapezoid(curve.volume_percent, curve.dose_gy)) / 100
        assert value(of("mean", structure=name), dose, phantom) == pytest.approx(area, abs=0.01)
        assert value(of("gEUD", 1.0, name), dose, phantom) == pytest.approx(area, abs=0.01)


@pytest.mark.parametrize("a", [1.0, 2.0, 8.0, 40.0, -1.0, -10.0])
def test_geud_by_its_definition(a: float) -> None:
    dose, share = np.array([10.0, 55.0, 70.2]), np.array([0.2, 1.0, 0.7])
    expected = (np.sum(share * dose**a) / share.sum()) ** (1 / a)
    got = value(of("gEUD", a), listed_dose(dose), listed_case(share))
    assert got == pytest.approx(expected, rel=1e-12)


def test_geud_with_voxels_without_dose() -> None:
    case = listed_case([1.0, 1.0])
    assert value(of("gEUD", -5), listed_dose([0.0, 60.0]), case) == 0
    assert value(of("gEUD", 5), listed_dose([0.0, 0.0]), case) == 0
    assert value(of("gEUD", 2), listed_dose([0.0, 60.0]), case) == pytest.approx(60 / 2**0.5)


def test_geud_approaches_the_extremes() -> None:
    case, dose = listed_case([1.0, 1.0, 1.0]), listed_dose([20.0, 50.0, 70.0])
    assert value(of("gEUD", 500), dose, case) == pytest.approx(70, rel=0.01)
    assert value(of("gEUD", -500), dose, case) == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize("reach_mm", [10.5, 12.0, 14.0])
def test_indices_of_concentric_balls(phantom: Case, reach_mm: float) -> None:
    got = target_indices("PTV", falling_dose(phantom, reach_mm), phantom)
    target, isodose = RADIUS_MM**3, reach_mm**3
    covered = min(target, isodose)
    assert got.coverage_percent == pytest.approx(100 * covered / target, abs=1.0)
    assert got.paddick_ci == pytest.approx(covered**2 / (target * isodose), abs=0.03)
    assert got.rtog_ci == pytest.approx(isodose / target, abs=0.02)
    assert got.gradient_index == pytest.approx(1.5**3, rel=0.02)
    d2, d50, d98 = (
        PRESCRIBED_GY * (2 - RADIUS_MM / reach_mm * share ** (1 / 3))
        for share in (0.02, 0.5, 0.98)
    )
    assert got.homogeneity == pytest.approx((d2 - d98) / d50, abs=0.01)


def test_indices_of_a_dose_that_defines_none(phantom: Case) -> None:
    got = target_indices("PTV", np.zeros(phantom.grid.voxels), phantom)
    assert (got.coverage_percent, got.paddick_ci, got.rtog_ci) == (0.0, 0.0, 0.0)
    assert math.isinf(got.homogeneity)
    assert math.isinf(got.gradient_index)
    for kind in ("CI", "GI", "HI"):
        voxels, weights = gradient(of(kind), np.zeros(phantom.grid.voxels), phantom)
        assert voxels.size == weights.size == 0


DOSES = st.lists(
    st.tuples(st.one_of(st.just(0.0), st.floats(0.5, 80)), st.floats(0.05, 1)),
    min_size=2,
    max_size=12,
)


@given(DOSES, st.sampled_from([1.0, 1.5, 2.0, 8.0]))
def test_geud_gradient_of_every_voxel(parts: list[tuple[float, float]], a: float) -> None:
    doses, share = np.asarray(parts).T
    case, dose = listed_case(share), listed_dose(doses + 1.0)
    voxels, weights = gradient(of("gEUD", a), dose, case)
    for voxel, weight in zip(voxels, weights, strict=True):
        direction = np.zeros(dose.size)
        direction[voxel] = 1.0
        assert weight == pytest.approx(slope(of("gEUD", a), dose, direction, case, 1e-4), abs=1e-6)


@pytest.mark.parametrize("a", [1.0, 2.0, 6.0, -2.0, -8.0])
@pytest.mark.parametrize("doses", [[0.0, 30.0, 60.0], [0.0, 0.0, 40.0], [0.0, 0.0, 0.0]])
def test_geud_gradient_at_zero_dose(a: float, doses: list[float]) -> None:
    """Finite where others divide by zero: along a common rise of all doses it is exact."""
    case, dose = listed_case([1.0, 0.5, 0.8]), listed_dose(doses)
    metric, rise = of("gEUD", a), listed_dose([1.0, 1.0, 1.0])
    step = 1e-6
    forward = (value(metric, dose + step * rise, case) - value(metric, dose, case)) / step
    voxels, weights = gradient(metric, dose, case)
    assert np.isfinite(weights).all()
    assert weights @ rise[voxels] == pytest.approx(forward, rel=1e-4, abs=1e-5)


@given(DOSES)
def test_mean_is_its_gradient(parts: list[tuple[float, float]]) -> None:
    doses, share = np.asarray(parts).T
    case, dose = listed_case(share), listed_dose(doses)
    voxels, weights = gradient(of("mean"), dose, case)
    assert weights @ dose[voxels] == pytest.approx(value(of("mean"), dose, case))


def waves(case: Case) -> tuple[Floats, Floats]:
    """A smooth dose and a smooth change of it."""
    x, y, z = case.grid.centres_mm().T
    dose = 60 + 0.6 * x + 4 * np.sin(y / 8) - 0.01 * z**2
    return np.asarray(dose), np.asarray(1 + 0.05 * x - 0.002 * y**2 + 0.1 * np.cos(z / 6))


@pytest.mark.parametrize(
    "metric",
    [
        *(of("D%", p) for p in (2, 5, 50, 95, 98, 99)),
        of("Dcc", 0.5),
        of("Dcc", 3.0),
        of("Dcc_outside", 4.0, "Body"),
        *(of("V%", d) for d in (54, 58, 61, 66)),
        of("Vcc", 59),
        of("HI"),
        of("mean"),
        of("gEUD", 8.0),
        of("gEUD", -10.0),
    ],
    ids=lambda metric: f"{metric.kind}{metric.argument:g}",
)
def test_gradients_along_smooth_changes(phantom: Case, metric: Metric) -> None:
    dose, change = waves(phantom)
    measured = slope(metric, dose, change, phantom, 0.2)
    assert predicted(metric, dose, change, phantom) == pytest.approx(
        measured, rel=0.08, abs=0.08 * (0.003 if metric.kind == "HI" else 0.1)
    )


@pytest.mark.parametrize("seed", range(6))
def test_gradients_are_those_of_the_histogram_of_parts(phantom: Case, seed: int) -> None:
    """A smooth dose at random, changed at random voxel by voxel: finite differences agree."""
    draw = np.random.default_rng(seed)
    where = phantom.grid.centres_mm()
    dose = 60.0 + where @ draw.uniform(-0.35, 0.35, 3)
    for _ in range(4):
        wave = draw.normal(0.0, 0.08, 3)
        dose += draw.uniform(-3.0, 3.0) * np.sin(where @ wave + draw.uniform(0.0, 6.0))
    change = draw.uniform(-0.5, 1.5, dose.size)
    metrics = [
        *(of("D%", p) for p in (2, 5, 30, 50, 90, 95, 98)),
        of("Dcc", 0.5),
        *(of("V%", d) for d in (57, 60, 63)),
        of("Vcc", 59),
        of("HI"),
        of("mean"),
        of("gEUD", 8.0),
        of("gEUD", -10.0),
    ]
    for metric in metrics:
        measured = slope(metric, dose, change, phantom, 1e-4)
        told = predicted(metric, dose, change, phantom)
        assert told == pytest.approx(measured, rel=0.03, abs=3e-4), metric.label


@pytest.mark.parametrize("kind", ["CI", "CI_RTOG", "GI"])
def test_gradients_of_conformity(phantom: Case, kind: MetricKind) -> None:
    dose = falling_dose(phantom, 11.0)
    change = dose / PRESCRIBED_GY
    measured = slope(of(kind), dose, change, phantom, 0.5)
    assert predicted(of(kind), dose, change, phantom) == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("percent", [0.0, 0.5, 30.0, 95.0, 100.0])
def test_a_common_rise_moves_quantiles_by_as_much(phantom: Case, percent: float) -> None:
    voxels, weights = gradient(of("D%", percent), waves(phantom)[0], phantom)
    assert weights.sum() == pytest.approx(1)
    assert (np.diff(voxels) > 0).all()


def test_tied_voxels_share_by_their_parts() -> None:
    case = listed_case([1.0, 0.5, 0.5])
    voxels, weights = gradient(of("D%", 60), listed_dose([40.0, 40.0, 40.0]), case)
    assert voxels.tolist() == [1, 3, 5]
    assert weights == pytest.approx([0.5, 0.25, 0.25])


def test_quantile_of_zero_dose_moves_with_the_cold_voxels() -> None:
    case = listed_case([1.0] * 8)
    voxels, weights = gradient(of("D%", 80), listed_dose([50.0] * 4 + [0.0] * 4), case)
    assert voxels.tolist() == [9, 11, 13, 15]
    assert weights == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("level", [10.0, 90.0])
def test_volumes_far_from_every_dose_do_not_move(phantom: Case, level: float) -> None:
    voxels, weights = gradient(of("V%", level), waves(phantom)[0], phantom)
    assert voxels.size == weights.size == 0


def test_a_volume_leaves_a_step_no_faster_than_stated() -> None:
    case = listed_case([1.0] * 10)
    dose = listed_dose([40.001] * 5 + [39.999] * 5)
    _, weights = gradient(of("V%", 40.0), dose, case)
    assert weights.sum() == pytest.approx(100.0 / 0.1)  # all of it, over 0.1 Gy


@pytest.mark.parametrize("percent", [50.0, 95.0, 99.0, 0.4])
def test_voxels_of_even_dose_count_within_the_stated_span(percent: float) -> None:
    case = listed_case([1.0] * 20_000)
    dose = listed_dose(np.linspace(80.0, 10.0, 20_000))
    voxels, weights = gradient(of("D%", percent), dose, case)
    quantile = value(of("D%", percent), dose, case)
    assert dose[voxels].max() == pytest.approx(quantile + 0.05, abs=0.005)
    assert dose[voxels].min() == pytest.approx(quantile - 0.05, abs=0.005)
    assert weights.sum() == pytest.approx(1)


def test_a_quantile_between_distant_doses_moves_with_both() -> None:
    case = listed_case([1.0] * 8)
    voxels, weights = gradient(of("D%", 50), listed_dose([50.0] * 4 + [20.0] * 4), case)
    assert voxels.size == 8
    assert weights == pytest.approx([0.125] * 8)


@given(DOSES, st.floats(0.5, 4), st.sampled_from(["D%", "Dcc", "mean", "gEUD"]))
def test_doses_scale(parts: list[tuple[float, float]], factor: float, kind: MetricKind) -> None:
    doses, share = np.asarray(parts).T
    case, dose = listed_case(share), listed_dose(doses)
    metric = of(kind, {"D%": 30.0, "Dcc": 0.07, "gEUD": 3.0}.get(kind, 0.0))
    once = value(metric, dose, case)
    assert value(metric, factor * dose, case) == pytest.approx(factor * once, rel=1e-9, abs=1e-9)
    assert doses.min() - 1e-9 <= once <= doses.max() + 1e-9


@given(DOSES, st.floats(0, 80), st.floats(0, 5))
def test_more_dose_is_never_less_volume(
    parts: list[tuple[float, float]], level: float, more: float
) -> None:
    doses, share = np.asarray(parts).T
    case = listed_case(share)
    before, after = (value(of("V%", level), listed_dose(d), case) for d in (doses, doses + more))
    assert 0 <= before <= after + 1e-9 <= 100 + 2e-9


TAKERS: list[Callable[..., object]] = [value, gradient]


@pytest.mark.parametrize("take", TAKERS)
@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (of("D%", 101), "0 to 100 % of a structure, not 101 %"),
        (of("D%", -1), "not -1 %"),
        (of("D%", math.nan), "nan is no number"),
        (of("Dcc", 2.5), r"PTV has 2 cc, so no 2.5 cc of it"),
        (of("Dcc", -0.1), "has 2 cc"),
        (of("V%", -2), "a dose is not negative"),
        (of("gEUD", 0), "at least 1"),
        (of("gEUD", 0.5), "at least 1"),
        (of("CI"), "needs a prescribed dose; no structure has one"),
        (of("GI"), "needs a prescribed dose"),
    ],
)
def test_metrics_out_of_bounds(take: Callable[..., object], metric: Metric, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        take(metric, listed_dose([30.0, 40.0]), listed_case([1.0, 1.0]))


@pytest.mark.parametrize("take", TAKERS)
def test_doses_and_structures_that_do_not_fit(take: Callable[..., object]) -> None:
    case = listed_case([1.0, 1.0])
    with pytest.raises(CaseError, match="no structure 'Rectum'; it has PTV"):
        take(of("mean", structure="Rectum"), listed_dose([30.0, 40.0]), case)
    with pytest.raises(CaseError, match=r"shape \(4,\).*5 voxels"):
        take(of("mean"), np.ones(4), case)
    with pytest.raises(CaseError, match="nan Gy in voxel 3"):
        take(of("mean"), listed_dose([1.0, math.nan]), case)
    with pytest.raises(CaseError, match="empty"):
        take(of("mean"), np.ones(1), listed_case([]))
