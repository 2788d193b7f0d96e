"""Cases: loading, the dose of a fluence, building from parts, saved folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rt_cases import fluence_of, same_influence, terms
from textgrad_radiotherapy.case import Beam, Case
from textgrad_radiotherapy.case_checks import check_case
from textgrad_radiotherapy.cases import (
    build_case,
    case_names,
    dose,
    load_case,
    save_case,
    structure_rows,
)
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats


@pytest.mark.parametrize("name", [*case_names(), "tg119-cshape"])
def test_every_case_loads_and_can_be_planned(name: str) -> None:
    case = load_case(name, grid_mm=10.0, bixel_mm=20.0)
    assert case.name == name
    assert check_case(case) is case
    assert set(case.prescription_gy) <= set(case.structures)
    assert any("not commissioned" in text for text in (case.influence.engine,))
    assert any("cannot be delivered" in note for note in case.notes)
    rows = structure_rows(case, terms(*case.structures))
    assert all(r.matrix.shape == (r.weights.size, r.voxels.size and r.matrix.shape[1])
               for r in rows.values())  # fmt: skip


def test_an_unknown_case_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"no case 'tg119-moon'.*tg119-prostate, tg119-head-neck"):
        load_case("tg119-moon")
    with pytest.raises(CaseError, match="is empty: give one with a case or DICOM files"):
        load_case(tmp_path)


@pytest.mark.parametrize("bixel_mm", [0.0, 0.5, 80.0, float("nan")])
def test_bixels_out_of_bounds_are_refused(bixel_mm: float) -> None:
    with pytest.raises(CaseError, match="from 1 to 50 mm"):
        load_case("adult", bixel_mm=bixel_mm)


def test_dose_is_the_product_with_the_matrix(prostate: Case) -> None:
    fluence = fluence_of(prostate)
    found = dose(prostate, fluence)
    assert found.shape == (prostate.grid.voxels,)
    expected = prostate.influence.matrix.toarray().astype(np.float64) @ fluence
    assert found[prostate.influence.voxels] == pytest.approx(expected, rel=1e-5)
    assert dose(prostate, 2 * fluence) == pytest.approx(2 * found)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x[:-1], "there are"),
        (lambda x: np.where(np.arange(x.size) == 3, np.nan, x), "1 values that are NaN"),
        (lambda x: -x, "goes down to -"),
    ],
)
def test_a_fluence_that_does_not_fit_is_refused(
    prostate: Case, wrong: Callable[[Floats], Floats], message: str
) -> None:
    with pytest.raises(CaseError, match=message):
        dose(prostate, wrong(fluence_of(prostate)))


def users_case(case: Case, **changes: Any) -> Case:
    given: dict[str, Any] = {
        "name": "user",
        "grid": case.grid,
        "density": case.density,
        "structures": list(case.structures.values()),
        "beams": case.beams,
        "prescription_gy": case.prescription_gy,
    }
    return build_case(**{**given, **changes})


def test_building_from_parts_is_what_loading_does(prostate: Case) -> None:
    built = users_case(prostate)
    assert np.array_equal(built.influence.matrix.data, prostate.influence.matrix.data)
    assert built.fractions is None


def test_building_refuses_two_structures_of_one_name(prostate: Case) -> None:
    twice = [*prostate.structures.values(), prostate.structures["PTV"]]
    with pytest.raises(CaseError, match="two structures are named 'PTV'"):
        users_case(prostate, structures=twice)


@pytest.mark.parametrize(
    "wrong", [{"beams": []}, {"prescription_gy": {}}, {"prescription_gy": {"GTV": 1.0}}]
)
def test_building_needs_beams_and_a_target(prostate: Case, wrong: dict[str, Any]) -> None:
    with pytest.raises(CaseError, match="needs a beam and a structure"):
        users_case(prostate, **wrong)


def test_a_target_outside_the_body_is_refused_with_its_place(prostate: Case) -> None:
    ptv = prostate.structures["PTV"]
    middle = 10 * 37 * 53 + 26  # on the anterior edge of the grid, in front of the isocentre
    stray = replace(
        ptv, voxels=np.append(ptv.voxels, middle), occupancy=np.append(ptv.occupancy, 1.0)
    )
    order = np.argsort(stray.voxels)
    stray = replace(stray, voxels=stray.voxels[order], occupancy=stray.occupancy[order])
    body = prostate.structures["Body"]
    with pytest.raises(CaseError, match=r"no beamlet reaches 1 of .* at \(0, -108, 0\) mm"):
        users_case(prostate, structures=[body, stray], beams=[Beam(gantry_deg=0.0)])


def test_beamlets_that_reach_nothing_are_left_out(prostate: Case) -> None:
    ptv, corner = prostate.structures["PTV"], np.zeros(1, dtype=np.intp)
    stray = replace(
        ptv, voxels=np.append(corner, ptv.voxels), occupancy=np.append(1.0, ptv.occupancy)
    )
    case = users_case(prostate, structures=[prostate.structures["Body"], stray])
    assert np.asarray(case.influence.matrix.sum(axis=0)).min() > 0
    assert case.influence.matrix.shape[1] == len(case.influence.position_mm)


def test_a_saved_case_is_loaded_as_it_was(prostate: Case, tmp_path: Path) -> None:
    folder = save_case(prostate, tmp_path / "mine")
    found = load_case(folder)
    assert same_influence(found.influence, prostate.influence)
    assert np.array_equal(found.density, prostate.density)
    for name, structure in prostate.structures.items():
        assert np.array_equal(found.structures[name].voxels, structure.voxels)
        assert np.array_equal(found.structures[name].occupancy, structure.occupancy)
        assert found.structures[name].kind == structure.kind
        assert found.structures[name].colour == structure.colour
    for key in ("name", "grid", "beams", "prescription_gy", "fractions", "title", "source",
                "notes", "meta"):  # fmt: skip
        assert getattr(found, key) == getattr(prostate, key)
    assert list(found.structures) == list(prostate.structures)


FOLDER_DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut numbers": (
        lambda f: (f / "arrays.npz").write_bytes((f / "arrays.npz").read_bytes()[:5000]),
        "cannot be read",
    ),
    "cut words": (lambda f: (f / "case.json").write_text('{"format":'), "cannot be read"),
    "no words": (lambda f: (f / "case.json").write_text("[]"), "cannot be read"),
    "another format": (lambda f: (f / "case.json").write_text('{"format": "x"}'), "says format"),
    "a key less": (
        lambda f: (f / "case.json").write_text(
            json.dumps({**json.loads((f / "case.json").read_text()), "beams": None})
        ),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("damage", FOLDER_DAMAGES)
def test_a_damaged_folder_is_refused(prostate: Case, tmp_path: Path, damage: str) -> None:
    folder = save_case(prostate, tmp_path / "mine")
    change, message = FOLDER_DAMAGES[damage]
    change(folder)
    with pytest.raises(CaseError, match=message):
        load_case(folder)


def test_a_case_is_saved_as_it_can_be_read_or_not_at_all(prostate: Case, tmp_path: Path) -> None:
    for fractions in (39.0, np.float64(39), np.int64(39)):
        whole: Any = fractions
        folder = save_case(replace(prostate, fractions=whole), tmp_path / f"{fractions!r}")
        assert load_case(folder).fractions == 39
    words = json.loads((folder / "case.json").read_text("utf-8"))
    (folder / "case.json").write_text(json.dumps({**words, "fractions": 39.0}), "utf-8")
    assert load_case(folder).fractions == 39
    name, structure = next(iter(prostate.structures.items()))
    odd = {**prostate.structures, name: replace(structure, colour="red")}
    with pytest.raises(CaseError, match=r"cannot be saved: .*colour is \"red\""):
        save_case(replace(prostate, structures=odd), tmp_path / "red")
    assert not (tmp_path / "red").exists()
