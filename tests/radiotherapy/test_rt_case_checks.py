"""What is no case that can be planned: refused, with what is wrong and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from rt_own_arrays import DOSES, GRID, INFLUENCE, KINDS, MASKS
from textgrad_radiotherapy.case import Beam, Case
from textgrad_radiotherapy.case_checks import check_case, same_grid
from textgrad_radiotherapy.case_folder import WORDS
from textgrad_radiotherapy.cases import load_case, save_case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.imports.arrays import case_from_arrays


def own_case() -> Case:
    """A user's own case of one beam."""
    return case_from_arrays(
        name="mine",
        influence=INFLUENCE,
        grid=GRID,
        masks=MASKS,
        kinds=KINDS,
        prescription_gy=DOSES,
    )


def broken(case: Case, **changes: Any) -> Case:
    return replace(case, **changes)


def with_structure(case: Case, which: str, /, **changes: Any) -> Case:
    changed = replace(case.structures[which], **changes)
    return replace(case, structures={**case.structures, which: changed})


def with_influence(case: Case, **changes: Any) -> Case:
    return replace(case, influence=replace(case.influence, **changes))


def with_values(case: Case, change: Callable[[Floats], None]) -> Case:
    matrix = case.influence.matrix.copy()
    change(matrix.data)
    return with_influence(case, matrix=matrix)


def first(value: float) -> Callable[[Floats], None]:
    def change(values: Floats) -> None:
        values[0] = value

    return change


def without_column(case: Case) -> Case:
    matrix = case.influence.matrix.tolil()
    matrix[:, 5] = 0.0
    return with_influence(case, matrix=csr_array(matrix))


def without_target_row(case: Case) -> Case:
    matrix = case.influence.matrix.copy()
    row = int(np.searchsorted(case.influence.voxels, case.structures["PTV"].voxels[10]))
    matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]] = 0.0
    return with_influence(case, matrix=matrix)


def density_with(case: Case, value: float) -> Any:
    density = case.density.copy()
    density[3, 3, 3] = value
    return density


def ones(case: Case, name: str, value: float) -> Floats:
    share = case.structures[name].occupancy.copy()
    share[0] = value
    return share


EMPTY = np.zeros(0, dtype=np.intp)
REFUSED: dict[str, tuple[Callable[[Case], Case], str]] = {
    "density of another grid": (
        lambda c: broken(c, density=c.density[1:]),
        r"density has shape \(\d+, 37, 53\), the grid \(\d+, 37, 53\).*voxels of 6 x 6 x 6 mm",
    ),
    "NaN density": (lambda c: broken(c, density=density_with(c, np.nan)), "density has 1 values"),
    "negative density": (
        lambda c: broken(c, density=density_with(c, -0.5)), "density goes down to -0.5",
    ),
    "empty structure": (
        lambda c: with_structure(c, "Rectum", voxels=EMPTY, occupancy=np.zeros(0)),
        "'Rectum' is empty",
    ),
    "NaN occupancy": (
        lambda c: with_structure(c, "PTV", occupancy=ones(c, "PTV", np.nan)),
        "occupancy of structure 'PTV' has 1 values that are NaN",
    ),
    "occupancy 0": (
        lambda c: with_structure(c, "PTV", occupancy=ones(c, "PTV", 0.0)), "goes from 0 to 1",
    ),
    "occupancy above 1": (
        lambda c: with_structure(c, "PTV", occupancy=ones(c, "PTV", 1.5)), "to 1.5",
    ),
    "shares for other voxels": (
        lambda c: with_structure(c, "PTV", occupancy=np.ones(3)), r"occupancies of shape \(3,\)",
    ),
    "voxels off the grid": (
        lambda c: with_structure(c, "PTV", voxels=c.structures["PTV"].voxels + c.grid.voxels),
        "the grid has",
    ),
    "voxels twice": (
        lambda c: with_structure(c, "PTV", voxels=c.structures["PTV"].voxels // 2 * 2),
        "ascending and each named once",
    ),
    "two names": (
        lambda c: with_structure(c, "PTV", name="GTV"), "'GTV' is listed as 'PTV'",
    ),
    "target that is an organ": (
        lambda c: broken(
            c,
            structures={
                **c.structures, "Twin": replace(c.structures["PTV"], name="Twin", kind="oar"),
            },
        ),
        "target 'PTV' and organ at risk 'Twin' are the same region",
    ),
    "no prescription": (lambda c: broken(c, prescription_gy={}), "prescribes no dose"),
    "prescription to nobody": (
        lambda c: broken(c, prescription_gy={"GTV": 60.0}), "no structure 'GTV'",
    ),
    "prescription to an organ": (
        lambda c: broken(c, prescription_gy={"Rectum": 60.0}), "'Rectum', which is 'oar'",
    ),
    "negative prescription": (
        lambda c: broken(c, prescription_gy={"PTV": -1.0}), "'PTV' is -1.0 Gy",
    ),
    "NaN dose": (lambda c: with_values(c, first(np.nan)), "influence has 1 values that are NaN"),
    "infinite dose": (lambda c: with_values(c, first(np.inf)), "influence has 1 values"),
    "negative dose": (lambda c: with_values(c, first(-0.25)), "goes down to -0.25 Gy"),
    "column of zeros": (without_column, "1 beamlets give no dose to any voxel.*number 5"),
    "target row of zeros": (
        without_target_row, r"no beamlet reaches 1 of \d+ voxels of target 'PTV'",
    ),
    "rows for other voxels": (
        lambda c: with_influence(c, voxels=c.influence.voxels[1:]), r"rows for \d+ voxels",
    ),
    "no beams": (lambda c: broken(c, beams=()), "has no beam"),
    "beam without beamlets": (
        lambda c: broken(c, beams=(*c.beams, Beam(gantry_deg=12.0))),
        "beam 7 at gantry 12 has no beamlets",
    ),
    "beamlets of no beam": (lambda c: broken(c, beams=c.beams[:-1]), "there are 6 beams"),
    "NaN position": (
        lambda c: with_influence(c, position_mm=c.influence.position_mm * np.nan),
        "positions of the beamlets",
    ),
}  # fmt: skip


NO_NUMBERS = (float("nan"), float("inf"))
WRONG: dict[str, tuple[object, ...]] = {
    "gantry_deg": (*NO_NUMBERS, 400.0, -361.0),
    "couch_deg": (*NO_NUMBERS, 400.0),
    "isocentre_mm": ([float("nan"), 0.0, 0.0], [0.0, float("inf"), 0.0]),
    "sad_mm": (*NO_NUMBERS, 0.0, -1.0),
    "bixel_mm": (*NO_NUMBERS, 0.0, -1.0),
}


@pytest.mark.parametrize(
    ("number", "wrong"),
    [(name, value) for name, values in WRONG.items() for value in values],
)
def test_a_saved_beam_whose_numbers_describe_none_is_refused(
    number: str, wrong: object, tmp_path: Path
) -> None:
    words = json.loads((save_case(own_case(), tmp_path / "mine") / WORDS).read_text("utf-8"))
    words["beams"][0][number] = wrong
    (tmp_path / "mine" / WORDS).write_text(json.dumps(words), "utf-8")
    named = rf"beams\[0\]: {number}(\[\d\])? is .* a finite number"  # where no number is one
    bound = rf"'mine', beam 0: {number} is .* have to be finite"
    with pytest.raises(CaseError, match=f"{named}|{bound}"):
        load_case(tmp_path / "mine")


@pytest.mark.parametrize("wrong", [None, "x", True])
@pytest.mark.parametrize("number", ["gantry_deg", "couch_deg", "sad_mm", "bixel_mm"])
def test_a_beam_of_no_numbers_is_refused(number: str, wrong: Any) -> None:
    case = own_case()
    beam = replace(case.beams[0], **{number: wrong})
    with pytest.raises(CaseError, match=f"beam 0: {number} is {wrong}: .* have to be finite"):
        check_case(broken(case, beams=(beam,)))
    two: Any = (0.0, 0.0)
    flat = replace(case.beams[0], isocentre_mm=two)
    with pytest.raises(CaseError, match="three coordinates"):
        check_case(broken(case, beams=(flat,)))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 2.5])
def test_saved_fractions_that_are_no_number_are_refused(wrong: float, tmp_path: Path) -> None:
    words = json.loads((save_case(own_case(), tmp_path / "mine") / WORDS).read_text("utf-8"))
    (tmp_path / "mine" / WORDS).write_text(json.dumps(words | {"fractions": wrong}), "utf-8")
    with pytest.raises(CaseError, match=r"fractions is (NaN|Infinity|2\.5); .* a whole number"):
        load_case(tmp_path / "mine")
    with pytest.raises(CaseError, match=f"fractions is {wrong}: a whole number"):
        check_case(broken(own_case(), fractions=wrong))


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_planned_is_refused(prostate: Case, what: str) -> None:
    change, message = REFUSED[what]
    with pytest.raises(CaseError, match=message):
        check_case(change(prostate))


def test_two_grids_are_both_named() -> None:
    here = Grid(origin_mm=(0, 0, 0), spacing_mm=(2, 2, 2), shape=(3, 4, 5))
    there = replace(here, spacing_mm=(2, 2, 3))
    same_grid(here, replace(here), "dose and case")
    with pytest.raises(CaseError, match=r"dose and case.*2 x 2 x 2 mm.*and.*2 x 2 x 3 mm"):
        same_grid(here, there, "dose and case")
