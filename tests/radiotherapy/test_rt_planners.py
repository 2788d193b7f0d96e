"""Every built-in planner on a coarse phantom, through the search: kept, repeatable, told."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textgrad_core as tg
from textgrad_core.domain import EvaluationContext
from textgrad_core.errors import UsageError
from textgrad_core.outcome import Evaluated
from textgrad_core.search.result import Result
from textgrad_radiotherapy import make
from textgrad_radiotherapy.cases import load_case
from textgrad_radiotherapy.changes import changes_told
from textgrad_radiotherapy.domain import Plans
from textgrad_radiotherapy.errors import SolverFailed
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.nature_objective import nature_objective
from textgrad_radiotherapy.planners import PLANNERS, planner_named
from textgrad_radiotherapy.protocols import load_protocol
from textgrad_radiotherapy.weights import Weights


def coarse(tmp_path: Path, planner: str = "sensitivity", case: str = "tg119-prostate") -> Plans:
    return make(case=case, grid_mm=10.0, bixel_mm=10.0, cache=str(tmp_path), planner=planner)


def searched(tmp_path: Path, planner: str, seed: int = 0) -> Result:
    domain = coarse(tmp_path, planner)
    try:
        return tg.optimize(
            str(domain.start), domain, steps=2, proposals=2, finalists=1, seed=seed, cache="off"
        )
    finally:
        domain.close()


@pytest.mark.parametrize("planner", PLANNERS)
def test_no_planner_ends_worse_than_its_start_and_equal_seeds_give_equal_ordered_runs(
    tmp_path: Path, planner: str
) -> None:
    first, second = searched(tmp_path, planner), searched(tmp_path, planner)
    assert len(first.trials) > 1
    assert first.best.tier == first.start.tier == "report"
    assert first.best.scalar is not None
    assert first.start.scalar is not None
    assert first.best.scalar <= first.start.scalar
    told = [[(t.canonical, t.scalar, t.rationale) for t in run.trials] for run in (first, second)]
    assert told[0] == told[1]
    names = [term.name for term in coarse(tmp_path).terms]
    for trial in first.trials:
        assert [name for name in json.loads(trial.canonical) if name != "doses_gy"] == names


def test_other_seeds_draw_other_weights_in_the_box_of_the_paper(tmp_path: Path) -> None:
    runs = [searched(tmp_path, "optuna", seed) for seed in (0, 1)]
    drawn = [[t.canonical for t in run.trials[1:]] for run in runs]
    assert not set(drawn[0]) & set(drawn[1])
    for canonical in (*drawn[0], *drawn[1]):
        ratios = json.loads(canonical).values()
        assert all(100 / 400 <= ratio <= 400 / 100 for ratio in ratios)


@pytest.mark.parametrize("planner", PLANNERS)
def test_a_rationale_begins_with_the_largest_change_and_fits_a_line(
    tmp_path: Path, planner: str
) -> None:
    run = searched(tmp_path, planner)
    for trial in run.trials[1:]:
        before, after = json.loads(trial.parent or run.trials[0].canonical), trial.canonical
        steps = {
            name: weight / before[name]
            for name, weight in json.loads(after).items()
            if name != "doses_gy"
        }
        told = re.match(r"(.+?) x([0-9.]+)[, ]", trial.rationale)
        assert told, trial.rationale
        name, factor = told[1].rsplit(" Gy, ", 1)[-1], float(told[2])
        assert factor == pytest.approx(steps[name], rel=0.06)
        assert abs(math.log(steps[name])) == max(abs(math.log(step)) for step in steps.values())
        assert re.search(r" \((levers within|proportional rule|drawn by TPE)", trial.rationale)
        assert len(trial.rationale) < 200
        assert not re.search(r"[0-9]{10}", trial.rationale)


def test_changes_are_told_largest_first_and_the_small_ones_counted_or_left_out() -> None:
    names = ("PTV under", "PTV over", "Rectum mean", "Bladder mean", "Body over 35", "Core over")
    before = Weights(weights=dict.fromkeys(names, 1.0))
    factors = (1.0, 1.4, 0.55, 20.0, 0.012, 1.2)
    after = Weights(
        weights=dict(zip(names, factors, strict=True)), doses_gy={"Body over 35": 36.75}
    )
    told = changes_told(before, after, {"Body over 35": 35.0})
    assert told == (
        "Body over 35 x0.012, Bladder mean x20, Body over 35 at 36.75 Gy, Rectum mean x0.55, "
        "2 more"
    )
    assert changes_told(after, after, {"Body over 35": 35.0}) == "hardly a change"


def test_a_refused_step_is_told_with_what_its_levers_predicted(tmp_path: Path) -> None:
    domain = coarse(tmp_path)
    context = EvaluationContext(tier="screen")
    start = domain.parse(str(domain.start))
    bad = domain.parse(json.dumps({**start.weights, "Body over 37.8": 500.0}))
    before, after = domain.evaluate(start, context), domain.evaluate(bad, context)
    domain.close()
    assert isinstance(before, Evaluated)
    assert isinstance(after, Evaluated)
    assert after.scores["penalty"] > before.scores["penalty"]
    said = domain.explain(bad, after, before)
    assert "the weights before are kept" in said
    assert "predicted" in said
    assert "measured" in said


def test_a_run_goes_on_by_the_rule_where_levers_cannot_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise SolverFailed("sensitivities: equal columns")

    monkeypatch.setattr(InnerOptimiser, "fluence_sensitivities", broken)
    found = searched(tmp_path, "sensitivity")
    proposed = [trial for trial in found.trials if trial.parent is not None]
    assert proposed
    assert all(isinstance(trial.outcome, Evaluated) for trial in found.trials)
    assert all("(proportional rule" in trial.rationale for trial in proposed)


def test_an_unknown_planner_is_refused_and_a_missing_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="sensitivity, proportional, optuna"):
        coarse(tmp_path, "annealing")
    monkeypatch.setattr("textgrad_radiotherapy.optuna_baseline.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"textgrad-suite\[optuna\]"):
        planner_named("optuna")


def test_the_scalar_of_the_paper_in_closed_form() -> None:
    case = load_case("adult", grid_mm=10.0, bixel_mm=10.0)
    protocol = load_protocol("textgrad-70.2-39")
    even = np.full(case.grid.voxels, 30.0)
    organs = 2 * 3 * 0.25 * 30.0**2  # rectum and bladder: mean, D5, D50; femurs have no goal
    assert nature_objective(case, even, protocol) == pytest.approx(
        organs + 2 * 0.5 * (70.2 - 30.0) ** 2, rel=1e-6
    )


def test_a_planner_without_levers_is_not_served_outcomes_that_have_some(tmp_path: Path) -> None:
    with_levers, without = coarse(tmp_path), coarse(tmp_path, "optuna")
    assert with_levers.fingerprint() != without.fingerprint()
