"""The objective a planner starts from: terms read off the goals of a protocol, all weights 1."""

from __future__ import annotations

from collections.abc import Mapping

from textgrad_radiotherapy.case import StructureKind
from textgrad_radiotherapy.errors import GoalError
from textgrad_radiotherapy.goals import Goal, Protocol
from textgrad_radiotherapy.terms import Term

UNDER, OVER = 1.01, 1.03  # levels of a target's terms, of its prescription
TOWARDS_GOAL = (
    0.5  # where goals limit its dose, overdose begins that far from prescription to goal
)
BELOW_GOAL = 0.8  # a term starts to push below the dose its goal allows to a volume
MOST_LEVELS = 3  # terms per organ
BODY = 0.5  # of the highest prescription
UNJUDGED = 30.0 / 70.2  # of it: an organ without goals, as TextGrad's femoral heads


def starting_terms(
    protocol: Protocol, structures: Mapping[str, StructureKind]
) -> tuple[Term, ...]:
    """Terms of the inner objective for a protocol.

    Every target gets an underdose and an overdose term about its prescription, the latter halfway
    to the lowest dose that its goals allow (a neighbour of a hotter target is allowed more than
    its own 3 per cent; a goal near the prescription leaves room for less); every organ at
    risk with a goal overdose terms at the doses of its goals (at most three) and its mean dose,
    one without any an overdose term at a low dose, for else dose is put there freely;
    the body overdose at half the prescription. All weights are 1.

    Args:
        protocol: Its structures named as the case names them (`structure_names.matched`).
        structures: Kind of every structure of the case by name.

    Raises:
        GoalError: If no target has a prescription.
    """
    terms: list[Term] = []
    for target, dose in protocol.prescription_gy.items():
        under, over = round(UNDER * dose, 2), round(_over(protocol, target, dose), 2)
        terms += [
            Term(
                name=f"{target} under", structure=target, kind="squared-underdose", dose_gy=under
            ),
            Term(name=f"{target} over", structure=target, kind="squared-overdose", dose_gy=over),
        ]
    if not terms:
        raise GoalError(f"protocol {protocol.name} prescribes no dose to a target: add one")
    highest = max(protocol.prescription_gy.values())
    for name, kind in structures.items():
        goals = [g for g in protocol.goals if g.metric.structure == name and g.direction == "<="]
        if kind != "oar":
            continue
        for level in _levels(goals) or [round(UNJUDGED * highest, 1)]:
            terms.append(
                Term(
                    name=f"{name} over {level:g}",
                    structure=name,
                    kind="squared-overdose",
                    dose_gy=level,
                )
            )
        if goals:
            terms.append(Term(name=f"{name} mean", structure=name, kind="mean-dose"))
    for name, kind in structures.items():
        if kind == "external":
            level = round(BODY * highest, 1)
            over_body = f"{name} over {level:g}"
            terms.append(
                Term(name=over_body, structure=name, kind="squared-overdose", dose_gy=level)
            )
    return tuple(terms)


def _over(protocol: Protocol, target: str, prescribed_gy: float) -> float:
    """Dose level at which the overdose of a target begins."""
    limits = [
        goal.limit
        for goal in protocol.goals
        if goal.metric.structure == target
        and goal.direction == "<="
        and goal.metric.kind in ("D%", "Dcc", "mean")
        and goal.limit > prescribed_gy
    ]
    if not limits:
        return OVER * prescribed_gy
    return prescribed_gy + TOWARDS_GOAL * (min(limits) - prescribed_gy)


def _levels(goals: list[Goal]) -> list[float]:
    """Dose levels of an organ's terms, ascending, spread over those of its goals."""
    found = set()
    for goal in goals:
        kind = goal.metric.kind
        if kind in ("V%", "Vcc") and goal.metric.argument > 0:
            found.add(round(goal.metric.argument, 1))
        elif kind in ("D%", "Dcc", "gEUD") and goal.limit > 0:
            found.add(round(BELOW_GOAL * goal.limit, 1))
    levels = sorted(found)
    if len(levels) <= MOST_LEVELS:
        return levels
    return [levels[0], levels[len(levels) // 2], levels[-1]]
