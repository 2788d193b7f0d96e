"""The phantoms have the volumes of their descriptions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.phantoms.catalogue import DESCRIPTIONS, phantom_named
from textgrad_radiotherapy.phantoms.phantom import Phantom


def phantom(name: str) -> Phantom:
    found = phantom_named(name)
    assert found is not None
    return found


def ellipsoid_cc(a: float, b: float, c: float) -> float:
    return 4 / 3 * math.pi * a * b * c / 1000


# closed forms where a structure is a whole solid; measured values of the published sets elsewhere
VOLUMES_CC = {
    "tg119-multitarget": {
        "PTV_Center": math.pi * 2.0**2 * 4.0,
        "PTV_Superior": math.pi * 2.0**2 * 4.0,
        "PTV_Inferior": math.pi * 2.0**2 * 4.0,
    },
    "tg119-prostate": {
        "PTV": ellipsoid_cc(26.0, 19.0, 38.5),
        "Rectum": math.pi * 0.75**2 * 10.0,
        "CTV": 36.0,
        "Bladder": 48.0,
    },
    "tg119-head-neck": {
        "SpinalCord": math.pi * 0.7**2 * 11.0,
        "Parotid_L": ellipsoid_cc(11.0, 16.0, 22.0),
        "Parotid_R": ellipsoid_cc(11.0, 16.0, 22.0),
    },
    "tg119-cshape": {
        "PTV": 167.8,  # the structure set that ships with matRad
        "Core": math.pi * 1.0**2 * 10.0,
    },
    "adult": {
        "CTV": 39.0,
        "PTV": 91.0,
        "Bladder": 160.0,
        "Rectum": math.pi * 1.6**2 * 11.0,
        "Femur_Head_L": ellipsoid_cc(24.0, 24.0, 24.0),
        "Femur_Head_R": ellipsoid_cc(24.0, 24.0, 24.0),
    },
    "adult_hard": {"Rectum": math.pi * 1.6**2 * 11.0},
}


@pytest.mark.parametrize(
    ("name", "structure"),
    [(name, structure) for name, listed in VOLUMES_CC.items() for structure in listed],
)
def test_volume(name: str, structure: str) -> None:
    grid = phantom(name).grid(3.0)
    structures, _ = phantom(name).realise(grid)
    found = structures[structure].volume_cc(grid)
    assert found == pytest.approx(VOLUMES_CC[name][structure], rel=0.025)


def overlap_cc(name: str, first: str, second: str) -> float:
    grid = phantom(name).grid(2.0)
    structures, _ = phantom(name).realise(grid)
    share = np.zeros((2, grid.voxels))
    for row, key in enumerate((first, second)):
        share[row, structures[key].voxels] = structures[key].occupancy
    return float(share.min(axis=0).sum()) * grid.voxel_cc


@pytest.mark.parametrize(
    ("name", "organ", "cc"),
    [
        ("tg119-prostate", "Rectum", 2.1),
        ("tg119-prostate", "Bladder", 5.9),
        ("adult", "Rectum", 4.6),
        ("adult", "Bladder", 6.5),
    ],
)
def test_overlap_with_the_target(name: str, organ: str, cc: float) -> None:
    assert overlap_cc(name, "PTV", organ) == pytest.approx(cc, rel=0.15)


def test_the_hard_pelvis_is_the_harder_one() -> None:
    assert overlap_cc("adult_hard", "PTV", "Rectum") > 2 * overlap_cc("adult", "PTV", "Rectum")


@pytest.mark.parametrize(("pair"), [("CTV", "Rectum"), ("CTV", "Bladder")])
def test_organs_do_not_enter_the_prostate(pair: tuple[str, str]) -> None:
    for name in ("adult", "adult_hard", "tg119-prostate"):
        structures, _ = phantom(name).realise(phantom(name).grid(3.0))
        first, second = (structures[key] for key in pair)
        both, at, there = np.intersect1d(first.voxels, second.voxels, return_indices=True)
        shared = first.occupancy[at] + second.occupancy[there]
        assert both.size == 0 or shared.max() <= 1.0 + 1e-12


def test_femoral_heads_are_denser_than_water() -> None:
    grid = phantom("adult").grid(4.0)
    structures, density = phantom("adult").realise(grid)
    head = structures["Femur_Head_L"]
    whole = head.voxels[head.occupancy == 1.0]
    assert np.allclose(density.ravel()[whole], 1.18)
    assert density[0, 0, 0] == 0.0
    ptv = structures["PTV"].voxels
    assert np.all(density.ravel()[ptv] == 1.0)


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_phantom_is_whole(name: str) -> None:
    found = phantom(name)
    grid = found.grid(4.0)
    structures, density = found.realise(grid)
    kinds = [s.kind for s in structures.values()]
    assert kinds.count("external") == 1
    assert next(iter(structures.values())).kind == "external"
    assert found.name == name
    assert found.source
    assert found.notes
    assert set(found.prescription_gy) <= {s.name for s in structures.values()}
    body = np.zeros(grid.voxels, dtype=bool)
    body[next(iter(structures.values())).voxels] = True
    assert all(body[s.voxels].all() for s in structures.values())
    assert np.all(density.ravel()[~body] == 0.0)
    # air to the left, right, front and back: rays enter the body inside the grid
    assert not density[:, 0].any()
    assert not density[:, -1].any()
    assert not density[:, :, 0].any()
    assert not density[:, :, -1].any()


def test_the_c_opens_towards_posterior() -> None:
    found = phantom("tg119-cshape")
    grid = found.grid(3.0)
    y = grid.centres_mm(found.realise(grid)[0]["PTV"].voxels)[:, 1]
    assert y.max() < 15.0
    assert y.min() < -33.0


def test_easy_and_hard_c_shape_are_one_geometry() -> None:
    easy, hard = phantom("tg119-cshape-easy"), phantom("tg119-cshape-hard")
    assert easy.parts == hard.parts
    assert (easy.name, hard.name) == ("tg119-cshape-easy", "tg119-cshape-hard")


def test_a_grid_has_a_voxel_at_the_isocentre() -> None:
    grid: Grid = phantom("adult").grid(3.0)
    for axis in grid.axes_mm():
        assert np.abs(axis).min() == 0.0


@pytest.mark.parametrize("grid_mm", [0.0, 0.1, 50.0, float("nan")])
def test_voxel_sizes_out_of_bounds_are_refused(grid_mm: float) -> None:
    with pytest.raises(CaseError, match=r"grid_mm is .* from 0.5 to 20 mm"):
        phantom("adult").grid(grid_mm)
