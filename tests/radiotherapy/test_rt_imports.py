"""Cases from arrays, from matRad files and from pyRadPlan's objects.

matRad's files are written here with scipy in matRad's own layout; pyRadPlan is not needed: its
objects are stood in for by plain ones with the attributes of version 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.sparse import coo_array, csc_array, csc_matrix, csr_array

from textgrad_radiotherapy.case import Beam, Case
from textgrad_radiotherapy.cases import dose, judging_case, load_case, save_case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.imports.arrays import case_from_arrays
from textgrad_radiotherapy.imports.matrad import read_matrad
from textgrad_radiotherapy.imports.pyradplan import case_from_pyradplan

GRID = Grid(origin_mm=(-8.0, -6.0, -9.0), spacing_mm=(4.0, 3.0, 6.0), shape=(4, 5, 6))
BEAMLETS = 7
RANDOM = np.random.default_rng(11)


def block(z: slice, y: slice, x: slice) -> NDArray[np.bool_]:
    mask = np.zeros(GRID.shape, dtype=np.bool_)
    mask[z, y, x] = True
    return mask


ALL = slice(None)
MASKS = {
    "BODY": block(ALL, ALL, slice(0, 5)),
    "Target": block(slice(1, 3), slice(1, 4), slice(1, 4)),
    "Cord": block(ALL, slice(4, 5), slice(2, 4)),
}
KINDS: dict[str, Any] = {"BODY": "external", "Target": "target", "Cord": "oar"}
DOSES = {"Target": 60.0}
INFLUENCE = RANDOM.uniform(0.1, 1.0, (GRID.voxels, BEAMLETS)) * (
    RANDOM.random((GRID.voxels, BEAMLETS)) < 0.5
)
INFLUENCE[:, 0] = 0.3  # every voxel is reached
FLUENCE = RANDOM.uniform(0.0, 2.0, BEAMLETS)


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


# ---- arrays


@pytest.mark.parametrize("form", [np.asarray, csr_array, csc_array, coo_array, csc_matrix])
def test_any_matrix_gives_the_same_dose(form: Callable[[Floats], Any]) -> None:
    case = made(influence=form(INFLUENCE))
    assert dose(case, FLUENCE) == pytest.approx(INFLUENCE @ FLUENCE, rel=1e-5)
    assert case.influence.matrix.dtype == np.float32
    assert case.influence.matrix.format == "csr"
    for name, mask in MASKS.items():
        assert np.array_equal(case.structures[name].voxels, np.flatnonzero(mask))


def test_rows_in_any_order_find_their_voxels() -> None:
    order = RANDOM.permutation(GRID.voxels)
    case = made(influence=INFLUENCE[order], voxels=order)
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
    "NaN in a mask": ({"masks": {**MASKS, "Cord": np.full(GRID.shape, np.nan)}}, "nan to nan"),
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


# ---- matRad


def columns_of(mask: NDArray[np.bool_]) -> NDArray[np.floating]:
    """matRad's indices of a mask: over (y, x, z), by columns, from 1."""
    return np.flatnonzero(mask.transpose(1, 2, 0).ravel(order="F")) + 1.0


def by_columns(influence: Floats) -> Floats:
    """Rows in matRad's order."""
    rows = np.arange(GRID.voxels).reshape(GRID.shape).transpose(1, 2, 0).ravel(order="F")
    return np.asarray(influence[rows], dtype=np.float64)


def cells(*items: Any) -> NDArray[Any]:
    found = np.empty((1, len(items)), dtype=object)
    for index, item in enumerate(items):
        found[0, index] = item
    return found


def cst_row(number: int, name: str, label: str, mask: NDArray[np.bool_], goal: Any) -> list[Any]:
    return [float(number), name, label, cells(columns_of(mask)[:, None]), {"Priority": 1.0}, goal]


def deviation(gy: float) -> dict[str, Any]:
    return {
        "className": "DoseObjectives.matRad_SquaredDeviation",
        "parameters": cells(gy),
        "penalty": 800.0,
    }


def overdosing(gy: float) -> dict[str, Any]:
    return {
        "className": "DoseObjectives.matRad_SquaredOverdosing",
        "parameters": cells(gy),
        "penalty": 100.0,
    }


def patient() -> dict[str, Any]:
    x, y, z = GRID.axes_mm()
    density = np.where(MASKS["BODY"], 1.0, 0.0)
    cst = np.empty((3, 6), dtype=object)
    listed = [
        cst_row(0, "Cord", "OAR", MASKS["Cord"], overdosing(20.0)),
        cst_row(1, "Target", "TARGET", MASKS["Target"], deviation(60.0)),
        cst_row(2, "BODY", "OAR", MASKS["BODY"], overdosing(30.0)),
    ]
    for i, row in enumerate(listed):
        for j, value in enumerate(row):
            cst[i, j] = value
    return {
        "ct": {
            "cubeDim": np.array([[5, 6, 4]], dtype=np.uint8),
            "resolution": {"x": 4.0, "y": 3.0, "z": 6.0},
            "x": x[None, :],
            "y": y[None, :],
            "z": z[None, :],
            "cube": cells(density.transpose(1, 2, 0)),
            "numOfCtScen": 1.0,
        },
        "cst": cst,
        "pln": {
            "numOfFractions": 30.0,
            "propStf": {
                "gantryAngles": np.array([[0.0, 120.0]]),
                "couchAngles": np.array([[0.0, 10.0]]),
                "bixelWidth": 5.0,
            },
        },
    }


def with_dij(file: dict[str, Any]) -> dict[str, Any]:
    rays = [{"rayPos_bev": np.array([[5.0 * k, 0.0, -5.0]])} for k in range(BEAMLETS)]
    steering = np.empty(2, dtype=object)
    for index, (gantry, part) in enumerate(((0.0, rays[:4]), (120.0, rays[4:]))):
        steering[index] = {
            "gantryAngle": gantry,
            "couchAngle": 0.0,
            "SAD": 900.0,
            "bixelWidth": 5.0,
            "ray": np.array(part, dtype=object),
        }
    dij = {
        "physicalDose": cells(csc_matrix(by_columns(INFLUENCE))),
        "beamNum": np.array([[1.0]] * 4 + [[2.0]] * 3),
        "doseGrid": {
            **{key: file["ct"][key] for key in ("resolution", "x", "y", "z")},
            "dimensions": np.array([[5, 6, 4]], dtype=np.uint8),
        },
    }
    return {**file, "dij": dij, "stf": steering}


def saved(file: dict[str, Any], folder: Path) -> Path:
    path = folder / "case.mat"
    savemat(path, file, do_compression=True)
    return path


def test_matrad_s_matrix_and_masks_are_turned_to_ours(tmp_path: Path) -> None:
    case = read_matrad(saved(with_dij(patient()), tmp_path))
    assert case.grid == GRID
    assert {name: s.kind for name, s in case.structures.items()} == KINDS
    for name, mask in MASKS.items():
        assert np.array_equal(case.structures[name].voxels, np.flatnonzero(mask))
    assert case.prescription_gy == DOSES
    assert case.fractions == 30
    # per fraction there, per course here
    assert dose(case, FLUENCE) == pytest.approx(30 * (INFLUENCE @ FLUENCE), rel=1e-5)
    assert np.array_equal(case.density > 0, MASKS["BODY"])


def test_matrad_s_beams_and_beamlets_are_read(tmp_path: Path) -> None:
    case = read_matrad(saved(with_dij(patient()), tmp_path))
    assert [(b.gantry_deg, b.sad_mm, b.bixel_mm) for b in case.beams] == [
        (0.0, 900.0, 5.0),
        (120.0, 900.0, 5.0),
    ]
    assert case.influence.beam_of_beamlet.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert case.influence.position_mm.tolist() == [[5.0 * k, -5.0] for k in range(BEAMLETS)]
    centre = GRID.centres_mm(np.flatnonzero(MASKS["Target"])).mean(axis=0)
    assert case.beams[0].isocentre_mm == pytest.approx(tuple(centre))


def test_without_a_dij_the_engine_computes_one(tmp_path: Path) -> None:
    case = read_matrad(saved(patient(), tmp_path))
    assert "not commissioned" in case.influence.engine
    assert [(b.gantry_deg, b.couch_deg) for b in case.beams] == [(0.0, 0.0), (120.0, 10.0)]
    fine = read_matrad(saved(patient(), tmp_path), grid_mm=2.0)
    assert fine.grid.spacing_mm == (2.0, 2.0, 2.0)
    volume = case.structures["Target"].volume_cc(GRID)
    assert fine.structures["Target"].volume_cc(fine.grid) == pytest.approx(volume, rel=0.1)


def test_a_coarser_dose_grid_gets_shares_of_its_voxels(tmp_path: Path) -> None:
    file = with_dij(patient())
    coarse = Grid(origin_mm=(-6.0, -4.5, -6.0), spacing_mm=(8.0, 6.0, 12.0), shape=(2, 3, 3))
    x, y, z = coarse.axes_mm()
    file["dij"]["doseGrid"] = {
        "resolution": {"x": 8.0, "y": 6.0, "z": 12.0},
        "dimensions": np.array([[3, 3, 2]]),
        "x": x, "y": y, "z": z,
    }  # fmt: skip
    file["dij"]["physicalDose"] = cells(csc_matrix(np.full((coarse.voxels, BEAMLETS), 0.5)))
    case = read_matrad(saved(file, tmp_path))
    assert case.grid == coarse
    padded = {name: np.pad(mask, ((0, 0), (0, 1), (0, 0))) for name, mask in MASKS.items()}
    for name, mask in padded.items():  # eight CT voxels are one dose voxel
        shares = mask.reshape(2, 2, 3, 2, 3, 2).mean(axis=(1, 3, 5)).ravel()
        found = case.structures[name]
        assert np.array_equal(found.voxels, np.flatnonzero(shares))
        assert found.occupancy == pytest.approx(shares[found.voxels])


def test_doses_and_beams_of_the_caller_come_first(tmp_path: Path) -> None:
    beams = [Beam(gantry_deg=45.0, bixel_mm=10.0, isocentre_mm=(0.0, 0.0, 0.0))]
    case = read_matrad(
        saved(with_dij(patient()), tmp_path), prescription_gy={"Target": 50.0}, beams=beams
    )
    assert case.prescription_gy == {"Target": 50.0}
    assert case.beams == tuple(beams)
    assert "not commissioned" in case.influence.engine


def without(*keys: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda file: {key: value for key, value in file.items() if key not in keys}


def with_ct(**fields: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda file: {
        **file, "ct": {k: v for k, v in {**file["ct"], **fields}.items() if v is not None},
    }  # fmt: skip


def with_cst(row: int, column: int, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(file: dict[str, Any]) -> dict[str, Any]:
        cst = file["cst"].copy()
        cst[row, column] = value
        return {**file, "cst": cst}

    return change


MATRAD_REFUSED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "no ct": (without("ct"), "has no 'ct'"),
    "no cst": (without("cst"), "has no 'cst'"),
    "no beams": (without("pln"), "neither dij nor the angles of beams"),
    "no goal": (with_cst(1, 5, overdosing(60.0)), "names no dose of a target"),
    "no target": (with_cst(1, 2, "OAR"), "no dose of a target|no structure of type TARGET"),
    "no resolution": (with_ct(resolution=None), "ct has no resolution"),
    "no density": (with_ct(cube=None), "no cube of relative electron densities"),
    "density of another size": (with_ct(cube=cells(np.ones((2, 2, 2)))), r"shape \(2, 2, 2\)"),
    "empty structure": (with_cst(0, 3, cells(np.zeros((0, 1)))), "'Cord' has no voxel"),
    "voxels off the ct": (with_cst(0, 3, cells(np.array([[500.0]]))), "the ct has 120"),
    "a row too many": (
        lambda f: {**with_dij(f), "dij": {"physicalDose": cells(csc_matrix(np.ones((9, 2))))}},
        r"dij.physicalDose has shape \(9, 2\), its grid is 6 x 5 x 4",
    ),
}


@pytest.mark.parametrize("what", MATRAD_REFUSED)
def test_matrad_files_that_lack_something_are_refused(tmp_path: Path, what: str) -> None:
    change, message = MATRAD_REFUSED[what]
    with pytest.raises(CaseError, match=message):
        read_matrad(saved(change(patient()), tmp_path))


def test_version_7_3_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "new.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(512))
    with pytest.raises(CaseError, match=r"version 7.3 \(HDF5\): save it with .*-v7"):
        read_matrad(path)


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", bytes(3000)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.mat"
    path.write_bytes(content)
    with pytest.raises(CaseError, match=r"cannot be read as a MATLAB file|has no 'ct'"):
        read_matrad(path)


# ---- pyRadPlan


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
