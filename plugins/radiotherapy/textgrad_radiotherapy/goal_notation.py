"""Goals as physicists write them, such as ``Rectum V40Gy <= 35 %`` or ``PTV D95% >= 70.2 Gy``.

    NAME METRIC RELATION NUMBER UNIT

``METRIC``: ``D95%``, ``D10cc``, ``D1cc outside targets``, ``D1cc beyond 2 cm`` (of targets),
``V40Gy``, ``V95%`` (at 95 % of the prescription), ``Dmean``,
``gEUD(a=8)``, ``CI`` or ``Paddick CI``, ``CI_RTOG`` or ``RTOG CI``, ``HI``, ``GI``. A bare ``D95``
is in % and a bare ``V40`` in Gy, as is the custom. ``RELATION``: ``<=``, ``<``, ``>=``, ``>``.
``UNIT`` of a dose: ``Gy`` or ``cGy`` per course, or ``%`` of the prescription; of a volume: ``%``
or ``cc``. Doses in % of the prescription become Gy. Numbers are kept to six significant digits,
those a goal's name shows, so a name reads back as the same goal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from textgrad_radiotherapy.errors import GoalError
from textgrad_radiotherapy.goals import Goal, Metric, MetricKind

EXAMPLES = "'PTV D95% >= 70.2 Gy', 'Rectum V40Gy <= 35 %' or 'Bladder Dmean <= 40 Gy'"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
GOAL = re.compile(
    rf"^\s*(?P<left>.+?)\s*(?P<relation><=|>=|≤|≥|=<|=>|<|>)\s*(?P<bound>{NUMBER})"
    r"\s*(?P<unit>\S.*?)?\s*$"
)
METRIC = re.compile(
    r"^(?P<structure>\S.*?)\s+(?P<metric>"
    rf"D\s?_?{NUMBER}\s?(?:cc|cm3|cm³)\ (?:outside\ targets|beyond\ 2\ ?cm)"
    rf"|[DV]\s?_?{NUMBER}\s?(?:%|cc|cm3|cm³|cGy|Gy)?|Dmean|mean|MLD|Dmax|Dmin|max|min"
    rf"|gEUD\s?\(\s?(?:a\s?=\s?)?{NUMBER}\s?\)|Paddick\ CI|RTOG\ CI|CI_RTOG|CI_Paddick|CI"
    r"|HI(?:\ \(ICRU\ 83\))?|GI|gradient\ index)$",
    re.IGNORECASE,
)
AT_NUMBER = re.compile(rf"^(?P<letter>[DV])\s?_?(?P<number>{NUMBER})\s?(?P<unit>\S*)$", re.I)
INDICES: Mapping[str, MetricKind] = {
    "paddick ci": "CI", "ci_paddick": "CI", "ci": "CI", "rtog ci": "CI_RTOG",
    "ci_rtog": "CI_RTOG", "hi": "HI", "hi (icru 83)": "HI", "gi": "GI", "gradient index": "GI",
}  # fmt: skip
RELATIONS: Mapping[str, Literal["<=", ">="]] = {
    "<=": "<=", "=<": "<=", "<": "<=", "≤": "<=", ">=": ">=", "=>": ">=", ">": ">=", "≥": ">=",
}  # fmt: skip
UNITS = {"": "", "%": "%", "gy": "Gy", "cgy": "cGy", "cc": "cc", "cm3": "cc", "cm³": "cc"}

Prescription = Mapping[str, float] | float | None


def parse_goal(
    text: str,
    priority: int = 1,
    *,
    prescription_gy: Prescription = None,
    source: str = "",
    acceptable: float | None = None,
) -> Goal:
    """Understand one goal.

    Args:
        text: Such as ``PTV D0.03cc <= 107 %``.
        priority: 1 is met before 2, and so on.
        prescription_gy: What doses in % refer to: Gy per course, or by target; an organ at risk
            goes by the highest.
        source: Where the bound is from.
        acceptable: A wider bound that may be tolerated, in the goal's own unit.

    Raises:
        GoalError: If the text is no goal, a unit does not fit, a number is out of bounds, or a
            maximum or minimum of single voxels is asked for.
    """
    read = GOAL.match(text)
    found = METRIC.match(read["left"]) if read else None
    if read is None or found is None:
        raise GoalError(f"{text!r} is no goal; write it like {EXAMPLES}")
    structure = found["structure"].strip()
    reference = _reference(structure, prescription_gy)
    metric = _metric(structure, found["metric"], reference, text)
    unit = UNITS.get((read["unit"] or "").casefold())
    if unit is None:
        raise GoalError(f"{text!r}: {read['unit']!r} is no unit; use Gy, cGy, %, cc")
    metric, factor = _in_unit_of(metric, unit, reference, text)
    goal = Goal(
        metric=metric,
        direction=RELATIONS[read["relation"]],
        limit=_shown(float(read["bound"]) * factor),
        priority=priority,
        source=source,
        acceptable=None if acceptable is None else _shown(acceptable * factor),
    )
    check_goal(goal)
    return goal


def check_goal(goal: Goal) -> None:
    """Refuse a goal that no dose can be judged by, whatever the patient.

    Raises:
        GoalError: If a number is out of bounds, or the goal is on single voxels.
    """
    kind, number, limit, name = goal.metric.kind, goal.metric.argument, goal.limit, goal.name
    if not goal.metric.structure.strip():
        raise GoalError(f"{name!r} names no structure")
    if not (math.isfinite(number) and math.isfinite(limit)):
        raise GoalError(f"{name}: {number} and {limit} have to be finite")
    if kind in ("D%", "Dcc", "Dcc_outside", "Dcc_2cm") and number == 0:
        raise GoalError(f"{name}: {SINGLE_VOXEL['max']}")
    if kind == "D%" and number == 100:
        raise GoalError(f"{name}: {SINGLE_VOXEL['min']}")
    if kind == "D%" and not 0 < number < 100:
        raise GoalError(f"{name}: a volume is between 0 and 100 %, not {number:g} %")
    if number < 0 and kind != "gEUD":
        raise GoalError(f"{name}: {number:g} is below 0")
    if kind == "gEUD" and 0 <= number < 1:
        raise GoalError(f"{name}: the exponent a is at least 1 or below 0, not {number:g}")
    if limit < 0:
        raise GoalError(f"{name}: no plan is judged by a bound below 0, such as {limit:g}")
    if kind == "V%" and limit > 100:
        raise GoalError(f"{name}: a volume is at most 100 % of a structure, not {limit:g} %")
    if kind == "CI" and limit > 1:
        raise GoalError(
            f"{name}: Paddick's index is at most 1, not {limit:g}; the RTOG's, which may be more, "
            "is written CI_RTOG"
        )
    if goal.priority < 1:
        raise GoalError(f"{name}: priorities start at 1, not {goal.priority}")
    wider = goal.acceptable
    if wider is not None and not (math.isfinite(wider) and goal.margin(wider) <= 0):
        raise GoalError(
            f"{name}: the acceptable bound {wider:g} is stricter than the goal itself; "
            "swap the two"
        )


NORMAL_TISSUE: Mapping[str, MetricKind] = {
    "outside targets": "Dcc_outside", "beyond 2 cm": "Dcc_2cm", "beyond 2cm": "Dcc_2cm",
}  # fmt: skip
SINGLE_VOXEL = {
    "max": "the maximum is the dose of a single voxel, which depends on the grid; judge by "
    "D0.03cc instead",
    "min": "the minimum is the dose of a single voxel, which depends on the grid; judge by D98% "
    "or D99% instead",
}


def _metric(structure: str, written: str, reference: float | None, text: str) -> Metric:
    plain = " ".join(written.split()).casefold()
    for words, part in NORMAL_TISSUE.items():
        if plain.endswith(words):
            whole = _metric(structure, plain.removesuffix(words).rstrip(), reference, text)
            return replace(whole, kind=part)
    for end in ("max", "min"):
        if plain in (end, f"d{end}"):
            raise GoalError(f"{text!r}: {SINGLE_VOXEL[end]}")
    if plain in ("mean", "dmean", "mld"):
        return Metric(structure=structure, kind="mean")
    if plain in INDICES:
        return Metric(structure=structure, kind=INDICES[plain])
    if plain.startswith("geud"):
        exponent = float(re.findall(NUMBER, plain)[0])
        return Metric(structure=structure, kind="gEUD", argument=exponent)
    at = AT_NUMBER.match(written)
    if at is None:
        raise GoalError(f"{text!r}: {written!r} is no metric; write goals like {EXAMPLES}")
    number, unit = float(at["number"]), UNITS[at["unit"].casefold()]
    if at["letter"].upper() == "D":
        if unit not in ("", "%", "cc"):
            raise GoalError(f"{text!r}: D is read at a volume, % or cc, not at {unit}")
        kind: MetricKind = "Dcc" if unit == "cc" else "D%"
        return Metric(structure=structure, kind=kind, argument=_shown(number))
    if unit == "cc":
        raise GoalError(f"{text!r}: V is read at a dose, Gy or % of the prescription, not at cc")
    dose = number * _gray(unit or "Gy", reference, text)
    return Metric(structure=structure, kind="V%", argument=_shown(dose))


def _in_unit_of(
    metric: Metric, unit: str, reference: float | None, text: str
) -> tuple[Metric, float]:
    """The metric, V in % or cc as the bound is, and the factor that brings the bound to it."""
    if metric.kind == "V%":
        if unit not in ("%", "cc"):
            raise GoalError(
                f"{text!r}: a volume is bounded in % or cc, not in {unit or 'nothing'}"
            )
        kind: MetricKind = "V%" if unit == "%" else "Vcc"
        return Metric(structure=metric.structure, kind=kind, argument=metric.argument), 1.0
    if metric.unit == "":
        if unit:
            raise GoalError(f"{text!r}: an index has no unit, so not {unit}")
        return metric, 1.0
    if unit not in ("Gy", "cGy", "%"):
        raise GoalError(
            f"{text!r}: a dose is bounded in Gy, cGy or % of the prescription, not in "
            f"{unit or 'nothing'}"
        )
    return metric, _gray(unit, reference, text)


def _gray(unit: str, reference: float | None, text: str) -> float:
    """Gy in one such unit."""
    if unit != "%":
        return 0.01 if unit == "cGy" else 1.0
    if reference is None:
        raise GoalError(
            f"{text!r}: a dose in % needs the prescription it refers to; give it, or write Gy"
        )
    return reference / 100


def _reference(structure: str, prescription_gy: Prescription) -> float | None:
    if prescription_gy is None or isinstance(prescription_gy, int | float):
        return prescription_gy
    highest = max(prescription_gy.values(), default=None)
    return prescription_gy.get(structure, highest)


def _shown(number: float) -> float:
    """The number as a goal's name shows it."""
    return float(f"{number:g}")
