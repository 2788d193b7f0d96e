"""Plans that meet goals at the cost of what no goal looks at: told, and not made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textgrad_core as tg
from rt_cases import ball, case_of, centred_grid, occupied
from rt_commands import typed
from textgrad_radiotherapy import make
from textgrad_radiotherapy.case import Case, StructureKind
from textgrad_radiotherapy.feedback import feedback
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Metric, Protocol
from textgrad_radiotherapy.judgement import judge
from textgrad_radiotherapy.metrics import value
from textgrad_radiotherapy.protocols import load_protocol, protocol_data, protocol_from_data
from textgrad_radiotherapy.starting_terms import starting_terms


@pytest.fixture(scope="module")
def phantom() -> Case:
    grid = centred_grid(34, 3.0)
    return case_of(
        grid,
        occupied("Body", "external", ball(48.0), grid, samples=3),
        occupied("PTV", "target", ball(12.0), grid),
        prescription_gy={"PTV": 70.2},
    )


def spread(case: Case, radius_mm: float, spot_gy: float = 0.0) -> Floats:
    """The prescription within a radius, little outside, and a hot spot 36 mm along x."""
    at = case.grid.centres_mm()
    dose = np.where(np.linalg.norm(at, axis=1) < radius_mm, 71.0, 10.0)
    dose[np.linalg.norm(at - (36.0, 0.0, 0.0), axis=1) < 8.0] += spot_gy
    return np.asarray(dose)


def test_a_plan_without_fault_has_no_warning(phantom: Case) -> None:
    assert judge(phantom, spread(phantom, 14.0), load_protocol("textgrad-70.2-39")).warnings == ()


def test_a_hot_spot_far_away_is_told_with_its_place(phantom: Case) -> None:
    table = judge(phantom, spread(phantom, 14.0, 88.0), load_protocol("textgrad-70.2-39"))
    (warning,) = table.warnings
    assert "98.0 Gy or more, 140 % of the prescription" in warning
    assert "mm from the nearest target" in warning
    assert "WARNING: 1 cc outside of all targets" in table.text()
    assert table.data()["warnings"] == [warning]


def test_poor_conformity_is_told(phantom: Case) -> None:
    table = judge(phantom, spread(phantom, 24.0), load_protocol("textgrad-70.2-39"))
    (warning,) = table.warnings
    assert warning.startswith("Paddick CI of PTV is 0.1")


def test_a_lower_target_beside_a_boost_is_not_blamed(phantom: Case) -> None:
    boost = occupied("Boost", "target", ball(12.0, (0, 1, 0)), phantom.grid)
    case = replace(phantom, structures={**phantom.structures, "Boost": boost})
    prescribed = {"PTV": 70.2, "Boost": 71.0}
    both = replace(load_protocol("textgrad-70.2-39"), prescription_gy=prescribed)
    one = judge(case, spread(case, 24.0), both).warnings
    assert [text.split(" is ")[0] for text in one] == ["Paddick CI of Boost"]


def test_an_organ_without_goals_has_a_term() -> None:
    protocol = load_protocol("textgrad-70.2-39")
    kinds: dict[str, StructureKind] = {
        "PTV": "target",
        "Bowel": "oar",
        "Rectum": "oar",
        "Body": "external",
    }
    terms = {t.name: t for t in starting_terms(protocol, kinds)}
    assert terms["Bowel over 30"].dose_gy == 30.0
    assert "Rectum mean" in terms
    assert "Bowel mean" not in terms


def without_guards(folder: Path) -> Path:
    data: Any = protocol_data(load_protocol("textgrad-70.2-39"))
    data["goals"] = [g for g in data["goals"] if not g.get("assumed")]
    path = folder / "bare.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_feedback_warns_whoever_chooses_weights(tmp_path: Path) -> None:
    domain = make(
        case="adult", protocol=str(without_guards(tmp_path)), grid_mm=10.0, bixel_mm=20.0,
        cache="none",
    )  # fmt: skip
    start = json.loads(str(domain.start))
    weights = domain.parse(json.dumps({**start, "PTV over": 100.0, "Body over 35.1": 1e-3}))
    plan = domain.session.judged(weights)
    assert any("outside of all targets" in warning for warning in plan.table.warnings)
    assert f"WARNING: {plan.table.warnings[0]}" in feedback(plan.to_json())
    domain.close()


def test_the_built_in_planner_keeps_dose_out_of_normal_tissue() -> None:
    """On a grid coarse enough for a test; recorded plans are in benchmarks/rt_planning."""
    domain = make(case="adult_hard", grid_mm=8.0, bixel_mm=15.0, cache="none")
    result = tg.optimize(
        str(domain.start), domain, steps=4, proposals=3, finalists=1, seed=0, cache="off"
    )
    plan = domain.session.judged(domain.parse(result.best.canonical))
    away, near = (
        value(Metric(structure="Body", kind=kind, argument=1.0), plan.dose_gy, plan.case) / 70.2
        for kind in ("Dcc_2cm", "Dcc_outside")
    )
    assert away < 0.9
    assert near < 1.2  # 1.4 and more without the guards
    assert plan.indices["PTV"].paddick_ci > 0.6
    for side in "LR":
        head = Metric(structure=f"Femur_Head_{side}", kind="V%", argument=50.0)
        assert value(head, plan.dose_gy, plan.case) < 10
    influence = domain.session.planner.case.influence
    share = np.bincount(influence.beam_of_beamlet, plan.fluence) / plan.fluence.sum()
    assert share.min() > 0.01  # no beam is left out
    domain.close()


def test_the_papers_scalar_looks_at_the_papers_organs() -> None:
    protocol = load_protocol("textgrad-70.2-39")
    assert isinstance(protocol, Protocol)
    assert protocol_from_data(protocol_data(protocol)) == protocol
    assert {g.metric.structure for g in protocol.goals if not g.assumed} == {
        "PTV", "Rectum", "Bladder",
    }  # fmt: skip


def test_a_run_ends_with_the_warning(tmp_path: Path) -> None:
    bare = without_guards(tmp_path)
    start = json.loads(
        str(make(case="adult", protocol=str(bare), grid_mm=10.0, bixel_mm=20.0).start)
    )
    weights = json.dumps({**start, "PTV over": 100.0, "Body over 35.1": 1e-3})
    words = (
        "run", "radiotherapy", "--case", "adult", "--protocol", str(bare), "--grid-mm", "10",
        "--bixel-mm", "20", "--start", weights, "--steps", "1", "--proposals", "1",
    )  # fmt: skip
    done = typed(*words, "--out", "told", folder=tmp_path, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert "WARNING: 1 cc outside of all targets receives" in done.stdout
    page = (tmp_path / "told" / "report.html").read_text(encoding="utf-8")
    assert "WARNING: 1 cc outside of all targets receives" in page


def test_goals_that_cannot_be_judged_are_not_reached(tmp_path: Path) -> None:
    domain = make(
        case="tg119-cshape-easy", protocol="chhip-60-20", grid_mm=10.0, bixel_mm=20.0,
        cache=str(tmp_path),
    )  # fmt: skip
    assert domain.targets_note == "5 of 20 goals judged"
    assert "may not belong together: 5 of 20 goals judged." in " ".join(domain.notes)
    assert "Core over 25.6" in json.loads(str(domain.start))
    whole = make(case="tg119-cshape-easy", grid_mm=10.0, bixel_mm=20.0, cache=str(tmp_path))
    assert whole.targets_note == ""
