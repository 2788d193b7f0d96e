"""Little or no curvature at the optimum: neither rounding nor what is stale is taken for it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from rt_problems import best_of_scipy, rows_of
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.terms import StructureRows, Term

BEAMLETS = 20


def satisfiable(seed: int, room_gy: float) -> tuple[Mapping[str, StructureRows], list[Term]]:
    """Levels that a known fluence keeps with so much room on either side; misses if below 0."""
    rng = np.random.default_rng(seed)
    dense = {"PTV": 1.0 + rng.random((40, BEAMLETS)), "OAR": 0.3 * rng.random((40, BEAMLETS))}
    fluence = rng.uniform(1.9, 2.1, BEAMLETS)
    ptv, oar = (matrix @ fluence for matrix in dense.values())
    low, high, spared = ptv.min() - room_gy, ptv.max() + room_gy, oar.max() + room_gy
    terms = [
        Term(name="cold", structure="PTV", kind="squared-underdose", dose_gy=low),
        Term(name="hot", structure="PTV", kind="squared-overdose", dose_gy=high),
        Term(name="oar", structure="OAR", kind="squared-overdose", dose_gy=spared),
    ]
    return {name: rows_of(matrix) for name, matrix in dense.items()}, terms


@pytest.mark.parametrize("room_gy", [0.0, 0.01, 2.0])
def test_a_plan_without_conflict_is_found_cold_and_with_other_weights(room_gy: float) -> None:
    for seed in range(40):
        rows, terms = satisfiable(seed, room_gy)
        optimiser = InnerOptimiser(rows, terms)
        rng = np.random.default_rng(seed)
        found = [optimiser.solve()]
        for _ in range(3):
            weights = {term.name: float(rng.uniform(0.2, 5.0)) for term in terms}
            found.append(optimiser.solve(weights))
        for solution in found:
            assert solution.converged, (seed, solution.message)
            assert solution.objective == pytest.approx(0.0, abs=1e-6), seed


def test_nothing_moves_a_plan_without_conflict() -> None:
    rows, terms = satisfiable(3, 2.0)
    optimiser = InnerOptimiser(rows, terms)
    found = optimiser.fluence_sensitivities(optimiser.solve(), np.eye(BEAMLETS))
    np.testing.assert_array_equal(found.by_log_weight, 0.0)
    np.testing.assert_array_equal(found.by_dose_level, 0.0)


@pytest.mark.parametrize("seed", range(12))
def test_little_conflict_is_not_drowned_by_rounding(seed: int) -> None:
    rows, terms = satisfiable(seed, -1.0)
    optimiser = InnerOptimiser(rows, terms)
    for weights in (None, {"cold": 4.0, "hot": 0.3}, {"cold": 0.2, "oar": 3.0}):
        found = optimiser.solve(weights, gap=1e-6)
        anew = InnerOptimiser(rows, terms).solve(weights, gap=1e-6)
        assert found.converged, found.message
        assert found.objective == pytest.approx(anew.objective, rel=2e-6, abs=1e-9)


@pytest.mark.parametrize("seed", [82, 438, 546])
def test_curvatures_of_a_geud_that_are_stale_do_not_stop_the_solver(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = {"PTV": rows_of(rng.random((40, 3)) ** 3), "OAR": rows_of(rng.random((40, 3)) ** 4)}
    terms = [
        Term(name="cold", structure="PTV", kind="squared-underdose", dose_gy=60.0),
        Term(name="geud", structure="PTV", kind="geud-under", dose_gy=60.0, weight=0.1, a=-10.0),
        Term(name="mean", structure="OAR", kind="squared-mean-overdose", weight=850.0),
    ]
    found = InnerOptimiser(rows, terms).solve(gap=1e-6)
    _, other = best_of_scipy(rows, terms, np.maximum(found.fluence, 1.0))
    assert found.converged, found.message
    assert found.objective <= other * (1 + 2e-6)
