"""What the weights are to achieve, in words: for prompts, and for people before a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.course_dose import remark_on_prescription
from textgrad_radiotherapy.finding import Finding
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.normalisation import normalisation_text
from textgrad_radiotherapy.plan import RESERVE_PERCENT
from textgrad_radiotherapy.terms import Term
from textgrad_radiotherapy.weights import DOSES, LEAST, LEAST_LEVEL, MOST, MOST_LEVEL

FEW_VOXELS = 100  # a structure of fewer has a histogram of few values


def task_text(protocol: Protocol, terms: Sequence[Term], findings: Sequence[Finding]) -> str:
    """The task as it is told to whoever chooses the weights.

    Args:
        protocol: The goals.
        terms: The objective; the first is the reference.
        findings: What is known of the goals before planning.
    """
    n = protocol.fractions
    course = f"in {n} fractions" if n else "fractions not stated"
    known = {f.goal.name: f" ({f.note()})" for f in findings if f.note()}
    known |= {f.goal.name: f" (not judged: {f.reason})" for f in findings if _unjudged(f)}
    goals = [
        f"- priority {goal.priority}: {goal.name}"
        + ("" if goal.acceptable is None else f", acceptable {goal.acceptable:g}")
        + known.get(goal.name, "")
        for goal in protocol.goals
    ]
    levels = [
        f"- {t.name!r}: {t.kind} of {t.structure}"
        + ("" if t.kind == "mean-dose" else f" at {t.dose_gy:g} Gy")
        for t in terms
    ]
    rule = normalisation_text(protocol)
    scaled = f" Afterwards the plan is scaled to {rule}." if rule else ""
    return "\n".join(
        [
            f"{protocol.title}, doses in Gy per course, {course}. Goals:",
            *goals,
            "Minimise the penalty: the sum over the goals of 2^(1 - priority) x miss in %, doses "
            "in % of the highest prescription, volumes in % of the structure; about "
            f"{RESERVE_PERCENT:g} % of room is asked for, and counts less than a miss.",
            f"The fluence minimises the weighted sum of these terms exactly.{scaled} Terms:",
            *levels,
            f"Answer with one JSON object: a positive number for each term, {LEAST:g} to {MOST:g} "
            f"times that of {terms[0].name!r}; only ratios matter. It may also hold {DOSES!r}, an "
            f"object of dose levels in Gy per course by term name, {LEAST_LEVEL:g} to "
            f"{MOST_LEVEL:g} times those above.",
        ]
    )


def notes_before(
    protocol: Protocol, findings: Sequence[Finding], inside: Sequence[str], anatomy: Case
) -> tuple[str, ...]:
    """What a user has to know before planning, one sentence each.

    Goals that are only tight are left out: a plan may well reach them.

    Args:
        protocol: The goals.
        findings: What is known of them.
        inside: Structures that lie inside targets.
        anatomy: The case, for the size of its structures in voxels.
    """
    found = [f"{f.goal.name}: {f.note()} ({f.reason}; {f.remedy})." for f in findings if f.note()]
    found += [
        f"{f.goal.name}: {f.reason}; {f.remedy}." for f in findings if f.severity == "unusual"
    ]
    found += [f"{f.goal.name} is not judged: {f.reason}." for f in findings if _unjudged(f)]
    told = share_judged(protocol, findings)
    if told and sum(map(_unjudged, findings)) > len(protocol.goals) / 2:
        found.append(
            f"Protocol {protocol.name} and case {anatomy.name} may not belong together: {told}."
        )
    judged = {goal.metric.structure for goal in protocol.goals}
    found += [
        f"{name} lies inside targets altogether: no term of the objective looks at it, its goals "
        "are judged all the same."
        for name in inside
        if name in judged
    ]
    found += [
        remark_on_prescription(protocol.prescription_gy, protocol.fractions),
        other_prescription_note(protocol, anatomy),
        coarse_grid_note(anatomy),
    ]
    return tuple(note for note in found if note)


def other_prescription_note(protocol: Protocol, case: Case) -> str:
    """How the protocol prescribes otherwise than the case does; empty if it does not."""
    own, planned = case.prescription_gy, protocol.prescription_gy
    other_dose = any(
        not math.isclose(own[name], planned[name], rel_tol=1e-6) for name in own if name in planned
    )
    known = case.fractions is not None and protocol.fractions is not None
    if not (
        other_dose or set(own) - set(planned) or (known and case.fractions != protocol.fractions)
    ):
        return ""
    return (
        f"The case prescribes {_course(own, case.fractions)}; protocol {protocol.name} is planned "
        f"instead: {_course(planned, protocol.fractions)}."
    )


def _course(prescription_gy: Mapping[str, float], fractions: int | None) -> str:
    doses = ", ".join(f"{dose:g} Gy to {name}" for name, dose in prescription_gy.items())
    return f"{doses} in {fractions} fractions" if fractions else f"{doses}, fractions not stated"


def share_judged(protocol: Protocol, findings: Sequence[Finding]) -> str:
    """How many of the goals the case can be judged by; empty if it is all of them."""
    unjudged = sum(map(_unjudged, findings))
    total = len(protocol.goals)
    return f"{total - unjudged} of {total} goals judged" if unjudged else ""


def coarse_grid_note(case: Case) -> str:
    """What a grid too coarse for the smallest target or organ means; empty if it is not."""
    counts = {
        name: float(structure.occupancy.sum())
        for name, structure in case.structures.items()
        if structure.kind != "external"
    }
    smallest = min(counts, key=lambda name: counts[name], default="")
    if not smallest or counts[smallest] >= FEW_VOXELS:
        return ""
    volume_cc = case.structures[smallest].volume_cc(case.grid)
    finer = math.floor(20 * (volume_cc / FEW_VOXELS) ** (1 / 3)) / 2  # mm, in steps of a half
    remedy = f"a dose grid of {finer:g} mm" if finer >= 1 else "a finer dose grid"
    spacing = " x ".join(f"{step:.3g}" for step in case.grid.spacing_mm)
    return (
        f"The dose grid is coarse for {smallest}: {volume_cc:.3g} cc are {counts[smallest]:.0f} "
        f"voxels of {spacing} mm, fewer than {FEW_VOXELS}, so its histogram and goals are "
        f"uncertain; {remedy} has enough (--grid-mm, where the influence is computed here)."
    )


def _unjudged(finding: Finding) -> bool:
    return finding.severity == "unjudged"
