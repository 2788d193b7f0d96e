"""Cases from pyRadPlan's objects: plain ones with the attributes of version 0.5 stand in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_array

from rt_own_arrays import DOSES, FLUENCE, GRID, INFLUENCE, KINDS, MASKS
from textgrad_radiotherapy.cases import dose
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.imports.pyradplan import case_from_pyradplan


def their_grid(grid: Grid, **changes: Any) -> SimpleNamespace:
    given = {
        "dimensions": grid.shape[::-1],
        "origin": np.array(grid.origin_mm),
        "resolution": dict(zip("xyz", grid.spacing_mm, strict=True)),
        "direction": np.eye(3),
    }
    return SimpleNamespace(**{**given, **changes})


def theirs(**changes: Any) -> dict[str, Any]:
    container = np.empty(1, dtype=object)
    container[0] = csc_array(INFLUENCE.astype(np.float32))
    labels = {"BODY": "EXTERNAL", "Target": "TARGET", "Cord": "OAR"}
    vois = [
        SimpleNamespace(
            name=name,
            voi_type=labels[name],
            grid=their_grid(GRID),
            indices_numpy=np.flatnonzero(mask),
        )
        for name, mask in MASKS.items()
    ]
    beams = [
        SimpleNamespace(
            gantry_angle=gantry,
            couch_angle=0.0,
            iso_center=np.array([1.0, 2.0, 3.0]),
            sad=1000.0,
            bixel_width=5.0,
            rays=[SimpleNamespace(ray_pos_bev=np.array([5.0 * k, 0.0, 10.0])) for k in range(n)],
        )
        for gantry, n in ((0.0, 3), (90.0, 4))
    ]
    dij = SimpleNamespace(
        dose_grid=their_grid(GRID),
        physical_dose=container,
        beam_num=np.array([0, 0, 0, 1, 1, 1, 1]),
    )
    given = {
        "cst": SimpleNamespace(vois=vois),
        "stf": SimpleNamespace(beams=beams),
        "dij": dij,
        "prescription_gy": DOSES,
    }
    return {**given, **changes}


def test_pyradplan_s_objects_become_a_case() -> None:
    case = case_from_pyradplan(**theirs(scale=2.0))
    assert case.grid == GRID
    assert {name: s.kind for name, s in case.structures.items()} == KINDS
    for name, mask in MASKS.items():
        assert np.array_equal(case.structures[name].voxels, np.flatnonzero(mask))
    assert dose(case, FLUENCE) == pytest.approx(2 * (INFLUENCE @ FLUENCE), rel=1e-5)
    assert [b.gantry_deg for b in case.beams] == [0.0, 90.0]
    assert case.beams[0].isocentre_mm == (1.0, 2.0, 3.0)
    assert case.influence.position_mm[3].tolist() == [0.0, 10.0]
    assert "pyRadPlan" in case.influence.engine


def test_masks_of_the_ct_are_averaged_over_the_dose_grid() -> None:
    fine = Grid(origin_mm=(-9.0, -6.0, -9.0), spacing_mm=(2.0, 3.0, 6.0), shape=(4, 5, 12))
    given = theirs()
    for voi in given["cst"].vois:
        voi.indices_numpy = np.flatnonzero(np.repeat(MASKS[voi.name], 2, axis=2))
        voi.grid = their_grid(fine)
    case = case_from_pyradplan(**given)
    for name, mask in MASKS.items():
        assert np.array_equal(case.structures[name].voxels, np.flatnonzero(mask))
        assert np.allclose(case.structures[name].occupancy, 1.0)


def test_turned_axes_and_foreign_objects_are_refused() -> None:
    given = theirs()
    given["dij"].dose_grid = their_grid(GRID, direction=np.diag([-1.0, -1.0, 1.0]))
    with pytest.raises(CaseError, match="only axes along the patient's are read"):
        case_from_pyradplan(**given)
    with pytest.raises(CaseError, match=r"no object of pyRadPlan 0.5 .*vois"):
        case_from_pyradplan(**theirs(cst=SimpleNamespace()))
    with pytest.raises(CaseError, match="scale is 0"):
        case_from_pyradplan(**theirs(scale=0))
    given = theirs()
    given["dij"].dose_grid = their_grid(GRID, dimensions=(6, 5, 4, 2))
    with pytest.raises(CaseError, match="three are needed"):
        case_from_pyradplan(**given)
