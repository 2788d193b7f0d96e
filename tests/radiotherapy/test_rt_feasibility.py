"""Goals that no plan can reach are told, and only those."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, milp

from rt_cases import ball, case_of, centred_grid, occupied
from textgrad_radiotherapy.case import Case, Structure, StructureKind
from textgrad_radiotherapy.certain_overlap import (
    PART_ERROR,
    centre_factor,
    geud_factor,
    overlap_cc,
)
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.feasibility import find_infeasible
from textgrad_radiotherapy.finding import Finding
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.goal_notation import parse_goal
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.judgement import judge
from textgrad_radiotherapy.metrics import value

GRID = Grid(origin_mm=(0, 0, 0), spacing_mm=(10, 10, 10), shape=(1, 1, 60))  # voxels of 1 cc


def run_of(name: str, kind: StructureKind, first: int, last: int, share: float = 1.0) -> Structure:
    """A structure of the voxels from the first to before the last."""
    voxels = np.arange(first, last)
    return Structure(name=name, kind=kind, voxels=voxels, occupancy=np.full(voxels.size, share))


def overlapping_case(shared: int = 5) -> Case:
    """A target of 20 cc and a rectum of 10 cc that share some."""
    return case_of(
        GRID,
        run_of("PTV", "target", 0, 20),
        run_of("Rectum", "oar", 20 - shared, 30 - shared),
        run_of("Urethra", "oar", 5, 9),
        run_of("Empty", "oar", 5, 5),
    )


def protocol_of(*goals: str, normalise: bool = False, fractions: int | None = 30) -> Protocol:
    return Protocol(
        name="own",
        title="",
        prescription_gy={"PTV": 60.0},
        fractions=fractions,
        goals=tuple(parse_goal(goal) for goal in goals),
        normalise=("PTV", 95.0, 60.0) if normalise else None,
        source="",
    )


def found(case: Case, protocol: Protocol) -> dict[str, Finding]:
    findings = find_infeasible(case, protocol)
    assert len({f.goal.name for f in findings}) == len(findings)
    return {finding.goal.name: finding for finding in findings}


COVERAGE = "PTV D95% >= 60 Gy"  # leaves 1 cc of the 20 cc cold


@pytest.mark.parametrize(
    ("goal", "severity"),
    [
        ("Rectum V50Gy <= 35 %", "impossible"),  # 5 cc shared, 4 certainly hot, 3.5 allowed
        ("Rectum V60Gy <= 39.9 %", "impossible"),
        ("Rectum V60Gy <= 40 %", "doubtful"),
        ("Rectum V60Gy <= 45 %", "doubtful"),
        ("Rectum V60Gy <= 50 %", None),
        ("Rectum V61Gy <= 5 %", None),
        ("Rectum V50Gy <= 3.9 cc", "impossible"),
        ("Rectum V50Gy <= 5.1 cc", None),
        ("Rectum D35% <= 59 Gy", "impossible"),
        ("Rectum D39.9% <= 59 Gy", "impossible"),
        ("Rectum D40% <= 59 Gy", "doubtful"),  # on a step the middle is read
        ("Rectum D35% <= 60 Gy", None),
        ("Rectum D45% <= 59 Gy", "doubtful"),
        ("Rectum D55% <= 10 Gy", None),
        ("Rectum D3cc <= 50 Gy", "impossible"),
        ("Rectum D6cc <= 50 Gy", None),
        ("Rectum Dmean <= 23.9 Gy", "impossible"),  # 4 cc x 60 Gy / 10 cc
        ("Rectum Dmean <= 24.1 Gy", "doubtful"),
        ("Rectum Dmean <= 30.1 Gy", None),
        ("Rectum gEUD(a=2) <= 37.9 Gy", "impossible"),  # 60 x sqrt(0.4)
        ("Rectum gEUD(a=2) <= 42.5 Gy", None),
        ("Rectum D50% >= 10 Gy", None),
        ("Urethra D95% <= 55 Gy", "doubtful"),  # 4 cc inside, 1 cc may be cold
        ("Urethra D50% <= 55 Gy", "impossible"),
        ("Urethra D0.03cc <= 59 Gy", "impossible"),
        ("Urethra D0.03cc <= 64 Gy", None),
    ],
)
@pytest.mark.parametrize("normalise", [False, True])
def test_overlap_limits(goal: str, severity: str | None, normalise: bool) -> None:
    protocol = protocol_of(goal, normalise=True) if normalise else protocol_of(COVERAGE, goal)
    findings = found(overlapping_case(), protocol)
    assert {name: f.severity for name, f in findings.items()} == (
        {goal: severity} if severity else {}
    )
    if severity:
        words = findings[goal].text()
        assert "cc lie in PTV" in words
        assert "normalisation" in words if normalise else COVERAGE in words


@given(
    st.integers(0, 10),
    st.floats(1, 99),
    st.sampled_from(["V50Gy", "V60Gy", "V65Gy"]),
)
def test_nothing_is_impossible_that_a_dose_achieves(shared: int, percent: float, at: str) -> None:
    """The best dose there is: the cold part of the target where it helps, no dose elsewhere."""
    case = overlapping_case(shared)
    goal = f"Rectum {at} <= {percent:g} %"
    protocol = protocol_of(COVERAGE, goal)
    dose = np.zeros(GRID.voxels)
    dose[:19] = 60.0  # the cold voxel is the last of the target, in the rectum
    table = judge(case, dose, protocol)
    rectum = table.rows[1]
    reached = rectum.value is not None and rectum.value <= percent
    finding = found(case, protocol).get(rectum.goal.name)
    assert (finding is not None and finding.severity == "impossible") is not reached


@pytest.mark.parametrize(
    ("goals", "against"),
    [
        ((COVERAGE, "PTV D5% <= 59 Gy"), COVERAGE),
        ((COVERAGE, "PTV D95% <= 59 Gy"), COVERAGE),
        ((COVERAGE, "PTV D19cc <= 59 Gy"), COVERAGE),
        ((COVERAGE, "PTV V55Gy <= 90 %"), COVERAGE),
        ((COVERAGE, "PTV Dmean <= 56.9 Gy"), COVERAGE),
        (("PTV V57Gy >= 99 %", "PTV D50% <= 56 Gy"), "PTV V57Gy >= 99 %"),
        (("PTV Dmean >= 62 Gy", "PTV Dmean <= 61 Gy"), "PTV Dmean >= 62 Gy"),
        (("PTV Paddick CI >= 0.9", "PTV Paddick CI <= 0.8"), "PTV Paddick CI >= 0.9"),
    ],
)
def test_goals_that_contradict_each_other(goals: tuple[str, str], against: str) -> None:
    findings = found(overlapping_case(), protocol_of(*goals))
    assert list(findings) == [goals[1]]
    assert findings[goals[1]].severity == "impossible"
    assert against in findings[goals[1]].reason


@pytest.mark.parametrize(
    "goal",
    ["PTV D5% <= 60 Gy", "PTV D98% <= 50 Gy", "PTV V55Gy <= 95 %", "PTV Dmean <= 57.1 Gy"],
)
def test_goals_that_only_look_contradictory(goal: str) -> None:
    assert not found(overlapping_case(), protocol_of(COVERAGE, goal))


def test_goals_against_the_normalisation() -> None:
    findings = found(overlapping_case(), protocol_of("PTV D98% >= 61 Gy", normalise=True))
    assert findings["PTV D98% >= 61 Gy"].severity == "impossible"
    assert not found(overlapping_case(), protocol_of("PTV D98% >= 60 Gy", normalise=True))
    assert not found(overlapping_case(), protocol_of("PTV D90% >= 61 Gy", normalise=True))


def test_goals_the_case_cannot_tell() -> None:
    goals = (COVERAGE, "Bladder Dmean <= 20 Gy", "Empty Dmean <= 20 Gy", "Rectum D11cc <= 9 Gy")
    findings = found(overlapping_case(0), protocol_of(*goals))
    assert list(findings) == list(goals[1:])
    assert {f.severity for f in findings.values()} == {"unjudged"}
    assert "no Bladder" in findings[goals[1]].reason
    assert "empty" in findings[goals[2]].reason
    assert "only 10 cc" in findings[goals[3]].reason


def test_limits_as_low_as_a_fraction_are_remarked_on() -> None:
    goal = "Rectum D5% <= 2 Gy"
    findings = found(overlapping_case(0), protocol_of(COVERAGE, goal))
    assert findings[goal].severity == "unusual"
    assert "1.2 times the dose per fraction (2 Gy)" in findings[goal].reason
    assert not found(overlapping_case(0), protocol_of(COVERAGE, goal, fractions=None))


def test_overlap_of_voxels_held_in_part() -> None:
    half = run_of("Half", "oar", 0, 10, 0.5)
    most = run_of("Most", "oar", 5, 15, 0.8)
    case = case_of(GRID, half, most)
    error = 2 * PART_ERROR  # of both, which a DVH counts to no better than that
    assert overlap_cc(half, most, case) == pytest.approx(5 * (0.3 - error))
    assert overlap_cc(half, half, case) == 0
    whole = run_of("Whole", "oar", 0, 10)
    assert overlap_cc(whole, whole, case) == pytest.approx(10)


def test_what_is_no_protocol_for_the_case() -> None:
    with pytest.raises(CaseError, match="prescribes to PTV, but case by-hand has Rectum"):
        find_infeasible(case_of(GRID, run_of("Rectum", "oar", 0, 5)), protocol_of(COVERAGE))
    with pytest.raises(GoalError, match="2 x 30 = 60 Gy"):
        find_infeasible(overlapping_case(), protocol_of("PTV D95% >= 2 Gy"))


APART = Grid(origin_mm=(0, 0, 0), spacing_mm=(10, 10, 10), shape=(1, 1, 61))
PTV_VOXELS, MOST_GY = 21, 200.0  # D95% >= 60 Gy leaves one of them cold


def apart(name: str, kind: StructureKind, first: int, last: int) -> Structure:
    """Whole voxels with a gap between any two, so that the dose varies inside none."""
    voxels = 2 * np.arange(first, last) + 1
    return Structure(name=name, kind=kind, voxels=voxels, occupancy=np.ones(voxels.size))


def least_hot_and_mean(organ: slice, influence: Floats, level: float) -> tuple[float, float]:
    """Fewest organ voxels at a level, and least mean dose there, by mixed-integer optimisation.

    Over all fluences x >= 0 whose dose is at most 200 Gy and gives all but one voxel of the
    target 60 Gy or more. Variables: x, one 0/1 per voxel of the target (it has its dose) and one
    per voxel of the organ (it is at the level).
    """
    dose_of_ptv, dose_of_organ = influence[:PTV_VOXELS], influence[organ]
    n, m, k = influence.shape[1], PTV_VOXELS, dose_of_organ.shape[0]
    rows = [
        LinearConstraint(np.hstack([dose_of_ptv, -60.0 * np.eye(m), np.zeros((m, k))]), lb=0.0),
        LinearConstraint(np.hstack([np.zeros(n), np.ones(m), np.zeros(k)]), lb=PTV_VOXELS - 1),
        LinearConstraint(
            np.hstack([dose_of_organ, np.zeros((k, m)), -MOST_GY * np.eye(k)]),
            ub=level * (1 - 1e-6),
        ),
        LinearConstraint(
            np.hstack([influence, np.zeros((influence.shape[0], m + k))]), ub=MOST_GY
        ),
    ]
    whole = np.concatenate([np.zeros(n), np.ones(m + k)])
    upper = np.concatenate([np.full(n, np.inf), np.ones(m + k)])
    found = []
    for cost in (
        np.concatenate([np.zeros(n + m), np.ones(k)]),
        np.concatenate([dose_of_organ.mean(axis=0), np.zeros(m + k)]),
    ):
        solved = milp(cost, constraints=rows, integrality=whole, bounds=(0, upper))
        assert solved.success, solved.message
        found.append(float(solved.fun))
    return found[0], found[1]


@pytest.mark.parametrize("shared", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("beamlets", [None, 16])
def test_bounds_against_direct_optimisation(shared: int, beamlets: int | None) -> None:
    """HiGHS finds the best plan there is; nothing it reaches is called impossible."""
    first, size = PTV_VOXELS - shared, 10
    case = case_of(
        APART, apart("PTV", "target", 0, PTV_VOXELS), apart("Rectum", "oar", first, first + size)
    )
    influence = np.eye(30)  # any dose at all
    if beamlets is not None:  # a dose that spreads
        place, centre = np.arange(30)[:, None], np.linspace(0, 29, beamlets)
        influence = np.exp(-0.5 * ((place - centre) / 2.0) ** 2)
    fewest, mean = least_hot_and_mean(slice(first, first + size), influence, 50.0)
    best = {"V50Gy": 100 * fewest / size, "Dmean": mean}
    for metric, reached in best.items():
        for limit in (0.0, 0.9 * reached, max(reached - 1e-3, 0.0), reached + 1e-3):
            goal = f"Rectum {metric} <= {limit:.6g} {'%' if metric == 'V50Gy' else 'Gy'}"
            for finding in found(case, protocol_of(COVERAGE, goal, fractions=None)).values():
                if finding.severity == "impossible":
                    assert finding.bound is not None
                    assert finding.bound <= reached + 1e-6
                    assert limit < reached
    if shared > 1 and beamlets is None:  # the bound is sharp but for the part of a cold voxel
        finding = found(case, protocol_of(COVERAGE, "Rectum V50Gy <= 0 %"))["Rectum V50Gy <= 0 %"]
        assert finding.bound == pytest.approx(best["V50Gy"], abs=100 * 0.05 / size + 1e-6)
        assert "no plan of this case reaches it while PTV D95% >= 60 Gy holds" in finding.note()


@pytest.mark.parametrize("spacing", [2.0, 3.0, 5.0])
@pytest.mark.parametrize(
    "metric", ["D0.5%", "D10%", "V50Gy", "V60Gy", "Dmean", "gEUD(a=2)", "gEUD(a=8)"]
)
def test_bounds_hold_for_voxels_held_in_part(spacing: float, metric: str) -> None:
    """Doses made to break them: cold where it helps, steep, wavy, falling beyond the target."""
    grid = centred_grid(34, spacing, (0.3, 0.1, 0.4))
    case = case_of(
        grid,
        occupied("PTV", "target", ball(18.0), grid),
        occupied("Rectum", "oar", ball(12.0, (12.0, 4.0, 0.0)), grid),
    )
    goal = f"Rectum {metric} <= 0.01 {'%' if metric[0] == 'V' else 'Gy'}"
    finding = found(case, protocol_of(COVERAGE, goal, fractions=None))[goal]
    assert finding.severity == "impossible"
    assert finding.bound is not None
    coverage, wanted = parse_goal(COVERAGE).metric, finding.goal.metric
    x, y, z = grid.centres_mm().T
    rng = np.random.default_rng(7)
    doses = []
    for cut in (4.0, 8.0, 10.0, 12.0, 14.0, 30.0):  # from here on towards the organ it is cold
        side = x + 0.3 * y
        inside = x**2 + y**2 + z**2 <= (18.0 + spacing) ** 2
        doses += [
            np.where(inside & (side < cut), 60.0, 0.0),
            np.clip(60.0 - 30.0 * (side - cut) / spacing, 0.0, None) * inside,
            60.0 * np.exp(-np.maximum(side - cut, 0.0) * np.log(2) / spacing),
            60.0 + 20 * np.sin(x / 3 + cut) * np.cos(y / 4) * np.sin(z / 5),
            rng.uniform(0, 60, grid.voxels) * inside + 30 * (side < cut),
        ]
    tried = 0
    for dose in doses:
        reached = value(coverage, dose, case)
        if reached < 1e-3:
            continue
        tried += 1
        assert value(wanted, dose * (60.0 / reached), case) >= finding.bound * (1 - 1e-6)
    assert tried > 15


@pytest.mark.parametrize("spacing", [2.0, 3.0, 5.0])
@pytest.mark.parametrize(("metric", "tight"), [("Dmean", 0.9), ("gEUD(a=2)", 0.8)])
def test_bounds_of_a_target_on_itself_hold_and_are_tight(
    spacing: float, metric: str, tight: float
) -> None:
    """Voxels held in part count by what their centres receive at least."""
    grid = centred_grid(24, spacing, (0.3, 0.1, 0.4))
    case = case_of(grid, occupied("PTV", "target", ball(14.0), grid))
    goal = f"PTV {metric} <= 13 Gy"
    finding = found(case, protocol_of(COVERAGE, goal, fractions=None))[goal]
    assert finding.severity == "impossible"
    assert finding.bound is not None
    assert finding.bound > tight * 60.0
    x, y, z = grid.centres_mm().T
    away, rng = np.sqrt(x**2 + y**2 + z**2), np.random.default_rng(3)
    doses = [np.where(away <= edge, 60.0, 0.0) for edge in np.arange(11.0, 20.0, 0.5)]
    doses += [60.0 + 5.0 * np.clip(away - k, 0.0, None) for k in (8.0, 11.0, 13.0, 14.0)]
    doses += [60.0 * (away <= 20) * (1 + 0.4 * np.sin(x / k + y / 3)) for k in (1.0, 2.0, 5.0)]
    doses += [rng.uniform(low, 60, grid.voxels) for low in (0.0, 20.0, 50.0)]
    coverage, wanted = parse_goal(COVERAGE).metric, finding.goal.metric
    ratios = []
    for dose in doses:
        reached = value(coverage, dose, case)
        if reached > 1e-3:
            ratios.append(value(wanted, dose * (60.0 / reached), case) / finding.bound)
    assert len(ratios) > 15
    assert min(ratios) >= 1 - 1e-6
    assert min(ratios) < 1.25


def test_a_negative_geud_of_a_target_may_be_as_low_as_wanted() -> None:
    """The volume that D94% leaves cold decides it: nothing is impossible."""
    protocol = protocol_of("PTV D94% >= 60 Gy", "PTV gEUD(a=-10) <= 30 Gy")
    assert not found(overlapping_case(), protocol)
    dose = np.where(np.arange(GRID.voxels) < 19, 60.0, 15.0)
    assert judge(overlapping_case(), dose, protocol).all_met


@given(st.floats(0.02, 1.0), st.floats(0.01, 1.0), st.sampled_from([1.0, 2.0, 8.0]))
def test_no_slope_beats_the_factor_of_a_part(part: float, hot: float, a: float) -> None:
    """All slopes and angles to the normal, by the definition of the dose in a part."""
    slope = np.linspace(0.0, np.sqrt(3.0), 61)[:, None]
    across = slope * np.linspace(-1.0, 1.0, 61)
    width = np.sqrt(np.maximum(slope**2 - across**2 * (1 - part**2), 0.0))
    most = float((1 + across * (1 - part) / 2 + (0.5 - hot) * width).max())  # t / d
    (factor,) = centre_factor(np.array([part]), a)
    assert most**-a >= factor * hot * (1 - 1e-9)


@pytest.mark.parametrize("a", [1.0, 1.5, 2.0, 4.0, 8.0, 40.0])
def test_the_factor_of_geuds_is_the_least_ratio(a: float) -> None:
    share = np.linspace(1e-4, 1.0, 200_001)
    centre = 1.0 / (1.0 + np.sqrt(3) * np.maximum(0.5 - share, 0.0))
    assert geud_factor(a) == pytest.approx(min(1.0, float((centre**a / share).min())), rel=1e-6)
