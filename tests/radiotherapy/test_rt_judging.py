"""The grid or the voxels that a plan is judged on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rt_cases import ball, case_of, centred_grid, fluence_of, mean_gy, occupied, terms
from textgrad_radiotherapy import make
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import (
    dose,
    doses_of,
    judging_case,
    save_case,
    structure_rows,
)
from textgrad_radiotherapy.comparison import compared
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.feedback import feedback
from textgrad_radiotherapy.goal_notation import parse_goal
from textgrad_radiotherapy.goals import Metric, Protocol
from textgrad_radiotherapy.judgement import judge
from textgrad_radiotherapy.judging import held_back, sampled_case
from textgrad_radiotherapy.metrics import value


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


def test_a_foreign_matrix_is_judged_whole_beside_voxels_that_were_held_back(
    prostate: Case,
) -> None:
    foreign = replace(prostate, influence=replace(prostate.influence, engine="somebody's"))
    judged, held = judging_case(foreign), sampled_case(foreign)
    assert judged.structures == foreign.structures
    names = ("PTV", "Bladder", "Body")
    planned = structure_rows(foreign, terms(*names), body_every=1)
    for name in names:
        unseen = held.structures[name].voxels
        assert held_back(foreign)[name] == (unseen.size, foreign.structures[name].voxels.size)
        assert unseen.size > 0.08 * foreign.structures[name].voxels.size
        assert not np.intersect1d(unseen, planned[name].voxels).size
        assert planned[name].weights.sum() == pytest.approx(1.0, abs=0.1)
    assert any("held back" in note for note in judged.notes)
    fluence = fluence_of(foreign)
    assert np.array_equal(dose(judged, fluence), dose(foreign, fluence))


def test_one_fluence_after_another_gives_the_same_doses(prostate: Case) -> None:
    fluence = fluence_of(prostate)
    for case in (prostate, judging_case(prostate)):
        doses = doses_of(case)
        for x in (fluence, 2 * fluence[::-1], fluence):
            assert np.array_equal(doses(x), dose(case, x))
        with pytest.raises(CaseError, match="there are"):
            doses(fluence[:-1])


def test_a_plan_of_a_foreign_matrix_says_what_was_held_back(
    prostate: Case, tmp_path: Path
) -> None:
    foreign = replace(prostate, influence=replace(prostate.influence, engine="somebody's"))
    domain = make(case=str(save_case(foreign, tmp_path / "mine")), protocol="tg119-prostate")
    assert domain.start is not None
    plan = domain.session.judged(domain.parse(domain.start))
    assert plan.comparison is not None
    held, of = plan.comparison.held_back["PTV"]
    assert of == prostate.structures["PTV"].voxels.size
    assert 0 < held < of / 4
    said = feedback(plan.to_json())
    assert f"{held} of {of} PTV voxels" in said
    volume = prostate.structures["PTV"].volume_cc(prostate.grid)
    assert f"PTV  ({volume:.3g} cc)" in domain.session.pictures(plan.weights).dvh_svg
    # the reported numbers are those of the owner's own matrix and masks
    for row in plan.table.judged:
        there = value(row.goal.metric, dose(foreign, plan.fluence), foreign)
        assert row.value == pytest.approx(there, rel=1e-6)
    # ... and so are the hot spots: the second lies outside of the whole target
    inside, outside = plan.hot_spots
    at = foreign.grid.centres_mm() == np.asarray(outside.position_mm)
    assert np.flatnonzero(at.all(axis=1))[0] not in foreign.structures["PTV"].voxels
    assert (inside.distance_mm, outside.distance_mm > 0) == (0.0, True)


def test_chance_alone_is_told_beside_what_held_back_voxels_give() -> None:
    grid = centred_grid(30.0, 3.0)
    organ = occupied("Bladder", "oar", ball(7.0), grid, samples=4)
    small = occupied("Rectum", "oar", ball(3.0, (0, 20, 0)), grid, samples=4)
    target = occupied("PTV", "target", ball(12.0), grid, samples=4)
    case = case_of(grid, target, organ, small, prescription_gy={"PTV": 50.0})
    steep = 50.0 + 1.2 * grid.centres_mm()[:, 0]  # the same for seen and unseen voxels
    goals = ("Bladder D10% <= 50 Gy", "PTV D50% >= 50 Gy", "Rectum Dmean <= 50 Gy")
    asked = Protocol(
        name="p", title="P", source="test", prescription_gy={"PTV": 50.0}, fractions=None,
        goals=tuple(parse_goal(goal) for goal in goals), normalise=None,
    )  # fmt: skip
    found = compared(case, steep, asked)
    assert set(found.values) == set(goals[:2])  # nothing of the rectum was held back
    assert found.held_back["Rectum"] == (0, small.voxels.size)
    for goal in goals[:2]:
        there = found.values[goal]
        assert there is not None
        whole = value(parse_goal(goal).metric, steep, case)
        assert 0 < abs(there - whole) < 4 * found.spread[goal]


def test_volumes_of_held_back_voxels_are_those_of_whole_structures(prostate: Case) -> None:
    foreign = replace(prostate, influence=replace(prostate.influence, engine="somebody's"))
    judged = sampled_case(foreign)
    for name, structure in foreign.structures.items():
        whole = structure.volume_cc(foreign.grid)
        assert judged.structures[name].volume_cc(judged.grid) == pytest.approx(whole)
    # a dose that falls evenly along x: its histogram is the same but for the sample
    even = 100.0 - foreign.grid.centres_mm()[:, 0] / 10
    for goal in ("Bladder D20cc <= 1 Gy", "Bladder V100Gy <= 1 cc", "PTV D5cc <= 1 Gy"):
        metric = parse_goal(goal).metric
        assert value(metric, even, judged) == pytest.approx(value(metric, even, foreign), rel=0.15)
    small = Protocol(
        name="p", title="P", source="test", prescription_gy={"PTV": 75.6}, fractions=None,
        goals=(parse_goal("Bladder D0.2cc <= 80 Gy"),), normalise=None,
    )  # fmt: skip
    (row,) = judge(judged, even, small).rows
    assert "a voxel held back stands for 1.8 cc" in row.remark
    (row,) = judge(foreign, even, small).rows
    assert not row.remark


@pytest.mark.parametrize("radius_mm", [12.0, 24.0])
def test_the_edge_of_a_sample_is_the_edge_of_the_whole_structure(radius_mm: float) -> None:
    grid = centred_grid(30.0, 3.0)
    target = occupied("PTV", "target", ball(radius_mm), grid, samples=4)
    case = case_of(grid, target, prescription_gy={"PTV": 50.0})
    falling = np.clip(80.0 - 0.04 * (grid.centres_mm() ** 2).sum(axis=1), 0.0, None)
    for volume in (98.0, 95.0):  # what is coldest lies in the voxels at the edge
        metric = Metric(structure="PTV", kind="D%", argument=volume)
        whole = value(metric, falling, case)
        assert value(metric, falling, sampled_case(case)) == pytest.approx(whole, abs=0.3)
