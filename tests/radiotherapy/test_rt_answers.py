"""Answers of a model through the domain: what is read, what is refused, who is to blame."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textgrad_core as tg
from rt_cases import ball, centred_grid, occupied
from textgrad_core.domain import EvaluationContext
from textgrad_core.errors import InstrumentError, Invalid, UsageError
from textgrad_core.outcome import Evaluated, Rejected, Unmeasured
from textgrad_radiotherapy import make
from textgrad_radiotherapy.case import Beam
from textgrad_radiotherapy.cases import build_case, save_case
from textgrad_radiotherapy.domain import Plans
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.session import Session

SCREEN = EvaluationContext(tier="screen")


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Plans:
    cache = tmp_path_factory.mktemp("cache")
    return make(case="tg119-prostate", grid_mm=10.0, bixel_mm=10.0, cache=str(cache))


def start(domain: Plans, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(str(domain.start))
    return given | changes


def answers(domain: Plans) -> dict[str, tuple[str, str]]:
    """Malformed answers, and what has to be said of each."""
    good = start(domain)
    text, over = json.dumps(good), '"PTV over": 1.0'
    assert over in text
    without = {k: v for k, v in good.items() if k != "Rectum mean"}
    return {
        "NaN": (text.replace(over, '"PTV over": NaN'), "nan"),
        "inf": (text.replace(over, '"PTV over": Infinity'), "inf"),
        "-inf": (text.replace(over, '"PTV over": -Infinity'), "-inf"),
        "overflow": (text.replace(over, '"PTV over": 1e999'), "inf"),
        "huge integer": (text.replace(over, '"PTV over": 1' + "0" * 4000), "inf"),
        "endless integer": (text.replace(over, '"PTV over": 1' + "0" * 9000), "no JSON"),
        "negative": (text.replace(over, '"PTV over": -2'), "-2"),
        "zero": (text.replace(over, '"PTV over": 0'), "is 0"),
        "minus zero": (text.replace(over, '"PTV over": -0.0'), "-0"),
        "string": (text.replace(over, '"PTV over": "2"'), "not a number"),
        "null": (text.replace(over, '"PTV over": null'), "not a number"),
        "boolean": (text.replace(over, '"PTV over": true'), "not a number"),
        "list": (text.replace(over, '"PTV over": [2]'), "not a number"),
        "nested": (json.dumps({"weights": good}), "no term 'weights'"),
        "too much": (json.dumps(good | {"PTV over": 2e6}), "times that of 'PTV under'"),
        "too little": (json.dumps(good | {"PTV over": 1e-4}), "times that of 'PTV under'"),
        "missing": (json.dumps(without), "'Rectum mean' is missing"),
        "extra": (json.dumps(good | {"Penis over 3": 1.0}), "no term 'Penis over 3'"),
        "long extra": (json.dumps(good | {"x" * 9000: 1.0}), "no term 'xxx"),
        "other case": (text.replace("PTV over", "ptv over"), "no term 'ptv over'"),
        "twice": (text[:-1] + ', "PTV over": 3.0}', "given twice"),
        "level twice": (
            text[:-1] + ', "doses_gy": {"PTV over": 78, "PTV over": 79}}', "given twice",
        ),
        "level per fraction": (json.dumps(good | {"doses_gy": {"PTV over": 1.85}}), "1.85 Gy"),
        "level in cGy": (json.dumps(good | {"doses_gy": {"PTV over": 7787}}), "7787 Gy"),
        "level of a mean": (json.dumps(good | {"doses_gy": {"Rectum mean": 20}}), "'Rectum mean'"),
        "level NaN": (text[:-1] + ', "doses_gy": {"PTV over": NaN}}', "nan"),
        "levels no object": (json.dumps(good | {"doses_gy": [78]}), "doses_gy"),
        "comment": (text.replace(over, over + " /* more */"), "no JSON"),
        "line comment": (text.replace("{", "{ // weights\n", 1), "no JSON"),
        "trailing comma": (text[:-1] + ",}", "no JSON"),
        "trailing text": (text + "\nThis raises the target.", "no JSON"),
        "two objects": (text + text, "no JSON"),
        "single quotes": (text.replace('"', "'"), "no JSON"),
        "text before": ("Here: " + text, "no JSON"),
        "two fences": (f"```json\n{text}\n```\n```json\n{text}\n```", "no JSON"),
        "list of pairs": (json.dumps(list(good.items())), "no JSON object"),
        "number": ("3", "no JSON object"),
        "nothing": ("  ", "no JSON"),
        "deep": ('{"a":' * 3900, "nested"),
        "huge": (text[:-1] + "," + " " * 50_000_000 + "}", "characters long"),
    }  # fmt: skip


def test_malformed_answers_are_refused_with_the_reason_and_a_remedy(domain: Plans) -> None:
    for name, (answer, says) in answers(domain).items():
        with pytest.raises(Invalid) as refusal:
            domain.parse(answer)
        assert says in refusal.value.reason, name
        assert refusal.value.hint, name
        assert len(str(refusal.value)) < 700, name


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "~~~\n{}\n~~~", "\n```JSON\n{}```\n", "{}"])
def test_fences_and_another_order_give_the_same_weights(domain: Plans, fence: str) -> None:
    text = str(domain.start)
    turned = json.dumps(dict(reversed(start(domain).items())))
    for given in (text, turned):
        read = domain.canonical(domain.parse(fence.replace("{}", given)))
        assert read == domain.canonical(domain.parse(text))
        assert list(json.loads(read)) == [term.name for term in domain.terms]


def test_a_run_on_malformed_answers_alone_keeps_its_start(domain: Plans) -> None:
    bad = [answer for answer, _ in answers(domain).values() if len(answer) < 1000][:12]
    said = iter(bad * 2)

    def engine(prompt: str) -> str:
        assert domain.task.splitlines()[0] in prompt
        return f"<IMPROVED_VARIABLE>{next(said)}</IMPROVED_VARIABLE>"

    result = tg.optimize(domain.start, domain, engine=engine, steps=3, proposals=2, finalists=1)
    assert result.best.canonical == domain.canonical(domain.parse(str(domain.start)))
    assert len([t for t in result.trials if isinstance(t.outcome, Evaluated)]) == 1
    refused = [t for t in result.trials if t.status == "rejected"]
    assert refused
    assert all(isinstance(t.outcome, Rejected) and t.outcome.reason for t in refused)


def test_feedback_on_a_rejected_step_compares_prediction_and_measurement(domain: Plans) -> None:
    before = domain.evaluate(domain.parse(str(domain.start)), SCREEN)
    steep = {n: 500.0 if n.startswith("Rectum") else w for n, w in start(domain).items()}
    value = domain.parse(json.dumps(steep))
    after = domain.evaluate(value, SCREEN)
    assert isinstance(before, Evaluated)
    assert isinstance(after, Evaluated)
    lines = domain.explain(value, after, before).splitlines()
    told = next(line for line in lines if line.startswith("against the plan before"))
    assert "worse, the weights before are kept" in told
    assert "changed most: w[Rectum" in told
    assert "x500" in told
    compared = lines[lines.index(told) + 1 :]
    goals = {goal.name for goal in domain.protocol.goals} - {"PTV D95% >= 75.6 Gy"}
    assert {line.strip().split(":")[0] for line in compared} == goals  # D95% is set, not predicted
    foreseen = [float(line.split("predicted ")[1].split(",")[0]) for line in compared]
    assert min(foreseen) >= 0.0  # a first-order step ends where dose does
    assert not any("-0.00" in line for line in lines)
    first = next(line for line in lines if "PTV D95%" in line)
    assert first.endswith("margin +0.00, set by the normalisation")


def test_hot_spots_lie_in_planes_of_the_grid(domain: Plans) -> None:
    outcome = domain.evaluate(domain.parse(str(domain.start)), SCREEN)
    assert isinstance(outcome, Evaluated)
    axes = [set(np.round(axis, 6)) for axis in domain.session.planner.case.grid.axes_mm()]
    spots: Any = outcome.data["hot_spots"]
    assert spots
    words = domain.explain(domain.parse(str(domain.start)), outcome)
    for spot in spots:
        assert all(round(p, 6) in axis for p, axis in zip(spot["position_mm"], axes, strict=True))
        x, y, z = (f"{p:g}" for p in spot["position_mm"])
        assert f"{spot['structure']} {spot['dose_gy']:.1f} Gy at LPS ({x}, {y}, {z}) mm" in words


def saved(folder: Path, *, urethra_mm: float = 4.0, lens_mm: float | None = None) -> Path:
    """A ball to treat with an organ inside of it, and perhaps one far from every beam."""
    grid = centred_grid(60.0, 10.0)
    structures = [
        occupied("Body", "external", ball(58.0), grid, samples=3),
        occupied("PTV", "target", ball(22.0), grid),
        occupied("Rectum", "oar", ball(14.0, (0.0, 30.0, 0.0)), grid),
        occupied("Urethra", "oar", ball(urethra_mm), grid),
    ]
    if lens_mm is not None:
        structures.append(occupied("Lens", "oar", ball(5.0, (0.0, 0.0, lens_mm)), grid))
    case = build_case(
        name="own",
        grid=grid,
        density=np.ones(grid.shape, dtype=np.float32),
        structures=structures,
        beams=[Beam(gantry_deg=angle, bixel_mm=10.0) for angle in (0.0, 120.0, 240.0)],
        prescription_gy={"PTV": 60.0},
    )
    path = folder / "case"
    save_case(case, path)
    return path


def protocol_file(folder: Path, *goals: str) -> str:
    path = folder / "own.json"
    path.write_text(
        json.dumps(
            {
                "name": "own",
                "title": "Own",
                "source": "ours",
                "prescription_gy": {"PTV": 60.0},
                "fractions": 30,
                "normalise": {"structure": "PTV", "volume_percent": 95, "dose_gy": 60},
                "goals": [{"goal": goal} for goal in ("PTV D95% >= 60 Gy", *goals)],
            }
        )
    )
    return str(path)


def test_an_organ_inside_the_target_is_judged_without_a_term_and_told_of(tmp_path: Path) -> None:
    protocol = protocol_file(tmp_path, "Urethra D1% <= 66 Gy", "Rectum V50Gy <= 35 %")
    domain = make(case=str(saved(tmp_path)), protocol=protocol)
    assert {term.structure for term in domain.terms} == {"PTV", "Rectum", "Body"}
    assert any("Urethra lies inside targets altogether" in note for note in domain.notes)
    outcome = domain.evaluate(domain.parse(str(domain.start)), SCREEN)
    assert isinstance(outcome, Evaluated)
    assert "Urethra D1% <= 66 Gy   value" in domain.explain(
        domain.parse(str(domain.start)), outcome
    )


def test_what_no_plan_reaches_is_told_before_in_and_after_planning(tmp_path: Path) -> None:
    goal = "Urethra D50% <= 50 Gy"
    protocol = protocol_file(tmp_path, goal, "Lens D1% <= 3 Gy")
    domain = make(case=str(saved(tmp_path, urethra_mm=12.0)), protocol=protocol)
    said = "no plan of this case reaches it while PTV D95% >= 60 Gy holds; bound 60 Gy"
    assert f"{goal} ({said})" in domain.task
    assert any(goal in note and said in note for note in domain.notes)
    assert any("Lens D1% <= 3 Gy is not judged" in note for note in domain.notes)
    value = domain.parse(str(domain.start))
    outcome = domain.evaluate(value, SCREEN)
    assert said in domain.explain(value, outcome)
    table = domain.session.plan(value).table
    assert f"* {goal}: {said}" in " ".join(table.text().split())
    row = next(row for row in table.rows if row.goal.name == goal)
    assert row.value is not None
    assert row.value >= 60.0
    result = tg.optimize(domain.start, domain, steps=1, proposals=1, finalists=1)
    assert said in domain.sections(result)[0].text


def test_a_case_that_cannot_be_planned_is_no_fault_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = make(case="tg119-prostate", grid_mm=10.0, bixel_mm=10.0, cache=str(tmp_path))

    def broken(_session: Session, _weights: object) -> object:
        raise CaseError("no beamlet reaches a voxel of structure 'Rectum': add beams")

    monkeypatch.setattr(Session, "plan", broken)
    value = domain.parse(str(domain.start))
    outcome = domain.evaluate(value, SCREEN)
    assert isinstance(outcome, Unmeasured)
    assert not outcome.retryable
    assert "structure 'Rectum': add beams" in outcome.cause
    assert "tg119-prostate" in outcome.cause
    assert "the weights are not to blame" in domain.explain(value, outcome)
    with pytest.raises(InstrumentError, match="structure 'Rectum': add beams"):
        tg.optimize(domain.start, domain, steps=1, proposals=1, finalists=1, cache="off")


def test_bad_input_is_told_when_the_domain_is_made(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    protocol = protocol_file(tmp_path, "Rectum V50Gy <= 35 %")
    own = json.loads(Path(protocol).read_text())
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(own | {"prescription_gy": {"CTV": 60.0}, "normalise": None}))
    with pytest.raises(CaseError, match=r"prescribes to CTV, but case .* has Body, PTV"):
        make(case=str(folder), protocol=str(wrong))
    wrong.write_text(json.dumps(own | {"prescription_gy": {"PTV": 2.0}, "normalise": None}))
    with pytest.raises(UsageError, match="per course"):
        make(case=str(folder), protocol=str(wrong))
    assert replace(make(case=str(folder), protocol=protocol)).terms  # still a plain record


def test_a_fraction_of_a_short_course_is_remarked_on(tmp_path: Path) -> None:
    path, case = Path(protocol_file(tmp_path)), str(saved(tmp_path))
    for fractions, remarked in ((30, False), (40, False), (41, True)):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"fractions": fractions}))
        notes = make(case=case, protocol=str(path)).notes
        told = [note for note in notes if "Gy per fraction, less than the usual 1.5 Gy" in note]
        assert bool(told) is remarked
