"""The inner optimiser against other solvers, optimality conditions and invariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear
from scipy.sparse import csr_array

from rt_problems import best_of_scipy, objective, random_rows, rows_of
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.terms import StructureRows, Term

PTV = Term(name="ptv", structure="PTV", kind="squared-deviation", dose_gy=60, weight=1000)
COLD = Term(name="cold", structure="PTV", kind="squared-underdose", dose_gy=60, weight=500)
HOT = Term(name="hot", structure="PTV", kind="squared-overdose", dose_gy=63, weight=200)
OAR = Term(name="oar", structure="OAR", kind="squared-overdose", dose_gy=15, weight=100)
MEAN = Term(name="mean", structure="OAR", kind="mean-dose", weight=30)
FLAT = Term(name="flat", structure="OAR", kind="squared-mean-overdose", dose_gy=10, weight=50)
GEUD = Term(name="geud", structure="OAR", kind="geud-over", dose_gy=12, weight=80, a=6)
TUMOUR = Term(name="tumour", structure="PTV", kind="geud-under", dose_gy=58, weight=300, a=-6)

MIXES = {
    "deviation and overdose": (PTV, OAR),
    "under- and overdose": (COLD, HOT, OAR),
    "linear mean dose": (PTV, MEAN),
    "no term that may ask for less but the mean": (COLD, MEAN),
    "mean overdose": (PTV, FLAT),
    "gEUD of the organ": (PTV, GEUD),
    "gEUD of the target": (TUMOUR, HOT, OAR),
    "everything": (PTV, COLD, HOT, OAR, MEAN, FLAT, GEUD, TUMOUR),
}


@pytest.mark.parametrize("mix", MIXES)
def test_optimum_agrees_with_another_solver_and_the_bound_is_below_it(mix: str) -> None:
    rows, terms = random_rows(3), MIXES[mix]
    found = InnerOptimiser(rows, terms).solve(gap=1e-6)
    _, other = best_of_scipy(rows, terms, np.maximum(found.fluence, 1.0))
    _, cold = best_of_scipy(rows, terms, np.full(12, 10.0))
    best = min(other, cold)
    assert found.converged, found.message
    assert found.certified
    assert found.objective == pytest.approx(objective(rows, terms, found.fluence), rel=1e-6)
    assert found.objective <= best * (1 + 2e-6)
    assert found.lower_bound <= best * (1 + 1e-9)
    assert (found.fluence >= 0).all()


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_pure_deviation_is_non_negative_least_squares(seed: int) -> None:
    rows = random_rows(seed)
    aims = (PTV, replace(PTV, name="spare", structure="OAR", dose_gy=5, weight=100))
    found = InnerOptimiser(rows, aims).solve(gap=1e-8)
    scaled = [
        np.sqrt(t.weight * rows[t.structure].weights)[:, None]
        * rows[t.structure].matrix.toarray().astype(np.float64)
        for t in aims
    ]
    wanted = [np.sqrt(t.weight * rows[t.structure].weights) * t.dose_gy for t in aims]
    other = lsq_linear(
        np.concatenate(scaled), np.concatenate(wanted), bounds=(0, np.inf), tol=1e-14
    )
    assert found.objective == pytest.approx(2 * other.cost, rel=1e-7)
    assert found.gap <= 1e-8


@given(st.integers(0, 10_000), st.floats(1e-5, 1e-2))
@settings(deadline=None, max_examples=25)
def test_the_bound_never_exceeds_what_a_better_fluence_reaches(seed: int, gap: float) -> None:
    rows = random_rows(seed)
    terms = MIXES["everything"]
    rough = InnerOptimiser(rows, terms).solve(gap=gap)
    better = InnerOptimiser(rows, terms).solve(gap=1e-9)
    assert rough.lower_bound <= objective(rows, terms, better.fluence) * (1 + 1e-10)
    assert rough.gap <= gap
    assert rough.gap == pytest.approx(1 - rough.lower_bound / rough.objective, abs=1e-12)


@pytest.mark.parametrize("mix", MIXES)
def test_optimality_conditions_hold(mix: str) -> None:
    rows, terms = random_rows(11), MIXES[mix]
    x = InnerOptimiser(rows, terms).solve(gap=1e-8).fluence
    slope = np.array(
        [
            (objective(rows, terms, x + h) - objective(rows, terms, np.maximum(x - h, 0)))
            / (h.sum() + min(h.sum(), x[h > 0][0]))
            for h in 1e-4 * np.eye(x.size)
        ]
    )
    scale = objective(rows, terms, np.zeros(x.size)) / x.max()
    assert slope.min() >= -1e-4 * scale
    assert np.abs(slope[x > 1e-3 * x.max()]).max() <= 1e-4 * scale


def test_weights_matter_only_as_ratios() -> None:
    rows, terms = random_rows(5), MIXES["everything"]
    once = InnerOptimiser(rows, terms).solve(gap=1e-9)
    tenfold = [replace(term, weight=10 * term.weight) for term in terms]
    ten = InnerOptimiser(rows, tenfold).solve(gap=1e-9)
    assert ten.objective == pytest.approx(10 * once.objective, rel=1e-8)
    np.testing.assert_allclose(ten.fluence, once.fluence, rtol=1e-3, atol=1e-2)


def test_twice_the_influence_and_levels_leave_the_fluence() -> None:
    rows = random_rows(6)
    terms = (PTV, COLD, HOT, OAR, FLAT, GEUD, TUMOUR)
    double = {
        name: replace(part, matrix=csr_array(2 * part.matrix)) for name, part in rows.items()
    }
    once = InnerOptimiser(rows, terms).solve(gap=1e-9)
    twice = InnerOptimiser(
        double, [replace(term, dose_gy=2 * term.dose_gy) for term in terms]
    ).solve(gap=1e-9)
    assert twice.objective == pytest.approx(4 * once.objective, rel=1e-8)
    np.testing.assert_allclose(twice.fluence, once.fluence, rtol=1e-3, atol=1e-2)


def test_duplicated_beamlets_share_their_fluence() -> None:
    rows, terms = random_rows(7), MIXES["everything"]
    order = [*range(12), 4]
    wider = {
        name: replace(part, matrix=csr_array(part.matrix[:, order])) for name, part in rows.items()
    }
    once = InnerOptimiser(rows, terms).solve(gap=1e-8)
    twice = InnerOptimiser(wider, terms).solve(gap=1e-8)
    assert twice.objective == pytest.approx(once.objective, rel=1e-7)
    assert twice.fluence[4] + twice.fluence[12] == pytest.approx(once.fluence[4], abs=1e-2)


def test_the_order_of_voxels_does_not_matter() -> None:
    rows, terms = random_rows(8), MIXES["everything"]
    order = np.random.default_rng(0).permutation(40)
    mixed = {
        name: StructureRows(
            matrix=csr_array(part.matrix[order]), weights=part.weights[order], voxels=order
        )
        for name, part in rows.items()
    }
    once = InnerOptimiser(rows, terms).solve(gap=1e-9)
    again = InnerOptimiser(mixed, terms).solve(gap=1e-9)
    assert again.objective == pytest.approx(once.objective, rel=1e-8)


def test_a_voxel_split_into_two_halves_counts_the_same() -> None:
    rows, terms = random_rows(9), MIXES["everything"]
    part = rows["OAR"]
    order = [*range(40), 17]
    share = part.weights[order]
    share[[17, 40]] /= 2
    split = rows | {
        "OAR": StructureRows(
            matrix=csr_array(part.matrix[order]), weights=share, voxels=np.arange(41)
        )
    }
    once = InnerOptimiser(rows, terms).solve(gap=1e-9)
    again = InnerOptimiser(split, terms).solve(gap=1e-9)
    assert again.objective == pytest.approx(once.objective, rel=1e-8)


def test_solving_again_with_other_numbers_equals_solving_afresh() -> None:
    rows, terms = random_rows(10), MIXES["everything"]
    warm = InnerOptimiser(rows, terms)
    rng = np.random.default_rng(1)
    for _ in range(6):
        weights = {t.name: float(t.weight * rng.uniform(0.2, 5)) for t in terms}
        doses = {t.name: float(t.dose_gy * rng.uniform(0.9, 1.1)) for t in terms}
        again = warm.solve(weights, doses_gy=doses, gap=1e-7)
        fresh = InnerOptimiser(
            rows, [replace(t, weight=weights[t.name], dose_gy=doses[t.name]) for t in terms]
        ).solve(gap=1e-7)
        assert again.converged
        assert again.objective == pytest.approx(fresh.objective, rel=2e-7)
        assert again.weights == weights
        assert again.doses_gy == doses


def test_numbers_not_given_fall_back_to_the_terms_own() -> None:
    warm = InnerOptimiser(random_rows(12), (PTV, OAR))
    first = warm.solve(gap=1e-8)
    warm.solve({"oar": 0.25}, doses_gy={"ptv": 61.5})
    assert warm.solve(gap=1e-8).objective == pytest.approx(first.objective, rel=1e-7)


def test_large_structures_are_optimised_on_all_rows() -> None:
    rng = np.random.default_rng(2)
    rows = random_rows(13) | {"BODY": rows_of(rng.random((9000, 12)) ** 4)}
    body = Term(name="body", structure="BODY", kind="squared-overdose", dose_gy=55, weight=2000)
    terms = (PTV, OAR, body)
    found = InnerOptimiser(rows, terms).solve(gap=1e-7)
    assert found.converged
    assert found.objective == pytest.approx(objective(rows, terms, found.fluence), rel=1e-7)
    _, other = best_of_scipy(rows, terms, np.maximum(found.fluence, 1.0))
    assert found.lower_bound <= other
    assert found.objective <= other * (1 + 1e-6)


@pytest.mark.parametrize("mix", ["under- and overdose", "everything"])
def test_little_memory_changes_the_way_and_not_the_result(mix: str) -> None:
    rows, terms = random_rows(14), MIXES[mix]
    dense = InnerOptimiser(rows, terms).solve(gap=1e-6)
    sparse = InnerOptimiser(rows, terms, memory_gb=0.0)
    found = sparse.solve(gap=1e-6)
    assert found.converged, found.message
    assert found.objective == pytest.approx(dense.objective, rel=2e-6)


def test_a_plan_without_conflict_reaches_zero() -> None:
    rows = {"PTV": rows_of(np.eye(5)), "OAR": rows_of(0.1 * np.eye(5))}
    found = InnerOptimiser(rows, (PTV, OAR)).solve()
    assert found.converged
    np.testing.assert_allclose(found.fluence, 60.0, rtol=1e-3)


def test_no_dose_is_optimal_when_nothing_asks_for_dose() -> None:
    found = InnerOptimiser(random_rows(15), (OAR,)).solve()
    assert found.converged
    assert found.objective == pytest.approx(0.0, abs=1e-9)


def test_dose_is_removed_from_a_start_that_has_too_much() -> None:
    rows = random_rows(16)
    zero = replace(OAR, dose_gy=0.0)
    found = InnerOptimiser(rows, (zero,)).solve(start=np.full(12, 5.0))
    assert found.objective == pytest.approx(0.0, abs=1e-6)
