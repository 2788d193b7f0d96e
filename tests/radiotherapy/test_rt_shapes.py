"""Solids sampled on grids have the volumes their formulas say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgrad_radiotherapy.case import Structure
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.shapes import (
    AnnularSector,
    BowedCylinder,
    Box,
    Cylinder,
    Difference,
    Ellipsoid,
    EllipticCylinder,
    Intersection,
    Solid,
    Union,
    sample,
)

GRID = Grid(origin_mm=(-42.3, -41.7, -40.9), spacing_mm=(2.0, 2.0, 2.5), shape=(33, 42, 42))


def sampled(solid: Solid, grid: Grid = GRID, per_axis: int = 3) -> Structure:
    return sample(solid, grid, name="it", kind="oar", per_axis=per_axis)


BALL = Ellipsoid(semi_mm=(20.0, 20.0, 20.0))
VOLUMES_CC: dict[str, tuple[Solid, float]] = {
    "ball": (BALL, 4 / 3 * math.pi * 8.0),
    "ellipsoid": (
        Ellipsoid(centre_mm=(3.0, -2.0, 1.0), semi_mm=(25.0, 14.0, 30.0)),
        4 / 3 * math.pi * 2.5 * 1.4 * 3.0,
    ),
    "two half ellipsoids": (
        Ellipsoid(semi_mm=(20.0, 24.0, 18.0), posterior_mm=12.0),
        4 / 3 * math.pi * 2.0 * 1.8 * (2.4 + 1.2) / 2,
    ),
    "cylinder": (Cylinder(radius_mm=15.0, length_mm=50.0), math.pi * 1.5**2 * 5.0),
    "cylinder along x": (
        Cylinder(radius_mm=15.0, length_mm=50.0, direction=(1.0, 0.0, 0.0)),
        math.pi * 1.5**2 * 5.0,
    ),
    "slanted cylinder": (
        Cylinder(radius_mm=12.0, length_mm=44.0, direction=(1.0, 2.0, -1.0)),
        math.pi * 1.2**2 * 4.4,
    ),
    "elliptic cylinder": (
        EllipticCylinder(centre_mm=(1.0, 2.0), semi_mm=(30.0, 18.0), z_mm=(-20.0, 26.0)),
        math.pi * 3.0 * 1.8 * 4.6,
    ),
    "bowed cylinder": (
        BowedCylinder(radius_mm=14.0, z_mm=(-30.0, 30.0), bow_mm=10.0, over_mm=40.0),
        math.pi * 1.4**2 * 6.0,
    ),
    "C": (
        AnnularSector(inner_mm=15.0, outer_mm=37.0, z_mm=(-30.0, 30.0), sweep_deg=210.0),
        math.pi * (3.7**2 - 1.5**2) * 6.0 * 210 / 360,
    ),
    "box": (Box(low_mm=(-11.0, -7.0, -20.0), high_mm=(13.0, 9.0, 5.0)), 2.4 * 1.6 * 2.5),
    "ball without a tunnel": (
        Difference(BALL, (Cylinder(radius_mm=12.0, length_mm=100.0),)),
        4 / 3 * math.pi * 1.6**3,  # the napkin ring: height 2 sqrt(20^2 - 12^2) = 32 mm
    ),
    "half ball": (
        Intersection((BALL, Box(low_mm=(-40.0, -40.0, 0.0), high_mm=(40.0, 40.0, 40.0)))),
        2 / 3 * math.pi * 8.0,
    ),
    "two boxes": (
        Union(
            (
                Box(low_mm=(-20.0, -10.0, -10.0), high_mm=(10.0, 10.0, 10.0)),
                Box(low_mm=(-10.0, -10.0, -10.0), high_mm=(20.0, 10.0, 10.0)),
            )
        ),
        4.0 * 2.0 * 2.0,
    ),
}


@pytest.mark.parametrize("solid", VOLUMES_CC, ids=str)
def test_volume_is_the_closed_form(solid: str) -> None:
    shape, volume_cc = VOLUMES_CC[solid]
    assert sampled(shape, per_axis=6).volume_cc(GRID) == pytest.approx(volume_cc, rel=0.02)


def test_more_points_per_voxel_come_closer() -> None:
    exact = VOLUMES_CC["ellipsoid"][1]
    errors = [
        abs(sampled(VOLUMES_CC["ellipsoid"][0], per_axis=n).volume_cc(GRID) - exact)
        for n in (1, 8)
    ]
    assert errors[1] < errors[0]


def test_occupancy_is_the_share_of_a_cut_voxel() -> None:
    grid = Grid(origin_mm=(0.0, 0.0, 0.0), spacing_mm=(3.0, 3.0, 3.0), shape=(1, 1, 3))
    box = Box(low_mm=(-1.5, -1.5, -1.5), high_mm=(2.5, 1.5, 1.5))  # a third of the second voxel
    found = sampled(box, grid)
    assert found.voxels.tolist() == [0, 1]
    assert found.occupancy.tolist() == pytest.approx([1.0, 1 / 3])


def test_solids_that_touch_share_no_point() -> None:
    grid = Grid(origin_mm=(-6.0, -6.0, -6.0), spacing_mm=(3.0, 3.0, 3.0), shape=(5, 5, 5))
    lower = sampled(Cylinder(centre_mm=(0.0, 0.0, -3.0), radius_mm=5.0, length_mm=6.0), grid)
    upper = sampled(Cylinder(centre_mm=(0.0, 0.0, 3.0), radius_mm=5.0, length_mm=6.0), grid)
    total = np.zeros(grid.voxels)
    for part in (lower, upper):
        total[part.voxels] += part.occupancy
    assert total.max() <= 1.0


centres = st.tuples(*[st.floats(-60, 60)] * 3)
axes = st.tuples(*[st.floats(2, 40)] * 3)


@settings(max_examples=30)
@given(centres, axes)
def test_sampling_the_box_around_finds_all_that_the_whole_grid_holds(
    centre: tuple[float, float, float], semi: tuple[float, float, float]
) -> None:
    solid = Ellipsoid(centre_mm=centre, semi_mm=semi)
    x, y, z = GRID.centres_mm().T
    by_centres = np.flatnonzero(solid.inside(x, y, z))
    try:
        found = sampled(solid, per_axis=1)
    except CaseError:
        assert not by_centres.size
    else:
        assert np.array_equal(found.voxels, by_centres)
        assert np.all(found.occupancy == 1.0)


@settings(max_examples=30)
@given(st.floats(0, 360), st.floats(5, 60), st.floats(5, 30))
def test_bounds_hold_the_whole_solid(turn: float, length: float, radius: float) -> None:
    angle = math.radians(turn)
    solid = Cylinder(
        radius_mm=radius, length_mm=length, direction=(math.cos(angle), math.sin(angle), 0.3)
    )
    low, high = solid.bounds_mm()
    points = np.random.default_rng(1).uniform(-80, 80, size=(4000, 3))
    inside = points[solid.inside(*points.T)]
    assert np.all(inside >= np.asarray(low) - 1e-9)
    assert np.all(inside <= np.asarray(high) + 1e-9)


def test_a_solid_off_the_grid_is_refused_with_the_grid() -> None:
    with pytest.raises(CaseError, match=r"'it' is empty on the grid 42 x 42 x 33 voxels"):
        sampled(Ellipsoid(centre_mm=(500.0, 0.0, 0.0), semi_mm=(5.0, 5.0, 5.0)))


def test_a_voxel_needs_a_point() -> None:
    with pytest.raises(CaseError, match="per_axis is 0"):
        sampled(BALL, per_axis=0)
