"""Plans from weights: normalisation, levers against planning again, feedback."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from textgrad_radiotherapy.cases import dose, load_case
from textgrad_radiotherapy.errors import SolverFailed
from textgrad_radiotherapy.feedback import feedback
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner import InnerOptimiser, Solution
from textgrad_radiotherapy.metrics import value
from textgrad_radiotherapy.normalisation import normalising_metric
from textgrad_radiotherapy.penalty import UNPROVEN, penalty
from textgrad_radiotherapy.plan import Planner
from textgrad_radiotherapy.plan_data import plan_data
from textgrad_radiotherapy.protocols import load_protocol
from textgrad_radiotherapy.weights import Weights, parse_weights, start_weights


@pytest.fixture(scope="module")
def planner() -> Planner:
    case = load_case("tg119-prostate", grid_mm=5.0, bixel_mm=10.0)
    return Planner(case, load_protocol("tg119-prostate"), gap=1e-6)


def test_the_target_gets_its_dose_and_the_fluence_gives_the_plan(planner: Planner) -> None:
    plan = planner.evaluate(start_weights(planner.terms))
    rule = planner.protocol.normalise
    assert rule is not None
    again = dose(planner.case, plan.fluence)
    assert value(normalising_metric(rule), again, planner.case) == pytest.approx(rule[2])
    inside = np.concatenate([planner.case.structures[n].voxels for n in ("PTV", "Rectum")])
    np.testing.assert_allclose(plan.dose_gy[inside], again[inside], rtol=1e-10)
    np.testing.assert_allclose(plan.dose_gy, again, rtol=1e-4, atol=1e-4)
    assert plan.penalty == penalty(plan.table, plan.reserve_percent)
    assert plan.penalty >= penalty(plan.table)
    assert 0.0 <= plan.solution.gap <= 1e-6


def test_a_plan_depends_on_its_weights_alone(planner: Planner) -> None:
    weights = start_weights(planner.terms)
    other = Weights(weights={**weights.weights, "PTV over": 9.0})
    first = planner.evaluate(weights, levers=False)
    planner.evaluate(other)
    second = planner.evaluate(weights, levers=False)
    np.testing.assert_array_equal(first.dose_gy, second.dose_gy)
    tenfold = str({name: 10 * w for name, w in other.weights.items()}).replace("'", '"')
    assert parse_weights(tenfold, planner.terms).weights == other.weights


def test_levers_are_what_planning_again_gives(planner: Planner) -> None:
    start = start_weights(planner.terms).weights
    plan = planner.evaluate(Weights(weights=start))
    assert plan.levers is not None

    def values(name: str, factor: float, **levels: float) -> Floats:
        weights = Weights(weights={**start, name: start[name] * factor}, doses_gy=levels)
        again = planner.evaluate(weights, levers=False)
        return np.array([row.value or 0.0 for row in again.table.judged])

    step = 0.02
    measured = np.stack(
        [
            (values(name, math.exp(step)) - values(name, math.exp(-step))) / (2 * step)
            for name in plan.levers.terms
        ],
        axis=1,
    )
    told = plan.levers.by_log_weight
    assert np.abs(told[0]).max() < 1e-3  # the normalised dose stays
    assert measured[1, plan.levers.terms.index("PTV under")] < -1.0  # PTV D5% falls
    for one, other in zip(told[1:], measured[1:], strict=True):
        assert np.linalg.norm(one - other) <= 0.05 * np.linalg.norm(other)

    name = "PTV over"
    level = {term.name: term.dose_gy for term in planner.terms}[name]
    high, low = (values(name, 1.0, **{name: level + shift}) for shift in (0.1, -0.1))
    by_level = plan.levers.by_dose_level[1:, plan.levers.terms.index(name)]
    measured_level = (high - low)[1:] / 0.2
    assert np.linalg.norm(by_level - measured_level) <= 0.05 * np.linalg.norm(measured_level)


def test_all_weights_together_move_nothing(planner: Planner) -> None:
    plan = planner.evaluate(start_weights(planner.terms))
    assert plan.levers is not None
    together = plan.levers.by_log_weight.sum(axis=1)
    largest = np.abs(plan.levers.by_log_weight).max()
    assert np.abs(together).max() < 1e-3 * largest


def test_the_mean_dose_lever_is_exact() -> None:
    case = load_case("adult_hard", grid_mm=10.0, bixel_mm=10.0)
    planner = Planner(case, load_protocol("textgrad-70.2-39"), gap=1e-8)
    weights = start_weights(planner.terms)
    plan = planner.evaluate(weights)
    assert plan.levers is not None
    unscaled = replace(planner.protocol, normalise=None)
    free = Planner(case, unscaled, gap=1e-8)
    raw = free.evaluate(weights)
    assert raw.levers is not None
    assert raw.scale == 1.0
    step, name = 1e-3, "Bladder mean"
    at = raw.levers.goals.index("Bladder Dmean <= 20.92 Gy")
    moved = [
        free.evaluate(Weights(weights={**weights.weights, name: math.exp(s)}), levers=False)
        for s in (step, -step)
    ]
    high, low = (m.table.judged[at].value or 0.0 for m in moved)
    told = raw.levers.by_log_weight[at, raw.levers.terms.index(name)]
    assert told == pytest.approx((high - low) / (2 * step), rel=0.05)
    assert told < 0


def test_the_judging_grid_is_finer_and_normalised_anew(planner: Planner) -> None:
    plan = planner.evaluate(start_weights(planner.terms))
    judged = planner.judged(plan)
    assert judged.case.grid.voxels > plan.case.grid.voxels
    rule = planner.protocol.normalise
    assert rule is not None
    reached = value(normalising_metric(rule), judged.dose_gy, judged.case)
    assert reached == pytest.approx(rule[2])
    assert judged.scale != plan.scale
    np.testing.assert_allclose(judged.fluence / judged.scale, plan.fluence / plan.scale)


def test_the_reported_fluence_itself_is_compared_on_the_planning_grid(planner: Planner) -> None:
    judged = planner.judged(planner.evaluate(start_weights(planner.terms)))
    beside = judged.comparison
    assert beside is not None
    there = dose(planner.case, judged.fluence)
    for row in judged.table.judged:
        measured = value(row.goal.metric, there, planner.case)
        assert beside.values[row.goal.name] == pytest.approx(measured, rel=1e-5)
    fixed = "PTV D95% >= 75.6 Gy"  # by the normalisation, but only where the plan is judged
    flattered = beside.values[fixed]
    assert flattered is not None
    assert abs(flattered - 75.6) > 0.01
    assert beside.rescaled == pytest.approx(flattered / 75.6)
    said = feedback(judged.to_json())
    assert f"  {fixed}: {flattered:.2f}, judged 75.60 ({75.6 - flattered:+.2f} Gy)" in said


def test_feedback_says_what_a_planner_needs(planner: Planner) -> None:
    plan = planner.evaluate(start_weights(planner.terms))
    said = feedback(plan.to_json())
    assert "research use only, not for clinical use" in said.lower()
    assert "FAIL P2 PTV D5% <= 83 Gy" in said
    assert "per doubling: w[" in said
    assert said.count("levers are slopes at this plan") == 1
    assert "hot spot: " in said
    assert "relative gap" in said
    assert "(2." in next(line for line in said.splitlines() if line.startswith("FAIL"))
    data = plan_data(plan.to_json())
    missed = [goal for goal in data.goals if goal.verdict == "fail"]
    assert [goal.excess_percent > 1e-6 for goal in data.goals] == [g in missed for g in data.goals]


def test_feedback_compares_what_was_predicted(planner: Planner) -> None:
    weights = start_weights(planner.terms)
    before = planner.evaluate(weights).to_json()
    worse = Weights(weights={**weights.weights, "PTV under": 0.2})
    said = feedback(planner.evaluate(worse).to_json(), before)
    assert "worse, the weights before are kept" in said
    line = next(x for x in said.splitlines() if x.startswith("  PTV D5%"))
    assert "predicted" in line
    assert "measured" in line


def test_a_plan_whose_optimum_is_not_proven_says_so_and_comes_after_any_that_is(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = start_weights(planner.terms)
    proven = planner.evaluate(weights, levers=False)
    solve = InnerOptimiser.solve

    def unfinished(self: InnerOptimiser, *args: Any, **options: Any) -> Solution:
        return replace(solve(self, *args, **options), converged=False)

    monkeypatch.setattr(InnerOptimiser, "solve", unfinished)
    unproven = planner.evaluate(weights, levers=False)
    assert unproven.penalty == pytest.approx(proven.penalty + UNPROVEN)
    told = feedback(unproven.to_json())
    assert "NOT converged" in told
    assert "NOT converged" not in feedback(proven.to_json())


def test_a_plan_whose_levers_cannot_be_found_stands_without_and_says_why(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise SolverFailed("sensitivities: equal columns")

    weights = start_weights(planner.terms)
    asked_none = planner.evaluate(weights, levers=False)
    monkeypatch.setattr(InnerOptimiser, "fluence_sensitivities", broken)
    plan = planner.evaluate(weights)
    assert plan.levers is None
    np.testing.assert_array_equal(plan.fluence, asked_none.fluence)
    assert "no levers at this plan: sensitivities: equal columns" in feedback(plan.to_json())
    assert "no levers" not in feedback(asked_none.to_json())
