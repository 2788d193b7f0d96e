"""Cases: loading, rows for optimisation, doses, the judging grid, the cache, saved folders."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from textgrad_core.logs import log
from textgrad_radiotherapy import cache_folder, influence_cache
from textgrad_radiotherapy.case import Beam, Case, Influence, Structure
from textgrad_radiotherapy.case_checks import check_case, same_grid
from textgrad_radiotherapy.cases import (
    build_case,
    case_names,
    dose,
    judging_case,
    load_case,
    save_case,
    structure_rows,
)
from textgrad_radiotherapy.engine import Beamlets
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.terms import Term


@pytest.fixture(scope="module")
def prostate() -> Case:
    return load_case("tg119-prostate", grid_mm=6.0, bixel_mm=10.0)


def terms(*structures: str) -> list[Term]:
    return [Term(name=f"{s} mean", structure=s, kind="mean-dose") for s in structures]


def fluence_of(case: Case) -> Floats:
    beamlets = int(case.influence.matrix.shape[1])
    return np.random.default_rng(7).uniform(0.5, 1.5, beamlets)


def mean_gy(case: Case, name: str, dose_gy: Floats) -> float:
    structure = case.structures[name]
    return float(np.average(dose_gy[structure.voxels], weights=structure.occupancy))


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


# ---- rows


def test_rows_are_those_of_the_matrix(prostate: Case) -> None:
    found = structure_rows(prostate, terms("Rectum"))["Rectum"]
    place = np.searchsorted(prostate.influence.voxels, found.voxels)
    assert np.array_equal(prostate.influence.voxels[place], found.voxels)
    expected = prostate.influence.matrix.toarray()[place]
    assert np.array_equal(found.matrix.toarray(), expected)


def test_weights_are_shares_of_the_volume(prostate: Case) -> None:
    found = structure_rows(prostate, terms(*prostate.structures))
    for name, rows in found.items():
        # the ends of body and bladder are out of reach of every beamlet
        far = 0.1 if name in ("Body", "Bladder") else 1e-9
        assert rows.weights.sum() == pytest.approx(1.0, abs=far)
        assert rows.weights.sum() <= 1.0 + 1e-9
        assert rows.weights.min() > 0
    ptv = prostate.structures["PTV"]
    assert np.array_equal(found["PTV"].voxels, ptv.voxels)
    assert found["PTV"].weights == pytest.approx(ptv.occupancy / ptv.occupancy.sum())


def test_an_organ_loses_what_targets_take(prostate: Case) -> None:
    found = structure_rows(prostate, terms("Rectum"))["Rectum"]
    ptv, rectum = prostate.structures["PTV"], prostate.structures["Rectum"]
    whole = ptv.voxels[ptv.occupancy == 1.0]
    assert np.intersect1d(whole, rectum.voxels).size
    assert not np.intersect1d(whole, found.voxels).size
    inside = np.zeros(prostate.grid.voxels)
    inside[ptv.voxels] = ptv.occupancy
    left = np.minimum(rectum.occupancy, 1.0 - inside[rectum.voxels])
    kept = left > 1e-6
    assert np.array_equal(found.voxels, rectum.voxels[kept])
    assert found.weights == pytest.approx(left[kept] / left[kept].sum())


def test_the_body_loses_what_everything_else_takes(prostate: Case) -> None:
    found = structure_rows(prostate, terms("Body"), body_every=1)["Body"]
    for name in ("PTV", "Rectum", "Bladder"):
        other = prostate.structures[name]
        assert not np.intersect1d(other.voxels[other.occupancy == 1.0], found.voxels).size


def test_a_sampled_body_keeps_the_shell_and_stands_for_the_rest(prostate: Case) -> None:
    whole = structure_rows(prostate, terms("Body"), body_every=1)["Body"]
    some = structure_rows(prostate, terms("Body"), body_every=5)["Body"]
    again = structure_rows(prostate, terms("Body"), body_every=5)["Body"]
    assert np.array_equal(some.voxels, again.voxels)
    assert some.voxels.size < 0.4 * whole.voxels.size
    assert np.isin(some.voxels, whole.voxels).all()
    points = prostate.grid.centres_mm(prostate.structures["PTV"].voxels)
    here = prostate.grid.centres_mm(whole.voxels)
    away = np.array([np.linalg.norm(points - p, axis=1).min() for p in here])
    assert np.isin(whole.voxels[away <= 15.0], some.voxels).all()
    fluence = fluence_of(prostate)
    means = [float(r.weights @ (r.matrix @ fluence)) for r in (whole, some)]
    assert means[1] == pytest.approx(means[0], rel=0.02)


def test_unknown_structures_are_refused(prostate: Case) -> None:
    with pytest.raises(CaseError, match="no structure 'Prostata'; it has Body, PTV, CTV"):
        structure_rows(prostate, terms("Prostata"))


def test_an_organ_inside_a_target_has_no_rows(prostate: Case) -> None:
    ptv = prostate.structures["PTV"]
    core = ptv.occupancy == 1.0
    nested = Structure(
        name="Urethra", kind="oar", voxels=ptv.voxels[core], occupancy=ptv.occupancy[core]
    )
    case = replace(prostate, structures={**prostate.structures, "Urethra": nested})
    with pytest.raises(CaseError, match="'Urethra' lies inside targets altogether"):
        structure_rows(case, terms("Urethra"))


def test_sampling_has_a_bound(prostate: Case) -> None:
    with pytest.raises(CaseError, match="body_every is 0"):
        structure_rows(prostate, terms("Body"), body_every=0)


# ---- dose and judging


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


def test_judging_is_finer_with_the_same_beamlets(prostate: Case) -> None:
    fine = judging_case(prostate)
    assert fine.grid.spacing_mm == (4.0, 4.0, 4.0)
    assert fine.beams == prostate.beams
    assert fine.influence.matrix.shape == (0, prostate.influence.matrix.shape[1])
    fluence = fluence_of(prostate)
    coarse_gy, fine_gy = dose(prostate, fluence), dose(fine, fluence)
    for name in prostate.structures:
        found, expected = mean_gy(fine, name, fine_gy), mean_gy(prostate, name, coarse_gy)
        assert found == pytest.approx(expected, rel=0.02)
    assert any("Judged on" in note for note in fine.notes)


def test_judging_on_the_same_voxels_finds_the_same_dose(prostate: Case) -> None:
    # every third voxel of a 2 mm grid is one of the 6 mm grid
    fine = judging_case(prostate, grid_mm=2.0)
    fluence = fluence_of(prostate)
    at = prostate.grid.centres_mm(prostate.structures["PTV"].voxels)
    steps = np.rint((at - fine.grid.origin_mm) / fine.grid.spacing_mm).astype(int)
    flat = np.ravel_multi_index((steps[:, 2], steps[:, 1], steps[:, 0]), fine.grid.shape)
    coarse_gy = dose(prostate, fluence)[prostate.structures["PTV"].voxels]
    assert dose(fine, fluence)[flat] == pytest.approx(coarse_gy, rel=0.01)


@pytest.mark.parametrize("grid_mm", [6.0, 7.0, 0.1])
def test_judging_has_to_be_finer(prostate: Case, grid_mm: float) -> None:
    with pytest.raises(CaseError, match="less than the 6 mm of the planning grid"):
        judging_case(prostate, grid_mm=grid_mm)


def test_a_user_s_case_is_judged_on_its_structures_as_they_were(prostate: Case) -> None:
    users = replace(prostate, meta={})
    fine = judging_case(users, grid_mm=3.0)
    fluence = fluence_of(prostate)
    for name, structure in users.structures.items():
        volume = fine.structures[name].volume_cc(fine.grid)
        assert volume == pytest.approx(structure.volume_cc(users.grid), rel=1e-6)
        found = mean_gy(fine, name, dose(fine, fluence))
        assert found == pytest.approx(mean_gy(users, name, dose(users, fluence)), rel=0.02)


def test_a_foreign_matrix_is_judged_on_voxels_that_were_held_back(prostate: Case) -> None:
    foreign = replace(prostate, influence=replace(prostate.influence, engine="somebody's"))
    judged = judging_case(foreign)
    names = ("PTV", "Bladder", "Body")
    planned = structure_rows(foreign, terms(*names), body_every=1)
    for name in names:
        held = judged.structures[name].voxels
        assert held.size > 0.08 * foreign.structures[name].voxels.size
        assert not np.intersect1d(held, planned[name].voxels).size
        assert planned[name].weights.sum() == pytest.approx(1.0, abs=0.1)
    assert any("held back" in note for note in judged.notes)
    fluence = fluence_of(foreign)
    assert np.array_equal(dose(judged, fluence), dose(foreign, fluence))


# ---- what is refused


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


# ---- cache


@pytest.fixture
def warnings_seen() -> Any:
    """Messages of the suite's log, whatever other tests did to its handlers."""
    seen: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    handler = Keep(level=logging.WARNING)
    log.addHandler(handler)
    yield seen
    log.removeHandler(handler)


class Counted:
    """Computes an influence and counts how often."""

    def __init__(self, influence: Influence) -> None:
        self.influence, self.calls = influence, 0

    def __call__(self) -> Influence:
        self.calls += 1
        return self.influence


def same(first: Influence, second: Influence) -> bool:
    return (
        np.array_equal(first.matrix.toarray(), second.matrix.toarray())
        and np.array_equal(first.voxels, second.voxels)
        and np.array_equal(first.beam_of_beamlet, second.beam_of_beamlet)
        and np.array_equal(first.position_mm, second.position_mm)
        and first.engine == second.engine
    )


def test_what_was_computed_is_read_the_next_time(prostate: Case, tmp_path: Path) -> None:
    compute = Counted(prostate.influence)
    for _ in range(3):
        found = influence_cache.cached(tmp_path / "cache", "ab" * 32, prostate.grid, compute)
        assert same(found, prostate.influence)
    assert compute.calls == 1
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [f"{'ab' * 32}.npz"]


def test_without_a_folder_nothing_is_kept(prostate: Case) -> None:
    compute = Counted(prostate.influence)
    for _ in range(2):
        influence_cache.cached(None, "cd" * 32, prostate.grid, compute)
    assert compute.calls == 2


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def other_name(path: Path) -> None:
    with np.load(path) as kept:
        np.savez(path, **{**kept, "digest": np.array("ff" * 32)})


def beyond_the_columns(path: Path) -> None:
    with np.load(path) as kept:
        indices = kept["indices"].copy()
        indices[0] = 60_000
        np.savez(path, **{**kept, "indices": indices})


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "empty": lambda path: path.write_bytes(b""),
    "a byte": flip_a_byte,
    "text": lambda path: path.write_text("not an archive"),
    "another influence": other_name,
    "a column that is none": beyond_the_columns,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_computed_again_with_a_warning(
    prostate: Case, tmp_path: Path, damage: str, warnings_seen: list[str]
) -> None:
    compute = Counted(prostate.influence)
    influence_cache.cached(tmp_path, "ab" * 32, prostate.grid, compute)
    DAMAGES[damage](tmp_path / f"{'ab' * 32}.npz")
    assert same(
        influence_cache.cached(tmp_path, "ab" * 32, prostate.grid, compute), prostate.influence
    )
    assert compute.calls == 2
    assert any("computed again" in message for message in warnings_seen)
    influence_cache.cached(tmp_path, "ab" * 32, prostate.grid, compute)
    assert compute.calls == 2  # and kept in its place


def test_a_folder_that_cannot_be_written_costs_a_warning_only(
    prostate: Case, tmp_path: Path, warnings_seen: list[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    compute = Counted(prostate.influence)
    found = influence_cache.cached(tmp_path / "file" / "x", "ab" * 32, prostate.grid, compute)
    assert same(found, prostate.influence)
    assert any("cannot be written" in message for message in warnings_seen)


def test_the_folder_keeps_below_its_size(
    prostate: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Counted(prostate.influence)
    for digest in ("aa", "bb"):
        influence_cache.cached(tmp_path, digest * 32, prostate.grid, compute)
    size = (tmp_path / f"{'aa' * 32}.npz").stat().st_size
    monkeypatch.setattr(influence_cache, "LARGEST_BYTES", 2 * size + 10)
    # the age of a file is set, not waited for
    os.utime(tmp_path / f"{'bb' * 32}.npz", (1.0, 1.0))
    influence_cache.cached(tmp_path, "cc" * 32, prostate.grid, compute)
    assert sorted(p.name[:2] for p in tmp_path.iterdir()) == ["aa", "cc"]


def test_loading_uses_the_folder_it_is_given(tmp_path: Path) -> None:
    fresh = load_case("tg119-prostate", grid_mm=10.0, bixel_mm=20.0, cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    before = kept.read_bytes()
    again = load_case("tg119-prostate", grid_mm=10.0, bixel_mm=20.0, cache=tmp_path)
    assert same(fresh.influence, again.influence)
    assert kept.read_bytes() == before
    load_case("tg119-prostate", grid_mm=10.0, bixel_mm=25.0, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_default_folder_is_among_the_suite_s_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTGRAD_CACHE", str(tmp_path))
    assert cache_folder.default_folder() == tmp_path / "influence"


def test_everything_that_shapes_an_influence_is_in_its_digest(prostate: Case) -> None:
    beamlets = Beamlets(
        beam_of_beamlet=prostate.influence.beam_of_beamlet,
        position_mm=prostate.influence.position_mm,
    )
    voxels = prostate.structures["Body"].voxels
    given: dict[str, Any] = {
        "density": prostate.density,
        "grid": prostate.grid,
        "voxels": voxels,
        "beams": prostate.beams,
        "beamlets": beamlets,
        "kernel": Kernel(),
    }
    changes: list[dict[str, Any]] = [
        {},
        {"density": prostate.density * np.float32(1.01)},
        {"grid": replace(prostate.grid, origin_mm=(0.0, 0.0, 0.0))},
        {"voxels": voxels[1:]},
        {"beams": (replace(prostate.beams[0], couch_deg=5.0), *prostate.beams[1:])},
        {"beams": (replace(prostate.beams[0], isocentre_mm=(0, 0, 1)), *prostate.beams[1:])},
        {"beamlets": replace(beamlets, position_mm=beamlets.position_mm + 10.0)},
        {"kernel": Kernel(cutoff_mm=31.0)},
    ]
    digests = [influence_cache.digest_of(**{**given, **change}) for change in changes]
    assert len(set(digests)) == len(changes)
    assert influence_cache.digest_of(**given) == digests[0]


# ---- folders


def test_a_saved_case_is_loaded_as_it_was(prostate: Case, tmp_path: Path) -> None:
    folder = save_case(prostate, tmp_path / "mine")
    found = load_case(folder)
    assert same(found.influence, prostate.influence)
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
