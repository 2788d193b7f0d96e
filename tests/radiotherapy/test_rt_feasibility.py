"""Goals that no plan can reach are told, and only those."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_cases import case_of
from textgrad_radiotherapy.case import Case, Structure, StructureKind
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.feasibility import Finding, find_infeasible, overlap_cc
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.goal_notation import parse_goal
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.judgement import judge

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
        ("Rectum D40% <= 59 Gy", "impossible"),
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
    assert findings[goal].severity == "doubtful"
    assert "1.2 times the dose per fraction (2 Gy)" in findings[goal].reason
    assert not found(overlapping_case(0), protocol_of(COVERAGE, goal, fractions=None))


def test_overlap_of_voxels_held_in_part() -> None:
    half = run_of("Half", "oar", 0, 10, 0.5)
    most = run_of("Most", "oar", 5, 15, 0.8)
    case = case_of(GRID, half, most)
    assert overlap_cc(half, most, case) == pytest.approx(5 * 0.3)
    assert overlap_cc(half, half, case) == 0


def test_what_is_no_protocol_for_the_case() -> None:
    with pytest.raises(CaseError, match="prescribes to PTV, but case by-hand has Rectum"):
        find_infeasible(case_of(GRID, run_of("Rectum", "oar", 0, 5)), protocol_of(COVERAGE))
    with pytest.raises(GoalError, match="2 x 30 = 60 Gy"):
        find_infeasible(overlapping_case(), protocol_of("PTV D95% >= 2 Gy"))
