"""The dose engine against closed forms, symmetries and its own second route."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from textgrad_radiotherapy.beam_geometry import beamlets_covering, frame_of
from textgrad_radiotherapy.case import Beam, Influence
from textgrad_radiotherapy.depth import radiological_depth_mm
from textgrad_radiotherapy.direct import DirectDose
from textgrad_radiotherapy.engine import Beamlets, influence_of
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.kernel import Kernel, bixel_shares
from textgrad_radiotherapy.shapes import Box, EllipticCylinder, Solid, sample

GRID = Grid(origin_mm=(-88.0, -88.0, -40.0), spacing_mm=(4.0, 4.0, 4.0), shape=(21, 45, 45))
HALF_MM = 78.0  # of the block of water; its faces lie between voxel centres
BLOCK = Box(low_mm=(-HALF_MM, -HALF_MM, -1e6), high_mm=(HALF_MM, HALF_MM, 1e6))
ROUND = EllipticCylinder(semi_mm=(HALF_MM, HALF_MM))
KERNEL = Kernel()
FLAT = Kernel(attenuation_per_mm=1e-12, build_up_per_mm=1e3, output=1.0)  # D(L) = 1 at depth


def density(solid: Solid, value: float = 1.0) -> Any:
    body = sample(solid, GRID, name="Body", kind="external", per_axis=4)
    filled = np.zeros(GRID.voxels, dtype=np.float32)
    filled[body.voxels] = value * body.occupancy
    return filled.reshape(GRID.shape)


WATER = density(BLOCK)
CYLINDER = density(ROUND)
EVERYWHERE = np.arange(GRID.voxels)


def field(half_bixels: int, bixel_mm: float) -> Floats:
    """Centres of a square field."""
    steps = bixel_mm * np.arange(-half_bixels, half_bixels + 1)
    v, u = np.meshgrid(steps, steps, indexing="ij")
    return np.stack([u.ravel(), v.ravel()], axis=1)


def computed(
    beams: list[Beam], centres: Floats, matter: Any = WATER, kernel: Kernel = KERNEL
) -> Influence:
    owner = np.repeat(np.arange(len(beams)), len(centres))
    beamlets = Beamlets(beam_of_beamlet=owner, position_mm=np.concatenate([centres] * len(beams)))
    return influence_of(matter, GRID, EVERYWHERE, beams, beamlets, kernel)


def total(influence: Influence) -> Floats:
    """Dose of all beamlets at weight 1, (z, y, x)."""
    dose = np.zeros(GRID.voxels)
    dose[influence.voxels] = influence.matrix @ np.ones(influence.matrix.shape[1])
    return dose.reshape(GRID.shape)


Z0, Y0, X0 = 10, 22, 22  # the voxel at the isocentre
Y_MM = GRID.axes_mm()[1]
INSIDE = np.abs(Y_MM) < HALF_MM - 3.0


def test_depth_in_a_block_is_the_way_from_its_face() -> None:
    points = GRID.centres_mm()
    points = points[(np.abs(points[:, :2]) < HALF_MM - 3.0).all(axis=1)]
    frame = frame_of(Beam(gantry_deg=0.0))
    found = radiological_depth_mm(WATER, GRID, frame, points)
    from_source = points - frame.source_mm
    slant = np.linalg.norm(from_source, axis=1) / from_source[:, 1]
    assert found == pytest.approx((points[:, 1] + HALF_MM) * slant, abs=0.3)


@pytest.mark.parametrize("gantry_deg", [0.0, 17.0, 45.0, 90.0, 133.0, 290.0])
def test_depth_of_the_axis_of_a_cylinder_is_its_radius_from_everywhere(gantry_deg: float) -> None:
    frame = frame_of(Beam(gantry_deg=gantry_deg))
    found = radiological_depth_mm(CYLINDER, GRID, frame, np.zeros((1, 3)))
    assert found[0] == pytest.approx(HALF_MM, abs=0.4)


def test_twice_the_density_is_twice_the_depth() -> None:
    points = GRID.centres_mm()[::37]
    frame = frame_of(Beam(gantry_deg=30.0))
    once, twice = (radiological_depth_mm(m, GRID, frame, points) for m in (WATER, 2 * WATER))
    assert twice == pytest.approx(2 * once, abs=1e-3)


def test_a_point_before_the_patient_has_no_depth() -> None:
    found = radiological_depth_mm(
        WATER, GRID, frame_of(Beam(gantry_deg=0.0)), np.array([[0.0, -86.0, 0.0]])
    )
    assert found[0] == pytest.approx(0.0, abs=1e-6)


def test_depth_dose_on_the_axis_of_a_broad_field_is_the_formula() -> None:
    dose = total(computed([Beam(gantry_deg=0.0)], field(8, 5.0)))[Z0, :, X0]
    depth = Y_MM + HALF_MM
    m, b = KERNEL.attenuation_per_mm, KERNEL.build_up_per_mm
    open_field = KERNEL.output * b / (b - m) * (np.exp(-m * depth) - np.exp(-b * depth))
    expected = open_field * (1000.0 / (1000.0 + Y_MM)) ** 2
    assert dose[INSIDE] == pytest.approx(expected[INSIDE], rel=0.01)


def test_dose_falls_with_the_square_of_the_distance() -> None:
    dose = total(computed([Beam(gantry_deg=0.0)], np.zeros((1, 2)), kernel=FLAT))[Z0, :, X0]
    expected = dose[Y0] * (1000.0 / (1000.0 + Y_MM)) ** 2
    assert dose[INSIDE] == pytest.approx(expected[INSIDE], rel=1e-4)


def test_a_shorter_source_distance_falls_faster() -> None:
    beam = Beam(gantry_deg=0.0, sad_mm=500.0)
    dose = total(computed([beam], np.zeros((1, 2)), kernel=FLAT))[Z0, :, X0]
    expected = dose[Y0] * (500.0 / (500.0 + Y_MM)) ** 2
    assert dose[INSIDE] == pytest.approx(expected[INSIDE], rel=1e-4)


def test_half_the_dose_at_the_edge_of_a_field() -> None:
    # the plane of the isocentre: 11 bixels of 4 mm end at 22 mm, between the voxels 20 and 24
    centres = field(9, 4.0)
    centres = centres[np.abs(centres[:, 0]) <= 20.0]
    row = total(computed([Beam(gantry_deg=0.0, bixel_mm=4.0)], centres))[Z0, Y0]
    edge = (row[X0 + 5] + row[X0 + 6]) / 2
    assert edge / row[X0] == pytest.approx(0.5, abs=0.02)
    assert row[X0 + 7] < row[X0 + 5]


def test_a_central_bixel_is_symmetric() -> None:
    dose = total(computed([Beam(gantry_deg=0.0)], np.zeros((1, 2))))
    assert dose == pytest.approx(dose[:, :, ::-1], rel=1e-4, abs=1e-7)
    assert dose == pytest.approx(dose[::-1], rel=1e-4, abs=1e-7)
    reach = 8
    across, along = dose[Z0, :, X0 - reach : X0 + reach + 1], dose[Z0 - reach :, :, X0]
    assert across == pytest.approx(along[: 2 * reach + 1].T, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(("gantry_deg", "turns"), [(90.0, 1), (180.0, 2), (270.0, 3)])
def test_a_turned_beam_turns_the_dose(gantry_deg: float, turns: int) -> None:
    centres = field(3, 5.0)
    first = total(computed([Beam(gantry_deg=0.0)], centres, CYLINDER))
    turned = total(computed([Beam(gantry_deg=gantry_deg)], centres, CYLINDER))
    # gantry 90 is the patient's left: from -y to +x, so x' = -y, y' = x
    assert turned == pytest.approx(np.rot90(first, -turns, axes=(1, 2)), rel=1e-3, abs=1e-6)


def test_an_oblique_beam_gives_the_isocentre_the_same_dose() -> None:
    centres = field(3, 5.0)
    doses = [
        total(computed([Beam(gantry_deg=g)], centres, CYLINDER))[Z0, Y0, X0]
        for g in (0.0, 20.0, 37.0, 111.0)
    ]
    assert doses == pytest.approx([doses[0]] * 4, rel=3e-3)


def test_a_couch_turn_about_the_beam_turns_the_field_in_its_plane() -> None:
    centres = field(3, 5.0)
    centres = centres[np.abs(centres[:, 1]) <= 5.0]  # long in u, short in v
    straight = total(computed([Beam(gantry_deg=0.0)], centres))[:, Y0, :]
    across = total(computed([Beam(gantry_deg=0.0, couch_deg=90.0)], centres))[:, Y0, :]
    middle = slice(X0 - 10, X0 + 11)
    assert across[:, middle] == pytest.approx(straight[:, middle].T, rel=1e-3, abs=1e-5)


def test_two_beams_add_up() -> None:
    beams = [Beam(gantry_deg=0.0), Beam(gantry_deg=75.0)]
    centres = field(2, 5.0)
    both = total(computed(beams, centres))
    parts = [total(computed([beam], centres)) for beam in beams]
    assert both == pytest.approx(parts[0] + parts[1], rel=1e-5, abs=1e-7)


def test_bixels_add_up_to_the_wider_bixel() -> None:
    fine = field(4, 3.0)
    wide = total(computed([Beam(gantry_deg=0.0, bixel_mm=27.0)], np.zeros((1, 2))))
    parts = total(computed([Beam(gantry_deg=0.0, bixel_mm=3.0)], fine))
    near = np.s_[Z0 - 2 : Z0 + 3, :, X0 - 2 : X0 + 3]  # where no bixel is beyond the cut-off
    assert parts[near] == pytest.approx(wide[near], rel=2e-3, abs=1e-6)


def test_nothing_beyond_the_cut_off() -> None:
    dose = total(computed([Beam(gantry_deg=0.0)], np.zeros((1, 2))))[:, Y0, :]
    x, _, z = GRID.axes_mm()
    far = np.hypot(*np.meshgrid(z, x, indexing="ij")) > KERNEL.cutoff_mm
    assert not dose[far].any()
    assert np.all(dose[~far] > 0)


def test_the_fast_route_without_a_matrix_agrees() -> None:
    beams = [Beam(gantry_deg=0.0), Beam(gantry_deg=50.0, couch_deg=20.0)]
    centres = field(4, 5.0)
    influence = computed(beams, centres, CYLINDER)
    fluence = np.random.default_rng(3).uniform(0.0, 2.0, influence.matrix.shape[1])
    by_matrix = np.zeros(GRID.voxels)
    by_matrix[influence.voxels] = influence.matrix @ fluence
    beamlets = Beamlets(
        beam_of_beamlet=influence.beam_of_beamlet, position_mm=influence.position_mm
    )
    direct = DirectDose(CYLINDER, GRID, EVERYWHERE, beams, beamlets, KERNEL)(fluence)
    assert direct == pytest.approx(by_matrix, abs=0.005 * by_matrix.max())


def test_threads_do_not_change_a_bit() -> None:
    beams = [Beam(gantry_deg=g) for g in (0.0, 40.0, 80.0)]
    centres = field(2, 5.0)
    owner = np.repeat(np.arange(3), len(centres))
    beamlets = Beamlets(beam_of_beamlet=owner, position_mm=np.concatenate([centres] * 3))
    one, many = (
        influence_of(WATER, GRID, EVERYWHERE, beams, beamlets, KERNEL, threads=n) for n in (1, 3)
    )
    assert one.matrix.data.tobytes() == many.matrix.data.tobytes()
    assert one.matrix.indices.tobytes() == many.matrix.indices.tobytes()


def test_the_matrix_is_single_precision_by_rows_in_order() -> None:
    influence = computed([Beam(gantry_deg=0.0)], field(2, 5.0))
    assert influence.matrix.format == "csr"
    assert influence.matrix.dtype == np.float32
    assert influence.matrix.has_sorted_indices
    assert influence.matrix.data.min() > 0
    assert np.all(np.diff(influence.matrix.indptr) > 0)
    assert "not commissioned" in influence.engine
    assert Kernel.described(influence.engine) == KERNEL


@given(st.floats(-360, 360), st.floats(-180, 180))
def test_a_frame_is_orthonormal_and_looks_at_the_isocentre(gantry: float, couch: float) -> None:
    frame = frame_of(Beam(gantry_deg=gantry, couch_deg=couch, isocentre_mm=(3.0, -4.0, 5.0)))
    axes = np.stack([frame.u, frame.v, frame.axis])
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-12)
    assert frame.source_mm + 1000.0 * frame.axis == pytest.approx([3.0, -4.0, 5.0], abs=1e-9)


@pytest.mark.parametrize(
    ("gantry_deg", "couch_deg", "source"),
    [
        (0.0, 0.0, (0, -1000, 0)),  # from the front
        (90.0, 0.0, (1000, 0, 0)),  # from the patient's left
        (180.0, 0.0, (0, 1000, 0)),
        (270.0, 0.0, (-1000, 0, 0)),
        (0.0, 90.0, (0, -1000, 0)),
        (90.0, 90.0, (0, 0, -1000)),  # the feet point to the gantry's 90 degrees
        (270.0, 90.0, (0, 0, 1000)),
    ],
)
def test_sources_stand_where_iec_61217_says(
    gantry_deg: float, couch_deg: float, source: tuple[float, float, float]
) -> None:
    found = frame_of(Beam(gantry_deg=gantry_deg, couch_deg=couch_deg)).source_mm
    assert found == pytest.approx(source, abs=1e-9)


@given(st.floats(-50, 50), st.floats(1, 12), st.floats(1, 30))
@settings(max_examples=40)
def test_shares_of_a_row_are_those_of_the_normal_distribution(
    position: float, bixel: float, sigma: float
) -> None:
    centres: Floats = np.arange(-5.0, 6.0) * bixel
    found = bixel_shares(np.array([position]), centres, bixel, sigma)[0]
    spread = norm(position, sigma)
    expected = spread.cdf(centres + bixel / 2) - spread.cdf(centres - bixel / 2)
    assert found == pytest.approx(expected, abs=3e-7)


@pytest.mark.parametrize("gantry_deg", [0.0, 33.0, 90.0])
def test_beamlets_cover_the_target_and_little_more(gantry_deg: float) -> None:
    beam = Beam(gantry_deg=gantry_deg)
    points = GRID.centres_mm()
    points = points[np.linalg.norm(points, axis=1) <= 22.0]
    centres = beamlets_covering(beam, points, reach_mm=2.0, margin_mm=5.0)
    pu, pv, _ = frame_of(beam).project(points)
    nearest = np.hypot(pu[:, None] - centres[:, 0], pv[:, None] - centres[:, 1]).min(axis=1)
    assert nearest.max() <= 5.0 / np.sqrt(2.0) + 1e-9
    assert np.linalg.norm(centres, axis=1).max() <= 22.5 + 2.0 * 1.5 + 5.0 + 5.0
    assert np.allclose(centres % 5.0, 2.5)
    order = np.lexsort((centres[:, 0], centres[:, 1]))
    assert np.array_equal(order, np.arange(len(centres)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"attenuation_per_mm": 0.0},
        {"narrow_mm": -1.0},
        {"tail": 1.0},
        {"cutoff_mm": float("nan")},
        {"build_up_per_mm": 0.001},
    ],
)
def test_a_kernel_that_is_no_beam_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(CaseError, match=r"have to be positive|has to build up"):
        Kernel(**wrong)


def test_a_kernel_is_read_back_from_what_it_says() -> None:
    changed = Kernel(cutoff_mm=41.5, tail=0.2)
    assert Kernel.described(changed.describe()) == changed
    assert Kernel.described("somebody's influence matrix") is None
    for end in ("{", '{"depth": 1}', '{"tail": 3}', "[1]"):
        with pytest.raises(CaseError, match="cannot be read"):
            Kernel.described(changed.describe().partition("{")[0] + end)


@pytest.mark.parametrize(
    "wrong", [{"gantry_deg": float("nan")}, {"sad_mm": 0.0}, {"bixel_mm": -5.0}]
)
def test_a_beam_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(CaseError, match="have to be finite"):
        frame_of(replace(Beam(gantry_deg=0.0), **wrong))


def test_a_beam_without_beamlets_is_refused() -> None:
    beamlets = Beamlets(beam_of_beamlet=np.zeros(1, np.intp), position_mm=np.zeros((1, 2)))
    beams = [Beam(gantry_deg=0.0), Beam(gantry_deg=77.0)]
    with pytest.raises(CaseError, match="beam 1 at gantry 77 has no beamlet"):
        influence_of(WATER, GRID, EVERYWHERE, beams, beamlets, KERNEL)


@pytest.mark.parametrize(
    ("centres", "message"),
    [([[0.0, 0.0], [0.0, 0.0]], "same centre"), ([[0.0, 0.0], [3.0, 0.0]], "on a lattice of 5")],
)
def test_beamlets_off_their_lattice_are_refused(centres: list[list[float]], message: str) -> None:
    with pytest.raises(CaseError, match=message):
        computed([Beam(gantry_deg=0.0)], np.array(centres))


def test_a_target_without_points_has_no_beamlets() -> None:
    with pytest.raises(CaseError, match="gantry 12 has no target"):
        beamlets_covering(Beam(gantry_deg=12.0), np.zeros((0, 3)), 1.0, 5.0)
