"""Cases from arrays and sparse matrices of the user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import coo_array, csc_array, csc_matrix, csr_array

from rt_own_arrays import DOSES, FLUENCE, GRID, INFLUENCE, KINDS, MASKS, RANDOM
from textgrad_radiotherapy.case import Beam, Case
from textgrad_radiotherapy.cases import dose, judging_case, load_case, save_case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.imports.arrays import case_from_arrays


def made(**changes: Any) -> Case:
    given: dict[str, Any] = {
        "name": "mine",
        "influence": INFLUENCE,
        "grid": GRID,
        "masks": MASKS,
        "kinds": KINDS,
        "prescription_gy": DOSES,
    }
    return case_from_arrays(**{**given, **changes})


@pytest.mark.parametrize("form", [np.asarray, csr_array, csc_array, coo_array, csc_matrix])
def test_any_matrix_gives_the_same_dose(form: Callable[[Floats], Any]) -> None:
    case = made(influence=form(INFLUENCE))
    assert dose(case, FLUENCE) == pytest.approx(INFLUENCE @ FLUENCE, rel=1e-5)
    assert case.influence.matrix.dtype == np.float32
    assert case.influence.matrix.format == "csr"
    for name, mask in MASKS.items():
        assert np.array_equal(case.structures[name].voxels, np.flatnonzero(mask))


def test_a_dose_per_fraction_is_refused_in_python_too() -> None:
    target = next(iter(DOSES))
    with pytest.raises(CaseError, match=r"case 'mine': .* Gy per fraction"):
        made(prescription_gy={**DOSES, target: 2.0}, fractions=30)


def test_rows_in_any_order_find_their_voxels() -> None:
    order = RANDOM.permutation(GRID.voxels)
    case = made(influence=INFLUENCE[order], voxels=order)
    assert dose(case, FLUENCE) == pytest.approx(INFLUENCE @ FLUENCE, rel=1e-5)


def test_whole_numbers_of_any_type_name_voxels() -> None:
    case = made(voxels=np.arange(GRID.voxels, dtype=np.float64))
    assert dose(case, FLUENCE) == pytest.approx(INFLUENCE @ FLUENCE, rel=1e-5)


def test_rows_of_some_voxels_are_enough() -> None:
    kept = np.flatnonzero(MASKS["Target"] | MASKS["Cord"])
    case = made(influence=INFLUENCE[kept], voxels=kept)
    found = dose(case, FLUENCE)
    assert found[kept] == pytest.approx((INFLUENCE @ FLUENCE)[kept], rel=1e-5)
    assert not np.delete(found, kept).any()


def test_shares_are_kept_as_occupancy() -> None:
    share = MASKS["Cord"] * 0.25
    case = made(masks={**MASKS, "Cord": share})
    assert np.all(case.structures["Cord"].occupancy == 0.25)
    assert case.structures["Cord"].volume_cc(GRID) == pytest.approx(8 * 0.25 * 0.072)


def test_what_is_not_known_is_said() -> None:
    case = made()
    assert any("angles of the beams are not known" in note for note in case.notes)
    assert case.beams == (Beam(gantry_deg=0.0),)
    inside = MASKS["BODY"] | MASKS["Target"] | MASKS["Cord"]
    assert np.array_equal(case.density > 0, inside)
    two = made(beam_of_beamlet=np.array([0, 0, 0, 1, 1, 1, 1]))
    assert len(two.beams) == 2


def test_an_imported_case_is_saved_loaded_and_judged(tmp_path: Path) -> None:
    found = load_case(save_case(made(), tmp_path / "mine"))
    assert dose(found, FLUENCE) == pytest.approx(INFLUENCE @ FLUENCE, rel=1e-5)
    assert judging_case(found).grid == GRID


def entry(row: int, column: int, value: float) -> Floats:
    changed = INFLUENCE.copy()
    changed[row, column] = value
    return changed


def of_zeros(rows: Any, columns: Any) -> Floats:
    changed = INFLUENCE.copy()
    changed[rows, columns] = 0.0
    return changed


TARGET_ROW = int(np.flatnonzero(MASKS["Target"])[0])
OTHER = Grid(origin_mm=(0.0, 0.0, 0.0), spacing_mm=(4.0, 3.0, 5.0), shape=(4, 5, 6))
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "NaN": ({"influence": entry(3, 3, np.nan)}, "influence has 1 values that are NaN"),
    "negative": ({"influence": entry(3, 3, -0.5)}, "goes down to -0.5 Gy"),
    "column of zeros": ({"influence": of_zeros(slice(None), 2)}, "1 beamlets give no dose"),
    "target row of zeros": (
        {"influence": of_zeros(TARGET_ROW, slice(None))}, "no beamlet reaches 1 of 18 voxels",
    ),
    "not a matrix": ({"influence": INFLUENCE[0]}, r"has shape \(7,\)"),
    "words": ({"influence": np.array([["a"]])}, "has to be a real matrix"),
    "too few rows": (
        {"influence": INFLUENCE[:-1]}, r"has 119 rows, the grid has 120 voxels \(6 x 5 x 4",
    ),
    "voxels between voxels": (
        {"voxels": np.arange(GRID.voxels) + 0.5},
        r"`voxels` has 120 values that are no whole numbers, the first is 0.5 at index 0: give",
    ),
    "voxels that are no number": (
        {"voxels": np.where(np.arange(GRID.voxels) == 7, np.nan, np.arange(GRID.voxels))},
        r"`voxels` has 1 values .*the first is nan at index 7",
    ),
    "beams between beams": (
        {"beam_of_beamlet": np.array([0, 0, 0, 0.5, 1, 1, 1])},
        r"`beam_of_beamlet` has 1 values .*the first is 0.5 at index 3",
    ),
    "dose of another unit": (
        {"influence": INFLUENCE * 1e30}, r"goes up to .*e\+\d+ Gy per unit weight, above 1e\+06",
    ),
    "dose beyond single precision": (
        {"influence": entry(3, 3, 1e39)}, "1 values that are NaN or infinite, of .* single prec",
    ),
    "voxels for other rows": ({"voxels": np.arange(5)}, r"`voxels` the shape \(5,\)"),
    "one voxel twice": ({"voxels": np.zeros(GRID.voxels, int)}, "each named once"),
    "mask of another grid": (
        {"masks": {**MASKS, "Cord": np.ones((2, 5, 6))}},
        r"mask of 'Cord' has shape \(2, 5, 6\), the grid \(4, 5, 6\) .*6 x 5 x 4 voxels",
    ),
    "masks on another grid": (
        {"masks_grid": OTHER}, r"the grids differ, .*4 x 3 x 6 mm.* and .*4 x 3 x 5 mm",
    ),
    "empty mask": ({"masks": {**MASKS, "Cord": np.zeros(GRID.shape)}}, "'Cord' is empty"),
    "mask of labels": ({"masks": {**MASKS, "Cord": MASKS["Cord"] * 3}}, "goes from 0 to 3"),
    "NaN in a mask": ({"masks": {**MASKS, "Cord": np.full(GRID.shape, np.nan)}}, "that are NaN"),
    "two of one name": (
        {"masks": [*MASKS.items(), ("Cord", MASKS["Cord"])]}, "two structures are named 'Cord'",
    ),
    "no structure": ({"masks": {}}, "a case needs a structure"),
    "kind not said": ({"kinds": {"BODY": "external", "Target": "target"}}, "'Cord' is None; say"),
    "target that is an organ": (
        {"masks": {**MASKS, "Cord": MASKS["Target"]}}, "'Target' and organ at risk 'Cord' are",
    ),
    "unknown target": ({"prescription_gy": {"PTV": 60.0}}, "no structure 'PTV'; it has BODY"),
    "negative density": ({"density": np.full(GRID.shape, -1.0)}, "density goes down to -1"),
    "density of another grid": ({"density": np.ones((4, 5, 5))}, "density has shape"),
    "beamlets of no beam": (
        {"beams": [Beam(gantry_deg=0.0)], "beam_of_beamlet": np.array([0, 0, 0, 0, 1, 1, 1])},
        "there are 1 beams",
    ),
    "beam without beamlets": (
        {"beams": [Beam(gantry_deg=0.0), Beam(gantry_deg=9.0)]}, "gantry 9 has no beamlets",
    ),
    "owners of other beamlets": ({"beam_of_beamlet": np.zeros(3, int)}, "beams for 3 beamlets"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_arrays_that_do_not_fit_are_refused(what: str) -> None:
    changes, message = REFUSED[what]
    with pytest.raises(CaseError, match=message):
        made(**changes)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gantry_deg": np.array([np.nan])}, "beam 0: gantry_deg is nan.* have to be finite"),
        ({"gantry_deg": np.array([-400.0])}, "beam 0: gantry_deg is -400.0.* from -360 to 360"),
    ],
)
def test_a_file_whose_numbers_make_no_sense_is_refused(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    masks = {f"{KINDS[name]}:{name}": mask for name, mask in MASKS.items()}
    given: dict[str, Any] = {
        **masks,
        "prescription_gy:Target": DOSES["Target"],
        "origin_mm": np.array(GRID.origin_mm),
        "spacing_mm": np.array(GRID.spacing_mm),
        "influence": INFLUENCE,
    }
    np.savez(tmp_path / "my.npz", **{**given, **changed})
    with pytest.raises(CaseError, match=message):
        load_case(tmp_path / "my.npz")
