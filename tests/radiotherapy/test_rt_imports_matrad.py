"""Cases from matRad files, which scipy writes here in matRad's own layout."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io.matlab
from scipy.sparse import csc_matrix

from rt_matrad_files import cells, overdosing, patient, saved, saved73, with_dij
from rt_own_arrays import BEAMLETS, DOSES, FLUENCE, GRID, INFLUENCE, KINDS, MASKS
from textgrad_radiotherapy.case import Beam
from textgrad_radiotherapy.cases import dose
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.imports.mat73 import read_mat73
from textgrad_radiotherapy.imports.matrad import read_matrad


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


CENTRE = GRID.centres_mm(np.flatnonzero(MASKS["Target"])).mean(axis=0)
CORNER = np.asarray(GRID.origin_mm) - np.asarray(GRID.spacing_mm)  # where matRad once counted from


def aimed(file: dict[str, Any], place: Any) -> dict[str, Any]:
    """The file with an isocentre in its plan."""
    steering = {**file["pln"]["propStf"], "isoCenter": np.asarray(place)}
    return {**file, "pln": {**file["pln"], "propStf": steering}}


@pytest.mark.parametrize(
    ("stated", "expected", "said"),
    [
        (
            CENTRE + np.array([8.0, 3.0, 6.0]),
            CENTRE + np.array([8.0, 3.0, 6.0]),
            "taken to be in LPS",
        ),
        (CENTRE, CENTRE, "taken to be in LPS"),
        (CENTRE - CORNER, CENTRE, "from the corner of the cube"),  # older matRad's own choice
        (np.array([[0.0, 1.0, 2.0], [4.0, 1.0, 2.0]]), None, "(0, 1, 2) mm; (4, 1, 2) mm"),
    ],
)
def test_matrad_s_isocentre_is_read(
    tmp_path: Path, stated: Floats, expected: Floats | None, said: str
) -> None:
    case = read_matrad(saved(aimed(patient(), stated), tmp_path))
    wanted = stated if expected is None else np.broadcast_to(expected, (2, 3))
    assert np.array([b.isocentre_mm for b in case.beams]) == pytest.approx(wanted)
    (note,) = [n for n in case.notes if "socentre" in n]
    assert said in note
    assert "of pln.propStf.isoCenter" in note


def test_the_isocentres_of_matrad_s_beams_come_first(tmp_path: Path) -> None:
    file = aimed(with_dij(patient()), CENTRE)
    for beam in file["stf"]:
        beam["isoCenter"] = CENTRE + np.array([4.0, 0.0, 6.0])
    case = read_matrad(saved(file, tmp_path))
    assert case.beams[1].isocentre_mm == pytest.approx(tuple(CENTRE + np.array([4.0, 0.0, 6.0])))
    assert any("of stf.isoCenter" in note for note in case.notes)


def test_without_an_isocentre_the_note_says_where_beams_aim(tmp_path: Path) -> None:
    case = read_matrad(saved(patient(), tmp_path))
    assert any("states no isocentre: the beams aim at the middle" in note for note in case.notes)


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
    "three isocentres of two beams": (
        lambda f: aimed(f, np.zeros((3, 3))),
        "3 isocentres for 2 beams",
    ),
    "an isocentre that is none": (
        lambda f: aimed(f, [np.nan, 0.0, 0.0]),
        "pln.propStf.isoCenter is .*three finite numbers",
    ),
    "half a fraction": (
        lambda f: {**f, "pln": {**f["pln"], "numOfFractions": 2.5}},
        r"pln.numOfFractions is 2\.5: a whole number",
    ),
    "empty structure": (with_cst(0, 3, cells(np.zeros((0, 1)))), "'Cord' has no voxel"),
    "voxels off the ct": (with_cst(0, 3, cells(np.array([[500.0]]))), "the ct has 120"),
    "a row too many": (
        lambda f: {**with_dij(f), "dij": {"physicalDose": cells(csc_matrix(np.ones((9, 2))))}},
        r"dij.physicalDose has shape \(9, 2\), its grid is 6 x 5 x 4",
    ),
}


@pytest.mark.parametrize("write", [saved, saved73])
@pytest.mark.parametrize("what", MATRAD_REFUSED)
def test_matrad_files_that_lack_something_are_refused(
    tmp_path: Path, what: str, write: Callable[[dict[str, Any], Path], Path]
) -> None:
    change, message = MATRAD_REFUSED[what]
    with pytest.raises(CaseError, match=message):
        read_matrad(write(change(patient()), tmp_path))


def test_version_7_3_gives_the_same_case(tmp_path: Path) -> None:
    file = with_dij(patient())
    old, new = read_matrad(saved(file, tmp_path)), read_matrad(saved73(file, tmp_path))
    assert (new.grid, new.fractions) == (old.grid, old.fractions)
    assert (new.prescription_gy, new.beams, new.notes) == (
        old.prescription_gy, old.beams, old.notes
    )  # fmt: skip
    assert np.array_equal(new.density, old.density)
    assert list(new.structures) == list(old.structures)
    for name, structure in new.structures.items():
        assert structure.kind == old.structures[name].kind
        assert np.array_equal(structure.voxels, old.structures[name].voxels)
    assert np.array_equal(new.influence.beam_of_beamlet, old.influence.beam_of_beamlet)
    assert np.array_equal(new.influence.position_mm, old.influence.position_mm)
    assert np.array_equal(new.influence.matrix.toarray(), old.influence.matrix.toarray())


def test_version_7_3_without_a_dij_is_computed(tmp_path: Path) -> None:
    old, new = read_matrad(saved(patient(), tmp_path)), read_matrad(saved73(patient(), tmp_path))
    assert new.beams == old.beams
    assert np.array_equal(new.influence.matrix.toarray(), old.influence.matrix.toarray())


def test_version_7_3_that_is_damaged_is_refused_with_the_way_out(tmp_path: Path) -> None:
    whole = saved73(with_dij(patient()), tmp_path).read_bytes()
    path = tmp_path / "new.mat"
    for content in (whole[:700], whole[: len(whole) // 2], whole[:512] + bytes(2000)):
        path.write_bytes(content)
        with pytest.raises(CaseError, match=r"version 7.3 that cannot be read .*save it again"):
            read_matrad(path)


def test_version_7_3_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved73(patient(), tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(CaseError, match=r"needs h5py: .* pip install .*radiotherapy.*'-v7'"):
        read_matrad(path)


def test_version_7_3_as_matlab_itself_writes_it() -> None:
    """A file of scipy's own tests, written by MATLAB 7.4."""
    path = Path(scipy.io.matlab.__file__).parent / "tests" / "data" / "testhdf5_7.4_GLNX86.mat"
    if not path.exists():
        pytest.skip("platform: this scipy comes without its tests")
    found = read_mat73(path, ("testdouble", "absent"))
    assert set(found) == {"testdouble"}
    assert found["testdouble"] == pytest.approx(np.arange(0.0, 2 * np.pi + 0.1, np.pi / 4))


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", bytes(3000)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.mat"
    path.write_bytes(content)
    with pytest.raises(CaseError, match=r"cannot be read as a MATLAB file|has no 'ct'"):
        read_matrad(path)
