"""Histograms against closed forms, order statistics, and what must not change them."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from rt_cases import ball, box, case_of, centred_grid, listed_case, listed_dose, occupied, shell
from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.dvh import (
    checked_structure,
    dose_volume,
    dvh_csv,
    dvh_curves,
    structure_dvh,
)
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.notice import NOTICE

RADIUS_MM, CENTRE_GY, SLOPE_GY_MM = 15.0, 50.0, 1.0
AXIS = np.array([1.0, 0.0, 0.0])
DIAGONAL = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)
OBLIQUE = np.array([3.0, 5.0, 8.0]) / np.sqrt(98)

# Largest error of D98 to D2 in Gy, of a dose that changes by 1 Gy/mm in a ball of 30 mm, over
# the offsets below: a fifteenth of the change across a voxel.
TOLERANCE_GY = {1.0: 0.07, 2.0: 0.13, 3.0: 0.19, 5.0: 0.35}
OFFSETS = ((0.0, 0.0, 0.0), (0.5, 0.3, 0.1), (0.25, 0.4, 0.1), (0.5, 0.5, 0.5))


def ball_fraction_above(depth: float) -> float:
    """Share of a unit ball beyond a plane at this distance from its centre."""
    return (2 - 3 * depth + depth**3) / 4


def ball_quantile_gy(percent: float) -> float:
    """Exact dose that this share of the ball receives at least, in the linear gradient."""
    depth = brentq(lambda t: ball_fraction_above(t) - percent / 100, -1, 1, xtol=1e-14)
    return CENTRE_GY + SLOPE_GY_MM * RADIUS_MM * float(depth)


def ball_case(spacing: float, offset: tuple[float, float, float]) -> Case:
    """The ball on a grid whose centre lies off the ball's by these shares of a voxel."""
    x, y, z = (spacing * share for share in offset)
    grid = centred_grid(RADIUS_MM + spacing, spacing, (x, y, z))
    return case_of(grid, occupied("PTV", "target", ball(RADIUS_MM), grid))


def gradient_dose(case: Case, direction: Floats) -> Floats:
    """The linear gradient along a direction."""
    return np.asarray(CENTRE_GY + SLOPE_GY_MM * case.grid.centres_mm() @ direction)


def errors_gy(case: Case, dose: Floats) -> list[float]:
    """Distance to the exact quantiles."""
    histogram = structure_dvh(case.structures["PTV"], dose, case.grid)
    return [
        abs(histogram.dose_gy(p / 100 * histogram.total_cc) - ball_quantile_gy(p))
        for p in (98, 95, 50, 5, 2)
    ]


@pytest.mark.parametrize("spacing", TOLERANCE_GY)
@pytest.mark.parametrize("direction", [AXIS, DIAGONAL, OBLIQUE], ids=["axis", "diagonal", "free"])
def test_ball_in_a_linear_gradient(spacing: float, direction: Floats) -> None:
    for offset in OFFSETS:
        case = ball_case(spacing, offset)
        worst = max(errors_gy(case, gradient_dose(case, direction)))
        assert worst < TOLERANCE_GY[spacing], f"{worst:.3f} Gy at an offset of {offset}"


@pytest.mark.parametrize(
    ("spacing_mm", "tolerance_gy"),
    [((1.0, 1.0, 3.0), 0.07), ((1.0, 1.0, 5.0), 0.1), ((2.0, 5.0, 2.0), 0.19)],
)
@pytest.mark.parametrize(
    "direction",
    [AXIS, OBLIQUE, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0]) / np.sqrt(2)],
    ids=["x", "free", "z", "xz"],
)
def test_voxels_may_be_long_along_one_axis(
    spacing_mm: tuple[float, float, float], tolerance_gy: float, direction: Floats
) -> None:
    for offset in OFFSETS:
        half = [int(np.ceil(RADIUS_MM / step)) + 2 for step in spacing_mm]
        ox, oy, oz = (
            step * (share - n) for step, share, n in zip(spacing_mm, offset, half, strict=True)
        )
        nx, ny, nz = (2 * n + 1 for n in half)
        grid = Grid(origin_mm=(ox, oy, oz), spacing_mm=spacing_mm, shape=(nz, ny, nx))
        case = case_of(grid, occupied("PTV", "target", ball(RADIUS_MM), grid, samples=7))
        worst = max(errors_gy(case, gradient_dose(case, direction)))
        assert worst < tolerance_gy, f"{worst:.3f} Gy at an offset of {offset}"


def test_parts_of_voxels_beat_whole_voxels() -> None:
    worst_parts = worst_whole = 0.0
    for offset in OFFSETS:
        case = ball_case(2.0, offset)
        dose = gradient_dose(case, AXIS)
        ptv = case.structures["PTV"]
        inside = dose[ptv.voxels[ptv.occupancy >= 0.5]]
        worst_whole = max(worst_whole, abs(np.percentile(inside, 5) - ball_quantile_gy(95)))
        worst_parts = max(worst_parts, errors_gy(case, dose)[1])
    assert worst_parts < worst_whole / 10


@pytest.mark.parametrize("spacing", [1.0, 2.0, 3.0])
def test_volumes_of_a_ball_in_a_linear_gradient(spacing: float) -> None:
    case = ball_case(spacing, OFFSETS[2])
    histogram = structure_dvh(case.structures["PTV"], gradient_dose(case, OBLIQUE), case.grid)
    for level in (38.0, 44.5, 50.0, 57.3, 62.0):
        exact = ball_fraction_above((level - CENTRE_GY) / RADIUS_MM)
        share = histogram.volume_cc(level)[0] / histogram.total_cc
        assert share == pytest.approx(exact, abs=0.004)


def test_a_box_in_a_gradient_is_exact_where_voxels_are_cut_in_parallel() -> None:
    grid = centred_grid(16, 2.0, (0.6, 0.2, -0.2))
    case = case_of(grid, occupied("PTV", "target", box((10.0, 7.0, 5.0)), grid, samples=10))
    dose = 30 + 0.5 * grid.centres_mm()[:, 0]
    histogram = structure_dvh(case.structures["PTV"], dose, grid)
    assert histogram.total_cc == pytest.approx(20 * 14 * 10 / 1000)
    for percent in (5, 25, 50, 75, 95):
        exact = 30 + 0.5 * (10 - 20 * percent / 100)
        assert histogram.dose_gy(percent / 100 * histogram.total_cc) == pytest.approx(
            exact, abs=0.03
        )


@pytest.mark.parametrize(("spacing", "tolerance"), [(1.0, 0.003), (2.0, 0.01), (3.0, 0.02)])
def test_a_shell_in_a_radial_dose(spacing: float, tolerance: float) -> None:
    inner, outer = 8.0, 18.0
    grid = centred_grid(outer + 2 * spacing, spacing, (0.3, 0.1, 0.4))
    case = case_of(grid, occupied("PTV", "target", shell(inner, outer), grid))
    dose = 80.0 - 2.0 * np.linalg.norm(grid.centres_mm(), axis=1)
    histogram = structure_dvh(case.structures["PTV"], dose, grid)
    for radius in (10.0, 13.0, 16.0, 17.5):
        exact = (radius**3 - inner**3) / (outer**3 - inner**3)
        share = histogram.volume_cc(80.0 - 2.0 * radius)[0] / histogram.total_cc
        assert share == pytest.approx(exact, abs=tolerance)


def test_a_uniform_dose_steps() -> None:
    case = ball_case(3.0, OFFSETS[1])
    dose = np.full(case.grid.voxels, 70.2)
    histogram = structure_dvh(case.structures["PTV"], dose, case.grid)
    for percent in (0, 2, 50, 98, 100):
        assert histogram.dose_gy(percent / 100 * histogram.total_cc) == pytest.approx(70.2)
    assert histogram.volume_cc(70.2)[0] == pytest.approx(histogram.total_cc)
    assert histogram.volume_cc(70.2 * (1 + 1e-12))[0] == pytest.approx(histogram.total_cc)
    assert histogram.volume_cc(70.21)[0] == 0


def test_an_even_structure_agrees_with_numpy_percentiles() -> None:
    rng = np.random.default_rng(1)
    doses = rng.uniform(0, 80, 401)
    histogram = dose_volume(doses, np.ones(401))
    for percent in (0.1, 2, 10, 37.5, 50, 95, 99.9):
        expected = np.percentile(doses, 100 - percent, method="averaged_inverted_cdf")
        assert histogram.dose_gy(percent / 100 * 401) == pytest.approx(expected, rel=1e-12)


def test_a_smooth_dose_on_full_voxels_agrees_with_numpy_percentiles() -> None:
    grid = centred_grid(20, 1.0)
    case = case_of(grid, occupied("PTV", "target", box((12.4, 12.4, 12.4)), grid, samples=1))
    x, y, z = grid.centres_mm().T
    dose = 60 + 5 * np.sin(x / 7) + 3 * np.cos(y / 9 + 0.3) + 0.1 * z
    histogram = structure_dvh(case.structures["PTV"], dose, grid)
    inside = dose[case.structures["PTV"].voxels]
    for percent in (2, 5, 50, 95, 98):
        assert histogram.dose_gy(percent / 100 * histogram.total_cc) == pytest.approx(
            np.percentile(inside, 100 - percent), abs=0.06
        )


def test_volume_on_a_step_reads_its_middle() -> None:
    histogram = dose_volume(np.array([10.0, 30.0]), np.array([1.0, 1.0]))
    assert [histogram.dose_gy(v) for v in (0.0, 0.5, 1.0, 1.5, 2.0)] == [30, 30, 20, 10, 10]


PARTS = st.lists(
    st.tuples(
        st.floats(0, 80),
        st.floats(0.01, 1),
        st.one_of(st.just(0.0), st.floats(0.01, 1.0)),
    ),
    min_size=1,
    max_size=25,
)


def columns(parts: list[tuple[float, float, float]]) -> tuple[Floats, Floats, Floats]:
    """Doses, volumes and spreads; none spreads below zero dose."""
    dose, volume, share = np.asarray(parts, dtype=np.float64).T
    return dose, volume, share * np.minimum(dose, 5.0)


@given(PARTS, st.floats(0, 1), st.floats(0.1, 10))
def test_scaling_the_dose_scales_quantiles(
    parts: list[tuple[float, float, float]], share: float, factor: float
) -> None:
    dose, volume, spread = columns(parts)
    once = dose_volume(dose, volume, spread)
    scaled = dose_volume(factor * dose, volume, factor * spread)
    at = share * once.total_cc
    assert scaled.dose_gy(at) == pytest.approx(factor * once.dose_gy(at), abs=2e-3, rel=1e-6)


@given(PARTS, st.floats(0, 1))
def test_order_and_division_of_voxels_do_not_matter(
    parts: list[tuple[float, float, float]], share: float
) -> None:
    dose, volume, spread = columns(parts)
    whole = dose_volume(dose, volume, spread)
    order = np.random.default_rng(len(parts)).permutation(np.repeat(np.arange(dose.size), 2))
    halved = dose_volume(dose[order], volume[order] / 2, spread[order])
    levels = np.linspace(0, 85, 23)
    assert halved.volume_cc(levels) == pytest.approx(whole.volume_cc(levels), abs=1e-7)
    at = share * whole.total_cc
    assert halved.dose_gy(at) == pytest.approx(whole.dose_gy(at), abs=1e-5)


@given(PARTS, st.floats(0, 1), st.floats(0, 1))
def test_quantiles_fall_with_volume_within_the_doses_there_are(
    parts: list[tuple[float, float, float]], one: float, other: float
) -> None:
    dose, volume, spread = columns(parts)
    histogram = dose_volume(dose, volume, spread)
    less, more = sorted((one * histogram.total_cc, other * histogram.total_cc))
    high, low = histogram.dose_gy(less), histogram.dose_gy(more)
    assert low <= high + 1e-9
    assert min(dose - spread / 2) - 1e-9 <= low
    assert high <= max(dose + spread / 2) + 1e-9


@given(PARTS, st.floats(0.01, 0.99))
def test_dose_and_volume_are_inverse(
    parts: list[tuple[float, float, float]], share: float
) -> None:
    histogram = dose_volume(*columns(parts))
    wanted = share * histogram.total_cc
    dose = histogram.dose_gy(wanted)
    slack = 1e-6 * histogram.total_cc
    assert histogram.volume_cc(dose * (1 + 1e-6) + 1e-6)[0] <= wanted + slack + 1e-4
    assert histogram.volume_cc(dose * (1 - 1e-6) - 1e-6)[0] >= wanted - slack - 1e-4


def test_curves_and_their_csv() -> None:
    case = listed_case([1.0, 1.0, 0.5])
    dose = listed_dose([10.0, 20.05, 5.0])
    (curve,) = dvh_curves(case, dose, step_gy=0.5)
    assert curve.volume_cc[0] == pytest.approx(2.5)
    assert curve.volume_percent[0] == pytest.approx(100)
    assert curve.volume_cc[-1] == 0
    assert curve.dose_gy[-1] > 20.05
    rows = list(csv.reader(io.StringIO(dvh_csv([curve]))))
    assert rows[0] == ["dose [Gy per course]", "PTV [%]", "PTV [cc]", NOTICE]
    assert {row.pop() for row in rows[1:]} == {""}
    table = np.asarray(rows[1:], dtype=np.float64)
    assert table[table[:, 0] == 7.5, 2] == pytest.approx(2.0)
    assert table[table[:, 0] == 20.0, 1] == pytest.approx(40.0)
    assert len(table) == curve.dose_gy.size


def test_dose_of_another_size_names_both() -> None:
    case = listed_case([1.0, 1.0])
    with pytest.raises(CaseError, match=r"\(3,\) does not fit the grid, which has 5 voxels"):
        dvh_curves(case, np.ones(3))
    with pytest.raises(CaseError, match=r"flattened in \(z, y, x\) order"):
        dvh_curves(case, np.ones(case.grid.shape))


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "nan"), (np.inf, "inf"), (-1.0, "negative")])
def test_doses_that_are_none(bad: float, word: str) -> None:
    case = listed_case([1.0, 1.0])
    dose = listed_dose([bad, 1.0])
    with pytest.raises(CaseError, match=word) as told:
        dvh_curves(case, dose)
    assert "voxel 1" in str(told.value)


def test_structures_that_are_none() -> None:
    case = listed_case([1.0])
    nothing = np.zeros(0, dtype=np.intp)
    empty = Structure(name="Empty", kind="oar", voxels=nothing, occupancy=np.zeros(0))
    outside = Structure(
        name="Outside", kind="oar", voxels=np.array([99]), occupancy=np.array([1.0])
    )
    uneven = Structure(name="Uneven", kind="oar", voxels=np.array([1]), occupancy=np.ones(2))
    case = case_of(case.grid, case.structures["PTV"], empty, outside, uneven)
    with pytest.raises(CaseError, match=r"no structure 'Rectum'; it has PTV, Empty"):
        checked_structure("Rectum", case)
    with pytest.raises(CaseError, match="Empty is empty: no voxel of the grid"):
        checked_structure("Empty", case)
    with pytest.raises(CaseError, match="outside the grid of 3 voxels"):
        checked_structure("Outside", case)
    with pytest.raises(CaseError, match="1 voxels but 2 occupancies"):
        checked_structure("Uneven", case)
    with pytest.raises(CaseError, match="positive step"):
        dvh_curves(case, np.ones(3), ["PTV"], step_gy=0.0)
