"""Polygons on pixels, stacks of contours, and contours traced from occupancy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgrad_radiotherapy.dicom.raster import coverage
from textgrad_radiotherapy.dicom.stack import Contour, occupancy, slabs
from textgrad_radiotherapy.dicom.tracing import traced
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.overlap import averaged, covering


def rectangle(x0: float, x1: float, y0: float, y1: float) -> Floats:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def circle(radius: float, centre: tuple[float, float] = (0.0, 0.0), corners: int = 400) -> Floats:
    angle = 2 * np.pi * np.arange(corners) / corners
    # the polygon has the area of the circle
    scaled = radius * np.sqrt(2 * np.pi / corners / np.sin(2 * np.pi / corners))
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(np.asarray(centre) + scaled * ring, dtype=np.float64)


def shoelace(polygon: Floats) -> float:
    x, y = polygon.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def winding(point: tuple[int, int], polygon: Floats) -> int:
    """Turns of a polygon around a point, by summed angles."""
    z = (polygon[:, 0] - point[0]) + 1j * (polygon[:, 1] - point[1])
    return round(float(np.angle(np.roll(z, -1) / z).sum()) / (2 * np.pi))


def test_coverage_of_a_rectangle_is_the_product_of_its_shares() -> None:
    found = coverage([rectangle(0.5, 2.25, 0.5, 1.75)], (3, 4))
    assert found == pytest.approx(np.outer([0, 1, 0.25], [0, 1, 0.75, 0]))


def test_a_contour_inside_another_is_a_hole_and_so_is_a_keyhole() -> None:
    outer, inner = rectangle(-0.5, 7.5, -0.5, 7.5), rectangle(1.5, 4.5, 2.5, 5.5)
    by_xor = coverage([outer, inner], (8, 8))
    by_keyhole = coverage([np.concatenate([outer, outer[:1], inner[::-1], inner[-1:]])], (8, 8))
    assert by_xor.sum() == pytest.approx(64 - 9)
    assert by_xor[3, 3] == 0
    assert by_keyhole == pytest.approx(by_xor)


def test_coverage_ends_at_the_border() -> None:
    assert coverage([rectangle(-9, 9, -9, 1.5)], (4, 3)).sum() == pytest.approx(6)
    assert not coverage([rectangle(20, 30, 20, 30), rectangle(-30, -20, 0, 1)], (4, 3)).any()
    assert not coverage([], (4, 3)).any()


@given(
    radii=st.lists(st.floats(1.0, 9.0), min_size=3, max_size=12),
    x=st.floats(10.0, 11.0),
    y=st.floats(10.0, 11.0),
)
@settings(max_examples=60, deadline=None)
def test_coverage_adds_up_to_the_area(radii: list[float], x: float, y: float) -> None:
    angle = 2 * np.pi * np.arange(len(radii)) / len(radii)
    star = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.array(radii)[:, None] + [x, y]
    found = coverage([star], (22, 22), lines=64)
    assert found.sum() == pytest.approx(shoelace(star), rel=2e-3, abs=0.02)
    assert found.min() >= 0
    assert found.max() <= 1


GRID = Grid(origin_mm=(-29.3, -28.1, -31.0), spacing_mm=(2.0, 1.5, 2.5), shape=(25, 40, 30))


def volume_cc(contours: list[Contour], grid: Grid = GRID) -> float:
    stack = slabs([c.z_mm for c in contours], 2.0)
    return float(occupancy(contours, stack, grid)[1].sum()) * grid.voxel_cc


def test_volume_of_a_ball_and_of_a_cube() -> None:
    planes = np.arange(-19.0, 20.0, 2.0)
    ball = [Contour(z_mm=z, points_mm=circle(np.sqrt(400 - z * z))) for z in planes]
    # the midpoint rule over z, of pi (r^2 - z^2), exceeds the integral by pi h^2 r / 6
    closed = np.pi * (4 / 3 * 20**3 + 2**2 * 20 / 6) / 1000
    assert volume_cc(ball) == pytest.approx(closed, rel=1e-4)
    cube = [Contour(z_mm=z, points_mm=rectangle(-10, 10, -10, 10)) for z in planes[5:15]]
    # its sides along x may be off by half a scan line, 1/32 of a row of 1.5 mm
    assert volume_cc(cube) == pytest.approx(8.0, rel=2 * 1.5 / 32 / 20)


def test_occupancy_is_exact_where_planes_are_slices() -> None:
    grid = Grid(origin_mm=(0.0, 0.0, -4.0), spacing_mm=(1.0, 1.0, 2.0), shape=(6, 5, 5))
    box = rectangle(0.5, 3.5, 0.5, 2.0)
    contours = [Contour(z_mm=z, points_mm=box) for z in (0.00002, 1.99997, 4.0)]
    voxels, share = occupancy(contours, slabs([c.z_mm for c in contours], 2.0), grid)
    dense = np.zeros(grid.voxels)
    dense[voxels] = share
    expected = np.zeros((5, 5))
    expected[1, 1:4], expected[2, 1:4] = 1.0, 0.5
    assert dense.reshape(grid.shape)[[0, 1, 5]].sum() == 0
    assert dense.reshape(grid.shape)[2:5] == pytest.approx(np.stack([expected] * 3))
    assert (np.diff(voxels) > 0).all()


def test_a_missing_plane_is_a_gap_and_every_second_slice_is_none() -> None:
    parted = slabs([0, 2, 4, 10, 12], 2.0)
    assert parted.gaps == ((4.0, 10.0),)
    assert (parted.high_mm - parted.low_mm).tolist() == [2, 2, 2, 2, 2]
    assert slabs([0, 4, 8, 4], 2.0).gaps == ()
    assert (slabs([0, 4, 8], 2.0).high_mm - slabs([0, 4, 8], 2.0).low_mm).sum() == 12
    alone = slabs([7.0], 2.5)
    assert (alone.low_mm[0], alone.high_mm[0]) == (5.75, 8.25)


@given(data=st.data(), rows=st.integers(1, 7), columns=st.integers(1, 7))
@settings(max_examples=150, deadline=None)
def test_traced_contours_wind_once_around_what_is_inside(
    data: st.DataObject, rows: int, columns: int
) -> None:
    size = rows * columns
    listed = data.draw(
        st.lists(st.sampled_from([0.0, 0.2, 0.45, 0.6, 1.0]), min_size=size, max_size=size)
    )
    values = np.array(listed).reshape(rows, columns)
    polygons = traced(values)
    for (j, i), value in np.ndenumerate(values):
        turns = sum(winding((i, j), p) for p in polygons)
        assert turns == (1 if value > 0.5 else 0)


def test_pixels_that_touch_crosswise_are_joined_if_their_mean_is_inside() -> None:
    assert len(traced(np.array([[1.0, 0.4], [0.4, 1.0]]))) == 1
    assert len(traced(np.array([[0.4, 1.0], [1.0, 0.4]]))) == 1
    assert len(traced(np.array([[1.0, 0.0], [0.0, 0.9]]))) == 2
    assert len(traced(np.array([[0.0, 1.0], [0.9, 0.0]]))) == 2


def test_traced_level_that_is_hit_exactly_gives_no_broken_contour() -> None:
    values = np.array([[0.5, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 0.0]])
    (polygon,) = traced(values)
    gaps = np.abs(polygon - np.roll(polygon, 1, axis=0)).max(axis=1)
    assert gaps.min() > 1e-9
    assert shoelace(polygon) > 1
    assert traced(np.array([[0.5]])) == []
    assert traced(np.zeros((3, 3))) == []


def test_traced_disc_and_ring_keep_their_area() -> None:
    disc = coverage([circle(8.0, (10.3, 9.6))], (21, 22))
    (polygon,) = traced(disc)
    assert shoelace(polygon) == pytest.approx(np.pi * 64, rel=5e-3)
    assert np.hypot(*(polygon - [10.3, 9.6]).T) == pytest.approx(np.full(len(polygon), 8), abs=0.1)
    ring = coverage([circle(8.0, (10.3, 9.6)), circle(4.0, (9.0, 10.0))], (21, 22))
    (keyhole,) = traced(ring)
    assert shoelace(keyhole) == pytest.approx(np.pi * 48, rel=1e-2)
    assert coverage([keyhole], (21, 22)).sum() == pytest.approx(shoelace(keyhole), rel=1e-3)


def test_averages_keep_mass_and_know_what_is_outside() -> None:
    source = Grid(origin_mm=(0, 0, 0), spacing_mm=(1, 1, 1), shape=(4, 6, 8))
    values = np.random.default_rng(3).uniform(size=source.shape)
    coarse = covering(np.full(3, -0.5), np.array([7.5, 5.5, 3.5]), (2.0, 2.0, 2.0))
    assert coarse.shape == (2, 3, 4)
    assert averaged(values, source, coarse, 0.0) == pytest.approx(
        values.reshape(2, 2, 3, 2, 4, 2).mean(axis=(1, 3, 5))
    )
    far = Grid(origin_mm=(7.5, 0, 0), spacing_mm=(2, 1, 1), shape=(1, 1, 1))
    assert averaged(values, source, far, 5.0)[0, 0, 0] == pytest.approx(
        (values[0, 0, 7] + 5.0) / 2
    )
    assert averaged(values, source, source, 9.0) == pytest.approx(values)
