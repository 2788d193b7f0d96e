"""Hard limits and DVH terms of the inner optimiser."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from rt_problems import random_rows, rows_of
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.feedback import feedback
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.plan import Planner
from textgrad_radiotherapy.protocols import load_protocol
from textgrad_radiotherapy.terms import StructureRows, Term
from textgrad_radiotherapy.weights import start_weights

PTV = Term(name="ptv", structure="PTV", kind="squared-deviation", dose_gy=60, weight=1000)
CAP = Term(name="cap", structure="OAR", kind="squared-overdose", dose_gy=28, hard=True)


def dose_of(seed: int, structure: str, fluence: np.ndarray) -> np.ndarray:
    dense = random_rows(seed)[structure].matrix.toarray().astype(np.float64)
    return np.asarray(dense @ fluence)


@pytest.mark.parametrize("seed", range(4))
def test_a_hard_limit_holds_and_the_optimum_is_that_of_another_solver(seed: int) -> None:
    rows = random_rows(seed)
    free = InnerOptimiser(rows, (PTV,)).solve(gap=1e-7)
    assert dose_of(seed, "OAR", free.fluence).max() > 30
    found = InnerOptimiser(rows, (PTV, CAP)).solve(gap=1e-4)
    assert found.converged, found.message
    assert dose_of(seed, "OAR", found.fluence).max() <= 28 * 1.002
    assert found.violation_gy["cap"] <= 28 * 1e-3
    target, organ = (rows[name].matrix.toarray().astype(np.float64) for name in ("PTV", "OAR"))
    share = rows["PTV"].weights

    def objective(x: np.ndarray) -> float:
        return float(share @ (target @ x - 60) ** 2)

    def gradient(x: np.ndarray) -> np.ndarray:
        return np.asarray(2 * target.T @ (share * (target @ x - 60)))

    other = minimize(
        objective, np.ones(12), jac=gradient, method="SLSQP", bounds=[(0, None)] * 12,
        constraints={"type": "ineq", "fun": lambda x: 28 - organ @ x, "jac": lambda _: -organ},
        options={"maxiter": 500, "ftol": 1e-9},
    )  # fmt: skip
    assert other.success
    assert found.objective == pytest.approx(1000 * other.fun, rel=2e-3)
    assert found.lower_bound <= 1000 * other.fun * (1 + 1e-6)
    assert found.objective >= free.objective


@pytest.mark.parametrize(
    "term",
    [
        replace(CAP, kind="squared-mean-overdose", dose_gy=14),
        replace(CAP, kind="geud-over", a=8.0, dose_gy=20),
        Term(name="cap", structure="PTV", kind="squared-underdose", dose_gy=50, hard=True),
        Term(name="cap", structure="PTV", kind="geud-under", dose_gy=57, a=-10.0, hard=True),
    ],
    ids=lambda term: term.kind,
)
def test_every_kind_of_limit_holds(term: Term) -> None:
    spare = Term(name="spare", structure="OAR", kind="squared-overdose", dose_gy=5, weight=300)
    terms = (PTV, spare, term)
    found = InnerOptimiser(random_rows(5), terms).solve()
    assert found.converged, found.message
    assert found.violation_gy["cap"] <= max(0.01, 1e-3 * term.dose_gy)
    without = InnerOptimiser(random_rows(5), terms[:2]).solve()
    assert found.objective >= without.objective * (1 - 1e-3)


def test_limits_that_contradict_each_other_are_reported() -> None:
    floor = Term(name="floor", structure="PTV", kind="squared-underdose", dose_gy=60, hard=True)
    cap = replace(CAP, dose_gy=1.0)
    found = InnerOptimiser(random_rows(6), (PTV, floor, cap)).solve()
    assert not found.converged
    assert max(found.violation_gy.values()) > 1.0
    assert "Hard limits are missed" in found.message
    assert "No gap is proven" in found.message
    assert "Relative gap" not in found.message
    assert not found.certified
    assert found.gap == np.inf


def test_limits_hold_after_a_change_of_weights() -> None:
    spare = Term(name="spare", structure="OAR", kind="mean-dose", weight=10)
    optimiser = InnerOptimiser(random_rows(7), (PTV, spare, CAP))
    for weight in (10.0, 100.0, 1.0):
        found = optimiser.solve({"spare": weight})
        assert found.converged, found.message
        assert found.violation_gy["cap"] <= 0.028


REACH = np.linspace(0.1, 1.0, 10)  # dose of the organ's voxels per dose of the target's


def pairs() -> dict[str, StructureRows]:
    """Ten beamlets, each of which reaches one voxel of the target and one of the organ."""
    return {"PTV": rows_of(np.eye(10)), "OAR": rows_of(np.diag(REACH))}


def test_a_dvh_limit_exempts_the_hottest_volume_and_claims_no_certificate() -> None:
    limit = Term(name="dvh", structure="OAR", kind="dvh-max", dose_gy=18, weight=9000, volume=0.3)
    found = InnerOptimiser(pairs(), (PTV, limit)).solve(gap=1e-8)
    assert not found.certified
    assert "Local optimum" in found.message
    assert found.converged, found.message
    compromise = (1000 * 60 + 9000 * REACH * 18) / (1000 + 9000 * REACH**2)
    expected = np.where((REACH * 60 <= 18) | (REACH > 0.75), 60.0, compromise)
    np.testing.assert_allclose(found.fluence, expected, rtol=1e-4)
    whole = replace(limit, kind="squared-overdose")
    strict = InnerOptimiser(pairs(), (PTV, whole)).solve()
    assert found.objective < strict.objective


def test_a_dvh_demand_gives_up_the_coldest_volume() -> None:
    spare = Term(name="spare", structure="OAR", kind="squared-overdose", dose_gy=0, weight=500)
    cover = Term(name="cover", structure="PTV", kind="dvh-min", dose_gy=58, weight=900, volume=0.7)
    found = InnerOptimiser(pairs(), (spare, cover)).solve(gap=1e-8)
    assert not found.certified
    assert found.converged, found.message
    expected = np.where(REACH > 0.75, 0.0, 900 * 58 / (900 + 500 * REACH**2))
    np.testing.assert_allclose(found.fluence, expected, rtol=1e-3, atol=0.05)


def test_a_plan_whose_limits_contradict_says_that_nothing_is_proven(prostate: Case) -> None:
    terms = (
        Term(name="rectum", structure="Rectum", kind="mean-dose"),
        Term(name="floor", structure="PTV", kind="squared-underdose", dose_gy=60, hard=True),
        Term(name="cap", structure="PTV", kind="squared-overdose", dose_gy=40, hard=True),
    )
    planner = Planner(prostate, load_protocol("tg119-prostate"), terms=terms)
    plan = planner.evaluate(start_weights(terms), levers=False)
    data = json.loads(json.dumps(plan.to_json(), allow_nan=False))
    assert data["solver"]["gap"] is None
    assert not data["solver"]["certified"]
    told = feedback(data)
    assert "inner solver: no gap is proven, Newton steps" in told
    assert "NOT converged" in told
