"""Sensitivities of the inner optimum against solving again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rt_problems import random_rows, rows_of
from textgrad_radiotherapy.inner import InnerOptimiser, Solution
from textgrad_radiotherapy.terms import Term

Floats = NDArray[np.float64]

PTV = Term(name="ptv", structure="PTV", kind="squared-deviation", dose_gy=60, weight=1000)
COLD = Term(name="cold", structure="PTV", kind="squared-underdose", dose_gy=60, weight=500)
OAR = Term(name="oar", structure="OAR", kind="squared-overdose", dose_gy=15, weight=100)
MEAN = Term(name="mean", structure="OAR", kind="mean-dose", weight=30)
FLAT = Term(name="flat", structure="OAR", kind="squared-mean-overdose", dose_gy=5, weight=50)
GEUD = Term(name="geud", structure="OAR", kind="geud-over", dose_gy=12, weight=80, a=6)
TUMOUR = Term(name="tumour", structure="PTV", kind="geud-under", dose_gy=62, weight=300, a=-6)

MIXES = {
    "quadratic": (PTV, COLD, OAR),
    "mean": (PTV, MEAN, FLAT),
    "gEUD": (PTV, OAR, GEUD, TUMOUR),
    "everything": (PTV, COLD, OAR, MEAN, FLAT, GEUD, TUMOUR),
}


class Metrics:
    """Three linear metrics of a small problem."""

    def __init__(self, seed: int) -> None:
        self.rows = random_rows(seed, voxels=120)
        share = self.rows["OAR"].weights
        self.gradients = [
            ("OAR", np.arange(120), share),
            ("PTV", np.array([3, 50, 77]), np.array([0.5, 0.25, 0.25])),
            ("OAR", np.array([10]), np.array([2.0])),
        ]

    def values(self, solution: Solution) -> Floats:
        return np.array(
            [
                slope @ (self.rows[name].matrix.toarray().astype(float) @ solution.fluence)[rows]
                for name, rows, slope in self.gradients
            ]
        )


@pytest.mark.parametrize("mix", MIXES)
def test_sensitivities_match_solving_again_one_per_cent_off(mix: str) -> None:
    terms, metrics = MIXES[mix], Metrics(1)
    optimiser = InnerOptimiser(metrics.rows, terms)
    found = optimiser.sensitivities(optimiser.solve(gap=1e-8), metrics.gradients)
    assert found.terms == tuple(term.name for term in terms)
    for k, term in enumerate(terms):
        up = optimiser.solve({term.name: 1.01 * term.weight}, gap=1e-9)
        down = optimiser.solve({term.name: term.weight / 1.01}, gap=1e-9)
        slope = (metrics.values(up) - metrics.values(down)) / (2 * np.log(1.01))
        scale = np.abs(found.by_log_weight).max()
        np.testing.assert_allclose(found.by_log_weight[:, k], slope, rtol=0.05, atol=0.01 * scale)
        up = optimiser.solve(doses_gy={term.name: 1.002 * term.dose_gy}, gap=1e-9)
        down = optimiser.solve(doses_gy={term.name: 0.998 * term.dose_gy}, gap=1e-9)
        step_gy = 0.004 * term.dose_gy or 1.0
        slope = (metrics.values(up) - metrics.values(down)) / step_gy
        scale = np.abs(found.by_dose_level).max()
        np.testing.assert_allclose(found.by_dose_level[:, k], slope, rtol=0.05, atol=0.02 * scale)


def test_metrics_move_with_ratios_of_weights_only() -> None:
    metrics = Metrics(2)
    optimiser = InnerOptimiser(metrics.rows, MIXES["everything"])
    found = optimiser.sensitivities(optimiser.solve(gap=1e-8), metrics.gradients)
    together = found.by_log_weight.sum(axis=1)
    assert np.abs(together).max() <= 1e-4 * np.abs(found.by_log_weight).max()


def test_a_looser_solution_gives_the_same_sensitivities() -> None:
    metrics = Metrics(3)
    exact, rough = (
        (lambda o: o.sensitivities(o.solve(gap=gap), metrics.gradients))(
            InnerOptimiser(metrics.rows, MIXES["quadratic"])
        )
        for gap in (1e-9, 1e-4)
    )
    np.testing.assert_allclose(rough.by_log_weight, exact.by_log_weight, rtol=1e-2, atol=1e-3)


def test_one_beamlet_in_closed_form() -> None:
    rows = {"PTV": rows_of([[1.0]]), "OAR": rows_of([[0.5]])}
    optimiser = InnerOptimiser(
        rows,
        (
            Term(name="aim", structure="PTV", kind="squared-deviation", dose_gy=60, weight=2),
            Term(name="cap", structure="OAR", kind="squared-overdose", dose_gy=10, weight=8),
        ),
    )
    solution = optimiser.solve(gap=1e-9)
    assert solution.fluence[0] == pytest.approx(40.0, rel=1e-6)
    found = optimiser.sensitivities(solution, [("PTV", np.array([0]), np.ones(1))])
    np.testing.assert_allclose(found.by_log_weight, [[10.0, -10.0]], rtol=1e-5)
    np.testing.assert_allclose(found.by_dose_level, [[0.5, 1.0]], rtol=1e-5)


def test_they_do_not_need_dense_matrices() -> None:
    metrics = Metrics(4)
    dense, sparse = (
        InnerOptimiser(metrics.rows, MIXES["quadratic"], memory_gb=memory) for memory in (1.0, 0.0)
    )
    one = dense.sensitivities(dense.solve(gap=1e-7), metrics.gradients)
    two = sparse.sensitivities(sparse.solve(gap=1e-7), metrics.gradients)
    np.testing.assert_allclose(two.by_log_weight, one.by_log_weight, rtol=1e-2, atol=1e-3)
