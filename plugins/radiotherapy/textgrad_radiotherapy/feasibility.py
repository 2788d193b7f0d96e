"""Goals that no plan can reach, told before anything is optimised.

Only the geometry and the goals are looked at, by these inequalities. A target goal ``D_v >= t``
(and the normalisation, which is one) leaves at most the rest of the target, its cold part, below
t. So of the volume an organ shares with the target at least the overlap without that cold part
receives t. The overlap of two structures that hold a voxel in part is at least
max(0, a + b - 1) of it; it counts as that, so nothing is called impossible that is not.
Where a goal only holds if the cold part is placed in the overlap, it is called doubtful.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.course_dose import check_per_course, remark_on_fraction
from textgrad_radiotherapy.goals import Goal, Metric, Protocol
from textgrad_radiotherapy.judgement import unjudgeable
from textgrad_radiotherapy.structure_names import matched

Severity = Literal["impossible", "doubtful", "unjudged"]
SLACK = 1e-9  # relative: what exceeds a bound by less exceeds it by rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with a goal before any plan is made.

    Args:
        goal: The goal, its structure named as the case names it.
        severity: ``impossible``: no plan meets it together with the goals it names. ``doubtful``:
            hardly any plan does, or it may be mistaken. ``unjudged``: the case cannot tell.
        reason: What forbids it, with the numbers.
        remedy: What to change.
    """

    goal: Goal
    severity: Severity
    reason: str
    remedy: str

    def text(self) -> str:
        """One paragraph."""
        return f"{self.severity}: {self.goal.name}: {self.reason}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Demand:
    """That at least this share of a structure receives at least a dose (or at most does)."""

    goal: Goal | None
    name: str
    structure: str
    share: float
    dose_gy: float


def find_infeasible(case: Case, protocol: Protocol) -> tuple[Finding, ...]:
    """Goals of a protocol that cannot be met on a case, in the protocol's order.

    Args:
        case: The case; structures are matched by name and by the protocol's aliases.
        protocol: The goals.

    Raises:
        CaseError: If a target is missing, or a name is ambiguous.
        GoalError: If a dose in the protocol is not per course.
    """
    check_per_course(protocol)
    protocol = matched(protocol, case)
    findings = []
    judgeable = []
    for goal in protocol.goals:
        reason = unjudgeable(goal, case)
        if reason:
            remedy = "add the structure, name it in the protocol's aliases, or drop the goal"
            findings.append(Finding(goal=goal, severity="unjudged", reason=reason, remedy=remedy))
            continue
        judgeable.append(goal)
        remark = remark_on_fraction(goal, protocol)
        if remark:
            findings.append(
                Finding(
                    goal=goal,
                    severity="doubtful",
                    reason=remark,
                    remedy="if it is per fraction, multiply it by the number of fractions",
                )
            )
    floors = [demand for goal in judgeable for demand in _floor(goal, case)]
    floors += _normalisation(protocol)
    for goal in judgeable:
        findings += _contradictions(goal, floors, judgeable, case)
        findings += _overlaps(goal, floors, case)
    order = {goal.name: i for i, goal in enumerate(protocol.goals)}
    return tuple(sorted(findings, key=lambda f: (order[f.goal.name], f.severity)))


def overlap_cc(one: Structure, other: Structure, case: Case) -> float:
    """Volume that two structures share for certain, cc."""
    _, i, j = np.intersect1d(one.voxels, other.voxels, return_indices=True)
    shared = np.maximum(one.occupancy[i] + other.occupancy[j] - 1.0, 0.0)
    return float(shared.sum()) * case.grid.voxel_cc


def _share(metric: Metric, argument: float, case: Case) -> float:
    """A volume as a share of the metric's structure."""
    if metric.kind in ("Dcc", "Vcc"):
        return argument / case.structures[metric.structure].volume_cc(case.grid)
    return argument / 100


def _point(goal: Goal, case: Case) -> tuple[float, float] | None:
    """The point (share, dose) of the histogram that a D or V goal bounds; None for others."""
    if goal.metric.kind in ("D%", "Dcc"):
        return _share(goal.metric, goal.metric.argument, case), goal.limit
    if goal.metric.kind in ("V%", "Vcc"):
        return _share(goal.metric, goal.limit, case), goal.metric.argument
    return None


def _floor(goal: Goal, case: Case) -> list[_Demand]:
    point = _point(goal, case)
    if goal.direction == "<=" or point is None:
        return []
    structure = goal.metric.structure
    return [
        _Demand(
            goal=goal, name=goal.name, structure=structure, share=point[0], dose_gy=point[1]
        )
    ]  # fmt: skip


def _normalisation(protocol: Protocol) -> list[_Demand]:
    if protocol.normalise is None:
        return []
    target, volume, dose = protocol.normalise
    demand = _Demand(
        goal=None,
        name=f"the normalisation {target} D{volume:g}% = {dose:g} Gy",
        structure=target,
        share=volume / 100,
        dose_gy=dose,
    )
    return [demand]


def _contradictions(
    goal: Goal, floors: list[_Demand], goals: list[Goal], case: Case
) -> list[Finding]:
    """What goals on the same structure forbid of a bound."""
    if goal.direction == ">=":
        return _against_normalisation(goal, floors, case)
    name, findings = goal.metric.structure, []
    for other in goals:
        if other.direction == ">=" and other.metric == goal.metric and other.limit > goal.limit:
            findings.append(_against(goal, other.name, "asks for more of the same"))
    same = [floor for floor in floors if floor.structure == name and floor.share > 0]
    point = _point(goal, case)
    for floor in same:
        if floor.goal is not None and floor.goal.metric == goal.metric:
            continue
        if point is not None and _exceeds(goal, floor.share, floor.dose_gy, point):
            why = (
                f"asks {floor.dose_gy:g} Gy of {floor.share:.4g} of {name}, but no more than "
                f"{point[0]:.4g} of it may exceed {point[1]:g} Gy"
            )
            findings.append(_against(goal, floor.name, why))
        least = _least(goal, floor.share, floor.dose_gy)
        if least is not None and least > goal.limit * (1 + SLACK):
            why = f"brings it to {least:.4g} Gy at least"
            findings.append(_against(goal, floor.name, why))
    return findings[:1]


def _exceeds(goal: Goal, share: float, dose: float, point: tuple[float, float]) -> bool:
    """Whether a share that receives a dose breaks the upper bound of a D or a V at a point."""
    if goal.metric.unit == "Gy":
        return share >= point[0] * (1 - SLACK) and dose > point[1] * (1 + SLACK)
    return share > point[0] * (1 + SLACK) and dose >= point[1]


def _against_normalisation(goal: Goal, floors: list[_Demand], case: Case) -> list[Finding]:
    """A target scaled to a dose does not receive more of it in a larger volume."""
    point = _point(goal, case)
    for floor in floors:
        fixed = floor.goal is None and floor.structure == goal.metric.structure
        if fixed and point and point[0] >= floor.share and point[1] > floor.dose_gy * (1 + SLACK):
            why = f"leaves {point[0]:.4g} of it at {floor.dose_gy:g} Gy at most"
            return [_against(goal, floor.name, why)]
    return []


def _against(goal: Goal, other: str, why: str) -> Finding:
    return Finding(
        goal=goal,
        severity="impossible",
        reason=f"{other} {why}",
        remedy="relax one of the two",
    )


def _least(goal: Goal, share: float, dose: float) -> float | None:
    """The least mean dose or gEUD if this share receives a dose; None for other metrics."""
    a = 1.0 if goal.metric.kind == "mean" else goal.metric.argument
    if goal.metric.kind not in ("mean", "gEUD") or a < 1 or share <= 0:
        return None
    return float(dose * share ** (1 / a))


def _overlaps(goal: Goal, floors: list[_Demand], case: Case) -> list[Finding]:
    """What the dose of a target forbids of an upper bound on a structure it overlaps."""
    if goal.direction == ">=":
        return []
    organ = case.structures[goal.metric.structure]
    volume = organ.volume_cc(case.grid)
    findings = []
    for floor in floors:
        if floor.structure == organ.name:
            continue
        target = case.structures[floor.structure]
        shared = overlap_cc(organ, target, case)
        cold = (1 - floor.share) * target.volume_cc(case.grid)
        where = f"{shared:.3g} of its {volume:.3g} cc lie in {floor.structure}"
        hot = shared - cold
        severity: Severity = "impossible"
        broken = _broken(goal, hot, volume, floor.dose_gy, case)
        reason = f"{where}; with {floor.name} at least {hot:.3g} cc receive it, {broken}"
        if not broken:
            severity = "doubtful"
            broken = _broken(goal, shared, volume, floor.dose_gy, case)
            reason = (
                f"{where}, {broken}; it holds only if much of the {cold:.3g} cc that "
                f"{floor.name} leaves cold is placed there"
            )
        if broken:
            remedy = f"relax one of the two, or judge {organ.name} without {floor.structure}"
            findings.append(Finding(goal=goal, severity=severity, reason=reason, remedy=remedy))
    return sorted(findings, key=lambda f: f.severity != "impossible")[:1]


def _broken(goal: Goal, hot_cc: float, volume_cc: float, dose: float, case: Case) -> str:
    """How a hot part of a structure breaks a bound; empty if it does not."""
    if hot_cc <= 0:
        return ""
    share = hot_cc / volume_cc
    point = _point(goal, case)
    if point is not None and _exceeds(goal, share, dose, point):
        return f"more than the {point[0] * volume_cc:.3g} cc it may have at {point[1]:g} Gy"
    least = _least(goal, share, dose)
    if least is not None and least > goal.limit * (1 + SLACK):
        return f"which makes {least:.4g} Gy already"
    return ""
