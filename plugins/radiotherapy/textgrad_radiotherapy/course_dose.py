"""Doses are per course: what looks like a dose per fraction, or like cGy, is refused.

The rules, with P the prescription of a target in n fractions:

1. P is at most 200 Gy and so is every dose in a goal: more are cGy.
2. P / n is at least 0.5 Gy, the least in use (treatment of benign disease): less means that P was
   given per fraction. Where n is not stated, P is at least 5 Gy.
3. A dose asked of a target, its D, mean or gEUD, the dose of its V and the dose it is normalised
   to, is at least 20 % of P.
4. A dose distribution whose median in a target is nearer to P / n than to P by ratio, and nearer
   to it than to P / n^2, n being 5 or more, is one fraction of the course: the median lies between
   P / n^1.5 and P / n^0.5. What lies lower misses the target, and is no fraction either.
5. A dose distribution whose median in a target is above 3 times the highest P is in cGy, or scaled
   wrongly: no boost in a target gets so much.

Organs at risk have low limits for good reasons, so theirs are not refused; a limit no higher than
1.2 times the dose per fraction is remarked on (`remark_on_fraction`), and so is a highest
prescription of less than 1.5 Gy per fraction (`remark_on_prescription`): rule 2 lets the dose of
one fraction of a short course pass, such as 7.25 Gy in 5 fractions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.goals import Goal, Protocol

MOST_GY = 200.0
LEAST_GY_PER_FRACTION = 0.5
LEAST_GY_WITHOUT_FRACTIONS = 5.0
LEAST_SHARE_OF_PRESCRIPTION = 0.2
FRACTIONS_TO_COMPARE = 5
MOST_TIMES_PRESCRIPTION = 3.0
REMARK_SHARE = 1.2
USUAL_GY_PER_FRACTION = 1.5  # curative courses give no less to their highest target


def whole_fractions(stated: object, where: str) -> int:
    """The number of fractions a file states.

    Args:
        stated: What it states.
        where: The file and the field, for the message.

    Raises:
        CaseError: If it is no whole number from 1.
    """
    try:
        number = float(str(stated))
    except ValueError:
        number = math.nan
    if not (number.is_integer() and number >= 1):
        raise CaseError(f"{where} is {stated}: a whole number of fractions, 1 or more, is needed")
    return int(number)


def check_prescription(prescription_gy: dict[str, float], fractions: int | None) -> None:
    """Refuse a prescription that is not per course.

    Raises:
        GoalError: By rules 1 and 2, or if there is no prescription, or no number of fractions.
    """
    if not prescription_gy:
        raise GoalError("no target has a prescribed dose; give one, such as 70.2 Gy to the PTV")
    if fractions is not None and fractions < 1:
        raise GoalError(f"{fractions} fractions are no course; give 1 or more, or none if unknown")
    for target, dose in prescription_gy.items():
        if not (math.isfinite(dose) and dose > 0):
            raise GoalError(f"{dose} Gy prescribed to {target} are no dose; it is above 0")
        if dose > MOST_GY:
            raise GoalError(_centigray(f"prescribed to {target}", dose))
        if fractions is None and dose < LEAST_GY_WITHOUT_FRACTIONS:
            raise GoalError(
                f"{dose:g} Gy prescribed to {target} look like the dose of one fraction (below "
                f"{LEAST_GY_WITHOUT_FRACTIONS:g} Gy, fractions not stated); give the dose per "
                "course, or state the fractions"
            )
        if fractions is not None and dose / fractions < LEAST_GY_PER_FRACTION:
            raise GoalError(
                f"{dose:g} Gy prescribed to {target} in {fractions} fractions are "
                f"{dose / fractions:.3g} Gy per fraction, below {LEAST_GY_PER_FRACTION:g} Gy; "
                f"if {dose:g} Gy is the dose per fraction, prescribe {dose * fractions:g} Gy per "
                "course"
            )


def check_per_course(protocol: Protocol) -> None:
    """Refuse a protocol with a dose that is not per course.

    Raises:
        GoalError: By rules 1 to 3; the message names the goal, the bound and the remedy.
    """
    check_prescription(protocol.prescription_gy, protocol.fractions)
    asked = [(goal.metric.structure, goal.name, dose) for goal in protocol.goals
             for dose in _doses(goal)]  # fmt: skip
    if protocol.normalise is not None:
        target, volume, dose = protocol.normalise
        asked.append((target, f"normalisation of {target} D{volume:g}%", dose))
    for structure, name, dose in asked:
        if dose > MOST_GY:
            raise GoalError(_centigray(f"in {name!r}", dose))
        prescribed = protocol.prescription_gy.get(structure)
        if prescribed is None or dose >= LEAST_SHARE_OF_PRESCRIPTION * prescribed:
            continue
        n = protocol.fractions
        course = "" if n is None else f", such as {dose:g} x {n} = {dose * n:g} Gy"
        raise GoalError(
            f"{name!r} asks {dose:g} Gy of a target prescribed {prescribed:g} Gy, below "
            f"{LEAST_SHARE_OF_PRESCRIPTION:.0%} of it: this looks like the dose of one "
            f"fraction; give doses per course{course}"
        )


def check_dose_per_course(
    target: str, median_gy: float, prescribed_gy: float, fractions: int | None
) -> None:
    """Refuse a dose distribution of a single fraction.

    Args:
        target: Name of the target.
        median_gy: Its D50%, Gy.
        prescribed_gy: Its prescription, Gy per course.
        fractions: Number of fractions, None if unknown.

    Raises:
        CaseError: By rule 4.
    """
    if fractions is None or fractions < FRACTIONS_TO_COMPARE:
        return
    root = math.sqrt(fractions)
    if prescribed_gy / (fractions * root) < median_gy < prescribed_gy / root:
        raise CaseError(
            f"the dose looks like that of one fraction: D50% of {target} is {median_gy:.3g} Gy, "
            f"nearer to the {prescribed_gy / fractions:.3g} Gy of one of {fractions} fractions "
            f"than to the {prescribed_gy:g} Gy of the course (times {fractions} it is "
            f"{median_gy * fractions:.4g} Gy); multiply it by {fractions}"
        )


def check_gray(target: str, median_gy: float, highest_gy: float) -> None:
    """Refuse a dose distribution in cGy.

    Args:
        target: Name of a target.
        median_gy: Its D50%, Gy.
        highest_gy: The highest prescription to any target, Gy per course.

    Raises:
        CaseError: By rule 5.
    """
    if median_gy > MOST_TIMES_PRESCRIPTION * highest_gy:
        raise CaseError(
            f"D50% of {target} is {median_gy:.4g} Gy, above {MOST_TIMES_PRESCRIPTION:g} times the "
            f"{highest_gy:g} Gy prescribed: is the dose in cGy? Then divide it by 100 "
            f"({median_gy / 100:.4g} Gy); if not, see that its scaling is that of the whole course"
        )


def remark_on_fraction(goal: Goal, protocol: Protocol) -> str:
    """What to look at again in a limit of an organ at risk; empty if there is nothing."""
    n = protocol.fractions
    if n is None or n < FRACTIONS_TO_COMPARE or goal.metric.structure in protocol.prescription_gy:
        return ""
    fraction = max(protocol.prescription_gy.values()) / n
    low = [dose for dose in _doses(goal) if 0 < dose <= REMARK_SHARE * fraction]
    if not low:
        return ""
    return (
        f"{low[0]:g} Gy is no more than {REMARK_SHARE:g} times the dose per fraction "
        f"({fraction:.3g} Gy): see that it is meant per course"
    )


def remark_on_prescription(prescription_gy: Mapping[str, float], fractions: int | None) -> str:
    """What to look at again in a prescription; empty if there is nothing."""
    target = max(prescription_gy, key=lambda name: prescription_gy[name], default=None)
    if target is None or fractions is None or fractions < 2:
        return ""
    dose = prescription_gy[target]
    if dose / fractions >= USUAL_GY_PER_FRACTION * (1 - 1e-9):
        return ""
    return (
        f"{dose:g} Gy to {target} in {fractions} fractions are {dose / fractions:.3g} Gy per "
        f"fraction, less than the usual {USUAL_GY_PER_FRACTION:g} Gy or more: see that it is "
        f"meant per course, not per fraction (that would be {dose * fractions:g} Gy per course)."
    )


def _doses(goal: Goal) -> list[float]:
    """Doses that a goal is written with, Gy per course; of a limit the wider one too."""
    if goal.metric.unit == "Gy":
        return [dose for dose in (goal.limit, goal.acceptable) if dose is not None]
    return [goal.metric.argument] if goal.metric.kind in ("V%", "Vcc") else []


def _centigray(where: str, dose: float) -> str:
    return (
        f"{dose:g} Gy {where} is above {MOST_GY:g} Gy, more than any course gives; if it is in "
        f"cGy, write {dose / 100:g} Gy"
    )
