"""Goals that no plan can reach, told before anything is optimised.

Only the geometry and the goals are looked at, by these inequalities. A target goal ``D_v >= t``
(and the normalisation, which is one) leaves at most the rest of the target, its cold part, below
t. So of the volume an organ shares with the target at least the overlap without that cold part
receives t (`certain_overlap` counts voxels held in part so that this holds for every dose, as
`metrics` measures it). Nothing is called impossible that is not, but for rounding.
Where a goal only holds if the cold part is placed in the overlap, it is called doubtful.
"""

from __future__ import annotations

from dataclasses import dataclass

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.certain_overlap import geud_factor, overlap_cc, sure_share
from textgrad_radiotherapy.course_dose import check_per_course, remark_on_fraction
from textgrad_radiotherapy.finding import Finding
from textgrad_radiotherapy.goals import Goal, Metric, Protocol
from textgrad_radiotherapy.normal_tissue import PARTS
from textgrad_radiotherapy.structure_names import matched

SLACK = 1e-9  # relative: volumes and doses closer than this are the same but for rounding
CLEARLY = 1e-5  # relative: what exceeds a limit by less may still be judged to meet it


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
                    severity="unusual",
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


def unjudgeable(goal: Goal, case: Case) -> str:
    """Why a goal cannot be judged on a case; empty if it can."""
    structure = case.structures.get(goal.metric.structure)
    if structure is None:
        return f"the case has no {goal.metric.structure}"
    volume = structure.volume_cc(case.grid)
    if not volume > 0:
        return f"{structure.name} is empty on the dose grid"
    if goal.metric.kind in PARTS:
        volume = PARTS[goal.metric.kind](structure, case).volume_cc(case.grid)
    if (goal.metric.kind == "Dcc" or goal.metric.kind in PARTS) and goal.metric.argument > volume:
        return f"{structure.name} has only {volume:.3g} cc{goal.metric.label.partition('cc')[2]}"
    return ""


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
    name = goal.metric.structure
    for other in goals:
        if other.direction == ">=" and other.metric == goal.metric and _beyond(other.limit, goal):
            return [_against(goal, other.name, "asks for more of the same", other.limit)]
    point = _point(goal, case)
    for floor in floors:
        if floor.structure != name or floor.share <= 0:
            continue
        if floor.goal is not None and floor.goal.metric == goal.metric:
            continue
        bound = _least_of_same(goal, floor, case)
        if bound is None or not _beyond(bound, goal):
            continue
        why = f"brings it to {bound:.4g} Gy at least"
        if point is not None:
            why = (
                f"asks {floor.dose_gy:g} Gy of {100 * floor.share:.4g} % of {name}, but no more "
                f"than {100 * point[0]:.4g} % of it may exceed {point[1]:g} Gy"
            )
        return [_against(goal, floor.name, why, bound)]
    return []


def _least_of_same(goal: Goal, floor: _Demand, case: Case) -> float | None:
    """The least value of a metric if a share of its own structure receives a dose."""
    point, share = _point(goal, case), floor.share
    if point is not None and goal.metric.unit == "Gy":
        return floor.dose_gy if share >= point[0] * (1 - SLACK) else None
    structure, metric = case.structures[floor.structure], goal.metric
    if point is not None:
        return _least(goal, share * structure.volume_cc(case.grid), floor.dose_gy, case)
    a = 1.0 if metric.kind == "mean" else metric.argument
    if metric.kind not in ("mean", "gEUD") or a < 1:
        return None  # below 0 a little of the structure without dose makes a gEUD as low as wanted
    return float(floor.dose_gy * sure_share(structure, share, a) ** (1 / a))


def _least(goal: Goal, hot_cc: float, dose_gy: float, case: Case) -> float | None:
    """The least value of a metric if a volume of its structure receives a dose.

    None if that says nothing of the metric.
    """
    total = case.structures[goal.metric.structure].volume_cc(case.grid)
    share, metric = hot_cc / total, goal.metric
    if share <= 0:
        return None
    if metric.kind in ("D%", "Dcc"):
        return dose_gy if share > _share(metric, metric.argument, case) * (1 + SLACK) else None
    if metric.kind in ("V%", "Vcc"):
        reached = dose_gy >= metric.argument
        return (hot_cc if metric.kind == "Vcc" else 100 * share) if reached else None
    if metric.kind == "mean":
        return dose_gy * share
    if metric.kind == "gEUD" and metric.argument >= 1:
        a = metric.argument
        return float(dose_gy * (share * geud_factor(a)) ** (1 / a))
    return None


def _beyond(bound: float, goal: Goal) -> bool:
    """Whether a bound on the metric is above the limit by more than rounding."""
    return bound > goal.limit + CLEARLY * max(1.0, abs(goal.limit))


def _against_normalisation(goal: Goal, floors: list[_Demand], case: Case) -> list[Finding]:
    """A target scaled to a dose does not receive more of it in a larger volume."""
    point = _point(goal, case)
    for floor in floors:
        fixed = floor.goal is None and floor.structure == goal.metric.structure
        if not fixed or point is None or point[1] <= floor.dose_gy * (1 + CLEARLY):
            continue
        if goal.metric.unit == "Gy" and point[0] >= floor.share:
            why = f"leaves {100 * point[0]:.4g} % of it at {floor.dose_gy:g} Gy at most"
            return [_against(goal, floor.name, why, floor.dose_gy)]
        if goal.metric.unit != "Gy" and point[0] > floor.share * (1 + CLEARLY):
            why = f"leaves {100 * floor.share:.4g} % of it above {floor.dose_gy:g} Gy at most"
            return [_against(goal, floor.name, why, None)]
    return []


def _against(goal: Goal, other: str, why: str, bound: float | None) -> Finding:
    return Finding(
        goal=goal,
        severity="impossible",
        reason=f"{other} {why}",
        remedy="relax one of the two",
        against=other,
        bound=bound,
    )


def _overlaps(goal: Goal, floors: list[_Demand], case: Case) -> list[Finding]:
    """What the dose of a target forbids of an upper bound on a structure it overlaps."""
    if goal.direction == ">=":
        return []
    organ = case.structures[goal.metric.structure]
    findings = [
        found
        for floor in floors
        if floor.structure != organ.name
        and (found := _overlap_finding(goal, floor, case)) is not None
    ]
    return sorted(findings, key=lambda f: (f.severity != "impossible", -(f.bound or 0.0)))[:1]


def _overlap_finding(goal: Goal, floor: _Demand, case: Case) -> Finding | None:
    """What one target forbids."""
    organ, target = (case.structures[n] for n in (goal.metric.structure, floor.structure))
    volume, shared = organ.volume_cc(case.grid), overlap_cc(organ, target, case)
    cold = (1 - floor.share) * target.volume_cc(case.grid)
    cold *= organ.stands_for / target.stands_for  # as the organ's voxels count
    where = f"{shared:.3g} of its {volume:.3g} cc lie in {target.name} for certain"
    remedy = f"relax one of the two, or judge {organ.name} without {target.name}"
    hot = shared - cold
    bound = _least(goal, hot, floor.dose_gy, case)
    if bound is not None and _beyond(bound, goal):
        reason = f"{where}; with {floor.name} at least {hot:.3g} cc receive it, "
        return Finding(
            goal=goal,
            severity="impossible",
            reason=reason + _told(goal, bound, volume, case),
            remedy=remedy,
            against=floor.name,
            bound=bound,
        )
    loose = _least(goal, shared, floor.dose_gy, case)
    if loose is None or not _beyond(loose, goal):
        return None
    reason = (
        f"{where}, {_told(goal, loose, volume, case)}; it holds only if much of the {cold:.3g} cc "
        f"that {floor.name} leaves cold is placed there"
    )
    return Finding(goal=goal, severity="doubtful", reason=reason, remedy=remedy)


def _told(goal: Goal, bound: float, volume_cc: float, case: Case) -> str:
    """How a hot part of a structure breaks a limit."""
    point = _point(goal, case)
    if point is None:
        return f"which makes {bound:.4g} Gy already"
    return f"more than the {point[0] * volume_cc:.3g} cc it may have at {point[1]:g} Gy"
