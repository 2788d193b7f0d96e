"""Solving again with other weights: the same optimum as from nothing, whatever was kept."""

from __future__ import annotations

import numpy as np
import pytest

from rt_problems import rows_of
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.terms import StructureRows, Term

TERMS = (
    Term(name="ptv", structure="PTV", kind="squared-deviation", dose_gy=60, weight=1000),
    Term(name="oar", structure="OAR", kind="squared-overdose", dose_gy=20, weight=100),
    Term(name="geud", structure="OAR", kind="geud-over", dose_gy=15, weight=50, a=4),
    Term(name="flat", structure="Body", kind="squared-mean-overdose", dose_gy=8, weight=60),
    Term(name="body", structure="Body", kind="squared-overdose", dose_gy=15, weight=80),
)
CHANGES = (
    {"oar": 400.0}, {"oar": 400.0, "body": 5.0}, {"body": 600.0, "geud": 200.0},
    {"flat": 0.0, "body": 600.0}, {"ptv": 20.0, "oar": 400.0},
)  # fmt: skip


def a_case(beamlets: int = 25) -> dict[str, StructureRows]:
    """A body of so many voxels that only the hot ones are worked on, and more than few change."""
    rng = np.random.default_rng(11)
    found = {}
    for name, voxels, strength in (("PTV", 200, 1.0), ("OAR", 900, 0.6), ("Body", 6000, 0.5)):
        peaks = rng.uniform(0, beamlets, voxels)[:, None]
        reach = np.exp(-0.5 * ((np.arange(beamlets) - peaks) / 2.0) ** 2)
        found[name] = rows_of(strength * reach * rng.uniform(0.3, 1.0, (voxels, 1)))
    return found


def test_a_sequence_of_weights_gives_the_optima_of_separate_solves() -> None:
    rows = a_case()
    kept = InnerOptimiser(rows, TERMS)
    kept.solve(gap=1e-7)
    for weights in CHANGES:
        again = kept.solve(weights, gap=1e-7)
        anew = InnerOptimiser(rows, TERMS).solve(weights, gap=1e-7)
        assert again.converged, again.message
        assert again.objective == pytest.approx(anew.objective, rel=3e-7)
        assert again.lower_bound <= anew.objective * (1 + 1e-12)


def test_a_copy_goes_its_own_way() -> None:
    first = InnerOptimiser(a_case(), TERMS)
    first.solve(gap=1e-6)
    second, third = first.copy(), first.copy()
    second.solve({"ptv": 5000.0, "body": 1.0}, gap=1e-6)  # other rows become working rows
    expected = InnerOptimiser(a_case(), TERMS).solve({"oar": 900.0}, gap=1e-6).objective
    for optimiser in (first, third):
        found = optimiser.solve({"oar": 900.0}, gap=1e-6)
        assert found.converged
        assert found.objective == pytest.approx(expected, rel=3e-6)


def test_a_fluence_that_its_owner_overwrites_changes_no_later_solve() -> None:
    optimiser = InnerOptimiser(a_case(), TERMS)
    weights = {"oar": 300.0}
    undisturbed = optimiser.copy()
    undisturbed.solve(gap=1e-6)
    first = optimiser.solve(gap=1e-6)
    first.fluence[:] = 7.0
    found = optimiser.solve(weights, gap=1e-6)
    assert found.objective == pytest.approx(
        undisturbed.solve(weights, gap=1e-6).objective, rel=2e-6
    )
    assert found.converged
