"""What the inner optimiser refuses, with the value, the bound and the remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from rt_problems import random_rows, rows_of
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.inner import InnerOptimiser, checks
from textgrad_radiotherapy.terms import StructureRows, Term
from textgrad_radiotherapy.weights import LEAST, MOST

PTV = Term(name="ptv", structure="PTV", kind="squared-deviation", dose_gy=60, weight=1000)
OAR = Term(name="oar", structure="OAR", kind="squared-overdose", dose_gy=15, weight=100)


def spoilt(**changes: Any) -> dict[str, StructureRows]:
    rows = random_rows(0)
    return rows | {"PTV": replace(rows["PTV"], **changes)}


def with_influence(value: float) -> dict[str, StructureRows]:
    rows = random_rows(0)
    rows["OAR"].matrix.data[3] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({}, "no structure"),
        (with_influence(np.nan), "'OAR' has a influence that is nan"),
        (with_influence(np.inf), "'OAR' has a influence that is inf"),
        (with_influence(-0.5), "influence of -0.5, below 0"),
        (spoilt(weights=np.full(40, np.nan)), "voxel weight that is nan"),
        (spoilt(weights=np.full(40, -0.1)), "voxel weight of -0.1, below 0"),
        (spoilt(weights=np.zeros(40)), "add up to 0"),
        (spoilt(weights=np.ones(40)), "add up to 40"),
        (spoilt(weights=np.ones(3)), "one weight per row"),
        (spoilt(matrix=random_rows(0)["PTV"].matrix[:0], weights=np.ones(0)), "has no rows"),
        (random_rows(0) | {"OAR": rows_of(np.ones((3, 5)))}, "same positive number of beamlets"),
        (random_rows(0) | {"PTV": rows_of(np.eye(12)[:, ::-1] * ([0] + [1] * 11))}, "1 of 12 vox"),
    ],
)
def test_bad_rows_are_refused(rows: dict[str, StructureRows], says: str) -> None:
    with pytest.raises(CaseError, match=says):
        InnerOptimiser(rows, (PTV, OAR))


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ((), "no terms"),
        ((PTV, replace(OAR, name="ptv")), "unique.*ptv"),
        ((replace(OAR, structure="Heart"),), "'Heart'; known: OAR, PTV"),
        ((replace(OAR, dose_gy=np.nan),), "dose level nan Gy"),
        ((replace(OAR, dose_gy=-1.0),), "dose level -1 Gy"),
        ((replace(OAR, dose_gy=1e300),), r"dose level 1e\+300 Gy: 0 to 1e\+06 Gy per course"),
        ((replace(OAR, dose_gy=cast(Any, "3")),), "dose level of term 'oar' is '3', not a number"),
        ((replace(OAR, weight=cast(Any, None)),), "weight of term 'oar' is None, not a number"),
        ((replace(OAR, a=cast(Any, "3")),), "exponent a of term 'oar' is '3'"),
        ((replace(OAR, volume=cast(Any, "3")),), "volume of term 'oar' is '3'"),
        (
            (replace(OAR, kind=cast(Any, "nonsense")),),
            "unknown kind 'nonsense'; known: squared",
        ),
        ((cast(Any, "oar"),), "'oar' is no term of the objective"),
        ((replace(OAR, weight=-2.0),), "weight -2"),
        ((replace(OAR, weight=np.inf),), "weight inf"),
        ((replace(OAR, kind="dvh-max", volume=35.0),), "volume 35.*0.35 for 35 %"),
        ((replace(OAR, kind="geud-over", a=0.5),), "a = 0.5"),
        ((replace(PTV, kind="geud-under", a=4.0),), "a = 4"),
        ((replace(PTV, hard=True),), "hard limit of kind 'squared-deviation'"),
        ((replace(OAR, kind="dvh-max", hard=True),), "hard limit of kind 'dvh-max'"),
    ],
)
def test_bad_terms_are_refused(terms: tuple[Term, ...], says: str) -> None:
    with pytest.raises(GoalError, match=says):
        InnerOptimiser(random_rows(0), terms)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"weights": {"lung": 1.0}}, GoalError, "unknown term 'lung'; known: ptv, oar"),
        ({"weights": {"oar": -1.0}}, GoalError, "weight of term 'oar' is -1"),
        ({"weights": {"oar": np.nan}}, GoalError, "weight of term 'oar' is nan"),
        ({"weights": {"oar": 0.0, "ptv": 0.0}}, GoalError, "every weight is 0"),
        ({"doses_gy": {"oar": np.inf}}, GoalError, "dose level of term 'oar' is inf"),
        ({"doses_gy": {"lung": 1.0}}, GoalError, "unknown term 'lung'"),
        ({"weights": {"oar": "3"}}, GoalError, "weight of term 'oar' is '3', not a number"),
        ({"weights": {"oar": None}}, GoalError, "weight of term 'oar' is None, not a number"),
        ({"weights": {"oar": 10**400}}, GoalError, r"weight of term 'oar' is inf: 0 to 1e\+15"),
        ({"weights": {"oar": 1e300}}, GoalError, r"is 1e\+300: 0 to 1e\+15 is needed"),
        ({"weights": {"oar": 1e-300}}, GoalError, "is 1e-300: 0, or 1e-15 to .*multiply all"),
        ({"weights": {"oar": 1e-13}}, GoalError, "'ptv' is 1e.16 times that of 'oar'.*bring them"),
        ({"weights": 3}, GoalError, "weights are 3: give them by the names ptv, oar"),
        ({"doses_gy": {"oar": "3"}}, GoalError, "dose level of term 'oar' is '3', not a number"),
        (
            {"doses_gy": {"oar": 1e7}},
            GoalError,
            r"dose level of term 'oar' is 1e\+07: 0 to 1e\+06",
        ),
        ({"start": [1, 2, 3]}, CaseError, r"shape \(3,\), \(12,\) is needed"),
        ({"start": [[1], [2, 3]]}, CaseError, "12 real numbers are needed"),
        ({"start": ["a"] * 12}, CaseError, "12 real numbers are needed"),
        ({"start": np.ones(12) * 1j}, CaseError, "12 real numbers are needed"),
        ({"gap": "x"}, GoalError, "the gap is 'x', not a number"),
        ({"start": np.ones(3)}, CaseError, r"shape \(3,\), \(12,\) is needed"),
        ({"start": np.full(12, np.nan)}, CaseError, "finite fluences"),
        ({"start": np.full(12, -1.0)}, CaseError, "of 0 or above"),
        ({"gap": 0.0}, GoalError, "gap 0 is out of bounds"),
        ({"gap": np.nan}, GoalError, "gap nan is out of bounds"),
    ],
)
def test_bad_numbers_are_refused_and_the_optimiser_goes_on(
    arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    optimiser = InnerOptimiser(random_rows(0), (PTV, OAR))
    with pytest.raises(error, match=says):
        optimiser.solve(**arguments)
    assert optimiser.solve().converged


def test_sensitivities_refuse_unknown_structures_rows_and_foreign_solutions() -> None:
    optimiser = InnerOptimiser(random_rows(0), (PTV, OAR))
    solution = optimiser.solve()
    for structure, row, says in (("Heart", 0, "'Heart'"), ("OAR", 40, "from 0 to 39")):
        with pytest.raises(CaseError, match=says):
            optimiser.sensitivities(solution, [(structure, np.array([row]), np.ones(1))])
    with pytest.raises(CaseError, match="of this object"):
        optimiser.sensitivities(replace(solution, fluence=np.ones(3)), [])
    with pytest.raises(CaseError, match=r"\(metrics, 12\)"):
        optimiser.fluence_sensitivities(solution, np.ones(12))


def test_a_beamlet_that_hits_nothing_is_kept_at_zero_and_reported() -> None:
    rows = random_rows(1)
    for part in rows.values():
        dense = part.matrix.toarray()
        dense[:, [2, 7]] = 0.0
        dense[:, 0] += 0.05
        rows = rows | {name: rows_of(dense, part.weights) for name in rows if rows[name] is part}
    found = InnerOptimiser(rows, (PTV, OAR)).solve(start=np.ones(12))
    assert found.converged
    assert found.pinned.tolist() == [2, 7]
    assert (found.fluence[[2, 7]] == 0).all()
    assert "2 beamlets reach no voxel" in found.message


def test_a_target_equal_to_an_organ_is_a_compromise_and_no_fault() -> None:
    rows = random_rows(2)
    same = rows | {"OAR": rows["PTV"]}
    found = InnerOptimiser(same, (PTV, OAR)).solve(gap=1e-6)
    assert found.converged
    assert found.term_values["oar"] > 0 < found.term_values["ptv"]


def test_a_weight_of_zero_switches_a_term_off() -> None:
    rows = random_rows(3)
    alone = InnerOptimiser(rows, (PTV,)).solve(gap=1e-8)
    off = InnerOptimiser(rows, (PTV, OAR)).solve({"oar": 0.0}, gap=1e-8)
    assert off.objective == pytest.approx(alone.objective, rel=1e-7)


def test_whole_numbers_as_dose_levels_do_not_truncate_others() -> None:
    rows = {"PTV": rows_of(np.eye(3))}
    optimiser = InnerOptimiser(rows, (PTV,))
    found = optimiser.solve(doses_gy={"ptv": 60.75}, gap=1e-6)
    np.testing.assert_allclose(found.fluence, 60.75, atol=0.05)


def test_an_unfinished_solve_does_not_claim_to_be_converged() -> None:
    found = InnerOptimiser(random_rows(4), (PTV, OAR)).solve(gap=1e-3)
    assert found.converged == (found.gap <= 1e-3)
    assert found.lower_bound <= found.objective


def test_a_start_may_be_a_list() -> None:
    found = InnerOptimiser(random_rows(0), (PTV, OAR)).solve(start=[1.0] * 12)
    assert found.converged


def test_bounds_of_weights_leave_room_for_every_plan() -> None:
    """Between the lightest and the heaviest term of a plan lie nine orders of magnitude."""
    assert 100 * MOST / LEAST <= checks.MOST_RATIO
    assert 1e6 * MOST <= checks.MOST_WEIGHT
    assert checks.LEAST_WEIGHT <= 1e-6 * LEAST
    rows = random_rows(0)
    for light, heavy in ((LEAST, MOST), (1e-6 * LEAST, 1e-6 * MOST), (1e3 * LEAST, 1e3 * MOST)):
        found = InnerOptimiser(rows, (PTV, OAR)).solve({"ptv": light, "oar": heavy})
        assert found.converged, found.message


MEAN = Term(name="mean", structure="OAR", kind="mean-dose")
MEAN_OVER = Term(name="over", structure="OAR", kind="squared-mean-overdose", dose_gy=5.0)


@pytest.mark.parametrize("memory_gb", [4.0, 1e-9])
@pytest.mark.parametrize("start", [None, np.full(12, 50.0)])
@pytest.mark.parametrize("terms", [(MEAN,), (MEAN_OVER,), (MEAN, MEAN_OVER)])
def test_where_only_mean_doses_count_no_dose_is_best(
    terms: tuple[Term, ...], start: Any, memory_gb: float
) -> None:
    optimiser = InnerOptimiser(random_rows(0), terms, memory_gb=memory_gb)
    found = optimiser.solve(start=start)
    assert found.converged
    assert found.certified
    assert found.objective == found.lower_bound == found.gap == 0.0
    assert not found.fluence.any()
    moves = optimiser.fluence_sensitivities(found, np.ones((1, 12)))
    assert not moves.by_log_weight.any()


@pytest.mark.parametrize("mean", [MEAN, MEAN_OVER])
def test_a_target_may_be_switched_off_and_on(mean: Term) -> None:
    rows = random_rows(0)
    optimiser = InnerOptimiser(rows, (PTV, mean))
    first = optimiser.solve(gap=1e-6)
    assert not optimiser.solve({"ptv": 0.0}).fluence.any()
    again = optimiser.solve(gap=1e-6)
    assert again.converged
    assert again.objective == pytest.approx(first.objective, rel=1e-5)
