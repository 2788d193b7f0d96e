"""Weights far apart, up to the bounds a planner may choose, still end at a proven optimum."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from textgrad_radiotherapy.cases import load_case, structure_rows
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.protocols import load_protocol
from textgrad_radiotherapy.starting_terms import starting_terms
from textgrad_radiotherapy.structure_names import matched
from textgrad_radiotherapy.weights import LEAST, MOST

GAP = 1e-4
PROTOCOL = "textgrad-70.2-39"


@functools.cache
def solved(name: str, protocol: str) -> InnerOptimiser:
    """The solved start of a coarse case."""
    case = load_case(name, grid_mm=6.0, bixel_mm=10.0)
    kinds = {n: s.kind for n, s in case.structures.items()}
    terms = starting_terms(matched(load_protocol(protocol), case), kinds)
    optimiser = InnerOptimiser(structure_rows(case, terms), terms)
    optimiser.solve(gap=GAP)
    return optimiser


# of plans that the sensitivity planner and the proportional rule chose; the others' are 1
CHOSEN: list[dict[str, float]] = [
    {
        "PTV over": 24.935,
        "Rectum over 7.6": 0.0396237,
        "Rectum over 47.1": 0.0268401,
        "Rectum mean": 2.41799,
        "Bladder over 11.3": 0.00142726,
        "Bladder over 52.8": 0.0436818,
        "Bladder mean": 0.00449328,
        "Body over 35.1": 0.00694865,
    },
    {"PTV over": 33485.6},
    {
        "PTV over": MOST,
        "Rectum over 7.6": LEAST,
        "Rectum over 47.1": MOST,
        "Rectum mean": LEAST,
        "Bladder over 11.3": MOST,
        "Bladder over 52.8": LEAST,
        "Bladder mean": MOST,
        "Body over 35.1": LEAST,
    },
]


@pytest.mark.parametrize("case", ["adult", "adult_hard"])
@pytest.mark.parametrize("chosen", CHOSEN)
def test_weights_a_planner_chose_are_proven(case: str, chosen: dict[str, float]) -> None:
    optimiser = solved(case, PROTOCOL).copy()
    weights = {term.name: 1.0 for term in optimiser.terms}
    assert chosen.keys() <= weights.keys()
    found = optimiser.solve({**weights, **chosen}, gap=GAP)
    assert found.converged
    assert found.gap <= GAP


@pytest.mark.parametrize("seed", range(4))
def test_random_weights_within_bounds_are_proven(seed: int) -> None:
    optimiser = solved("adult_hard", PROTOCOL).copy()
    generator = np.random.default_rng(seed)
    logs = generator.uniform(np.log(LEAST), np.log(MOST), len(optimiser.terms))
    logs[0] = 0.0
    weights = {t.name: float(w) for t, w in zip(optimiser.terms, np.exp(logs), strict=True)}
    found = optimiser.solve(weights, gap=GAP)
    assert found.converged
    assert found.gap <= GAP


@pytest.mark.parametrize(
    ("case", "chosen"),
    [
        ("tg119-multitarget", [1.0, MOST]),
        ("tg119-multitarget", [1.0, MOST, LEAST]),
        ("tg119-cshape-hard", [1.0, LEAST, MOST, MOST]),
    ],
)
def test_extremes_of_plans_with_fewer_target_voxels_than_beamlets_are_proven(
    case: str, chosen: list[float]
) -> None:
    optimiser = solved(case, case).copy()
    names = [term.name for term in optimiser.terms]
    weights = {name: chosen[k % len(chosen)] for k, name in enumerate(names)}
    found = optimiser.solve(weights, gap=GAP)
    assert found.converged, found.message


def test_gaps_near_rounding_take_few_linear_systems() -> None:
    case = "tg119-multitarget"
    optimiser = solved(case, case).copy()
    weights = {t.name: MOST if k % 2 else 1.0 for k, t in enumerate(optimiser.terms)}
    found = optimiser.solve(weights, gap=1e-8)
    assert found.converged, found.message
    assert found.newton_steps < 130  # of them 80 projected ones; inexact systems need 60 more
