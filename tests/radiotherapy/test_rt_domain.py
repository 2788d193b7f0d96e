"""Plans as a domain: the contract, whole runs with the planner and with scripted answers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

import textgrad_core as tg
from rt_commands import protocol, refused, typed
from textgrad_core.domain import EvaluationContext
from textgrad_core.errors import UsageError
from textgrad_core.outcome import Evaluated, Rejected
from textgrad_core.testing import check_domain
from textgrad_radiotherapy import make, plugin
from textgrad_radiotherapy.domain import Plans
from textgrad_radiotherapy.figures.history import history_csv, steps_of


def small(tmp_path: Path, case: str = "tg119-prostate") -> Plans:
    return make(case=case, grid_mm=10.0, bixel_mm=10.0, cache=str(tmp_path))


def test_the_contract_is_kept(tmp_path: Path) -> None:
    domain = small(tmp_path)
    assert domain.start is not None
    other = json.dumps(dict.fromkeys(json.loads(domain.start), 2.5) | {"PTV over": 7})
    check_domain(
        domain,
        legal=(domain.start, other),
        illegal=("", "{}", domain.start.replace("1.0", "NaN", 1), "[1]", domain.start + "x"),
    )


def test_a_run_is_never_worse_than_its_start_and_leaves_files(tmp_path: Path) -> None:
    domain = make(case="tg119-prostate", grid_mm=8.0, bixel_mm=10.0, cache=str(tmp_path))
    result = tg.optimize(domain.start, domain, steps=2, proposals=3, finalists=1)
    screened = [trial.scalar for trial in result.trials if trial.scalar is not None]
    assert min(screened) < screened[0]
    assert result.best.scalar is not None
    assert result.start.scalar is not None
    assert result.best.scalar <= result.start.scalar
    (tmp_path / "out").mkdir()
    names = domain.write(result, tmp_path / "out")
    assert domain.value_file in names
    written = (tmp_path / "out" / "weights.json").read_text()
    assert domain.canonical(domain.parse(written)) == result.best.canonical
    with (tmp_path / "out" / "goals.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["goal"] for row in rows] == [g.name for g in domain.protocol.goals]
    with (tmp_path / "out" / "weights_history.csv").open() as stream:
        tried = list(csv.DictReader(stream))
    kept = [float(row["penalty with reserve"]) for row in tried if row["best so far"] == "yes"]
    assert len(tried) == len(screened)
    assert kept == sorted(kept, key=lambda scalar: -(scalar or 0.0))
    assert kept[-1] == pytest.approx(min(float(row["penalty with reserve"]) for row in tried))
    gap = float(rows[1]["value"]) - float(rows[1]["same fluence on the planning grid"])
    assert gap == pytest.approx(float(rows[1]["difference"]), abs=1e-3)
    sections = domain.sections(result)
    words = {section.title: section.text for section in sections}
    assert "judged on" in words["Plan in words"]
    about = words["About this case"]
    for told in ("Ezzell", "pencil beam, not commissioned", "cannot be delivered", "Judged on"):
        assert told in about
    readme = (tmp_path / "out" / "README.txt").read_text("utf-8")
    assert about in readme
    assert any(section.artefacts for section in sections)


class WorseThenBetter:
    """A plan that costs an organ much, then one that is better than the start."""

    name = "worse"

    def propose(self, request: tg.ProposalRequest) -> list[tg.Proposal]:
        (parent,) = request.parents
        changed = json.loads(parent.canonical)
        factor = 50.0 if len(request.history) == 1 else 0.5
        changed |= {name: changed[name] * factor for name in changed if name != "PTV under"}
        return [tg.Proposal(answer=json.dumps(changed), parent=parent.canonical)]


def test_what_is_worse_than_the_best_plan_is_never_built_upon(tmp_path: Path) -> None:
    domain = small(tmp_path)
    result = tg.optimize(
        domain.start, domain, proposer=WorseThenBetter(), steps=3, proposals=1, cache="off"
    )
    start, worse, *later = result.trials
    assert start.scalar is not None
    assert worse.scalar is not None
    assert worse.scalar > start.scalar
    assert not worse.accepted
    assert later
    assert later[0].parent == start.canonical
    kept = [trial.scalar for trial in result.trials if trial.accepted]
    assert kept == sorted(kept, key=lambda scalar: -(scalar or 0.0))


class LevelThenAgain:
    """A plan with a moved dose level, then one with another."""

    name = "levels"

    def propose(self, request: tg.ProposalRequest) -> list[tg.Proposal]:
        best = json.loads(request.parents[0].canonical)
        best["doses_gy"] = {"PTV over": 80.0 if len(request.history) == 1 else 80.001}
        return [tg.Proposal(answer=json.dumps(best))]


def test_a_row_of_the_history_can_be_planned_again_and_only_better_plans_are_accepted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.json"
    goals = [{"goal": "PTV D95% >= 60 Gy"}, {"goal": "PTV D5% <= 70 Gy"},
             {"goal": "Spleen Dmean <= 4 Gy"}]  # fmt: skip
    path.write_text(json.dumps(protocol(goals=goals)), "utf-8")
    domain = make(case="tg119-prostate", protocol=str(path), grid_mm=10.0, bixel_mm=10.0,
                  cache=str(tmp_path / "cache"))  # fmt: skip
    result = tg.optimize(
        domain.start, domain, proposer=LevelThenAgain(), steps=2, proposals=1, cache="off"
    )
    steps = steps_of(result, domain.parse)
    rows = list(csv.DictReader(io.StringIO(history_csv(steps))))
    assert len(rows) == 3
    for row, trial in zip(rows, result.trials, strict=True):
        weights = {term.name: float(row[term.name]) for term in domain.terms}
        level = row["dose level of PTV over [Gy]"]
        doses = {"doses_gy": {"PTV over": float(level)}} if level else {}
        again = domain.parse(json.dumps({**weights, **doses}))
        assert domain.canonical(again) == trial.canonical
        assert 0 <= int(row["goals met"]) <= 2, "an unjudged goal was counted as met"
    assert [row["dose level of PTV over [Gy]"] for row in rows] == ["", "80", "80.001"]
    start, *_ = result.trials
    equal = steps_of(replace(result, trials=(start, replace(start, step=1))), domain.parse)
    assert [step.accepted for step in equal] == [True, False]


def test_reported_numbers_are_from_the_judging_grid(tmp_path: Path) -> None:
    domain = small(tmp_path)
    assert domain.start is not None
    value = domain.parse(domain.start)
    screen = domain.evaluate(value, EvaluationContext(tier="screen"))
    report = domain.evaluate(value, EvaluationContext(tier="report"))
    assert isinstance(screen, Evaluated)
    assert isinstance(report, Evaluated)
    assert screen.data["grid"] != report.data["grid"]
    assert "judged on" in domain.explain(value, report)
    assert "per doubling" in domain.explain(value, screen)


def test_weights_that_leave_the_target_cold_are_rejected(tmp_path: Path) -> None:
    domain = small(tmp_path)
    assert domain.start is not None
    cold = dict.fromkeys(json.loads(domain.start), 1000000.0) | {"PTV under": 1.0}
    outcome = domain.evaluate(domain.parse(json.dumps(cold)), EvaluationContext(tier="screen"))
    assert isinstance(outcome, Evaluated | Rejected)
    if isinstance(outcome, Rejected):
        assert "PTV under" in outcome.hint


def test_a_model_may_choose_the_weights_and_nonsense_is_refused(tmp_path: Path) -> None:
    domain = small(tmp_path)
    assert domain.start is not None
    better = json.dumps(json.loads(domain.start) | {"PTV over": 20.0})
    answers = iter(["no weights at all", better])

    def answer(prompt: str) -> str:
        assert "per doubling" in prompt or "Rejected" in prompt
        return f"<IMPROVED_VARIABLE>{next(answers, better)}</IMPROVED_VARIABLE>"

    result = tg.optimize(domain.start, domain, engine=answer, steps=2, proposals=1, finalists=1)
    states = [trial.status for trial in result.trials]
    assert "rejected" in states
    measured = [t for t in result.trials if isinstance(t.outcome, Evaluated)]
    assert len(measured) == 2
    assert result.best.scalar is not None
    assert result.start.scalar is not None
    assert result.best.scalar <= result.start.scalar


def test_settings_shape_the_fingerprint(tmp_path: Path) -> None:
    one, two = small(tmp_path), make(grid_mm=5.0, bixel_mm=10.0, cache=str(tmp_path))
    assert one.fingerprint() != two.fingerprint()
    assert one.fingerprint() == small(tmp_path / "elsewhere").fingerprint()


def test_what_does_not_go_together_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="no case"):
        make(case="liver", protocol="chhip-60-20")
    with pytest.raises(UsageError, match="case"):
        make(case="somewhere/else")
    with pytest.raises(UsageError, match="prescribes to"):
        make(case="tg119-prostate", protocol="tg119-multitarget")
    assert plugin.make is make


def test_another_prescription_than_the_case_s_is_told_before(tmp_path: Path) -> None:
    other = make(case="tg119-prostate", protocol="chhip-60-20", cache=str(tmp_path))
    assert (
        "The case prescribes 75.6 Gy to PTV in 42 fractions; protocol chhip-60-20 is planned "
        "instead: 60 Gy to PTV in 20 fractions."
    ) in other.notes
    own = make(case="tg119-prostate", protocol="tg119-prostate", cache=str(tmp_path))
    assert not [note for note in own.notes if "prescribes" in note]


@pytest.mark.parametrize(
    ("grid_mm", "finer"), [(10.0, "16 voxels of 10 x 10 x 10 mm, fewer than 100"), (3.0, "")]
)
def test_a_grid_too_coarse_for_an_organ_is_told_before(
    tmp_path: Path, grid_mm: float, finer: str
) -> None:
    domain = make(case="tg119-head-neck", grid_mm=grid_mm, cache=str(tmp_path))
    told = [note for note in domain.notes if "coarse" in note]
    assert len(told) == bool(finer)
    if told:
        assert "coarse for Parotid" in told[0]
        assert finer in told[0]
        assert "a dose grid of 5 mm has enough (--grid-mm" in told[0]
        enough = make(case="tg119-head-neck", grid_mm=5.0, cache=str(tmp_path))
        assert not [note for note in enough.notes if "coarse" in note]


@pytest.mark.parametrize("gap", ["0", "-1e-4", "1", "nan"])
def test_a_gap_nobody_can_prove_is_refused_before_a_run_begins(gap: str, tmp_path: Path) -> None:
    done = typed("run", "radiotherapy", f"--gap={gap}", "--out", "q", folder=tmp_path,
                 cache=tmp_path / "cache")  # fmt: skip
    refused(done, "the gap", "1e-9 to below 1 is needed")
    assert not (tmp_path / "q").exists()
