"""Judging a dose by a protocol: the table of goals that every report shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.course_dose import (
    check_dose_per_course,
    check_gray,
    check_per_course,
)
from textgrad_radiotherapy.dvh import checked_dose, checked_structure, structure_dvh
from textgrad_radiotherapy.feasibility import find_infeasible, unjudgeable
from textgrad_radiotherapy.goal_notation import check_goal
from textgrad_radiotherapy.goals import ASSUMED_MEANS, Goal, Protocol
from textgrad_radiotherapy.metrics import value
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.plan_warnings import plan_warnings
from textgrad_radiotherapy.structure_names import matched

Verdict = Literal["pass", "acceptable", "fail", "unjudged"]
ROUNDING = 1e-6  # relative: a goal missed by less is met but for rounding
WIDTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalRow:
    """One goal and what became of it.

    Args:
        goal: The goal, its structure named as the case names it.
        value: What the dose gives, in the metric's unit; None if it could not be judged.
        margin: By how much the value meets the goal, negative if it does not; None likewise.
        verdict: ``acceptable`` if it misses the goal but not the wider bound.
        per_fraction_gy: A dose divided by the fractions; None for volumes or if
            they are unknown.
        remark: Why it was not judged, or what to know about it; empty if nothing.
    """

    goal: Goal
    value: float | None
    margin: float | None
    verdict: Verdict
    per_fraction_gy: float | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalTable:
    """A dose judged by every goal of a protocol.

    Args:
        case: Name of the case.
        protocol: The protocol, its structures named as the case names them.
        rows: In the protocol's order.
        warnings: What makes the plan unacceptable whatever the goals say (`plan_warnings`).
    """

    case: str
    protocol: Protocol
    rows: tuple[GoalRow, ...]
    warnings: tuple[str, ...] = ()

    @property
    def judged(self) -> tuple[GoalRow, ...]:
        """The rows of structures that the case has."""
        return tuple(row for row in self.rows if row.verdict != "unjudged")

    @property
    def met(self) -> int:
        """How many goals are met; acceptable ones are not."""
        return sum(row.verdict == "pass" for row in self.rows)

    @property
    def all_met(self) -> bool:
        """Whether every judged goal is met, and there is one."""
        return bool(self.judged) and self.met == len(self.judged)

    @property
    def weighted_met(self) -> float:
        """Share of the judged goals that is met, each counting 1 / 2^(priority - 1)."""
        total = sum(_weight(row) for row in self.judged)
        return sum(_weight(row) for row in self.rows if row.verdict == "pass") / (total or 1.0)

    def met_by_priority(self) -> dict[int, tuple[int, int]]:
        """Goals met and goals judged, by priority, most important first."""
        priorities = sorted({row.goal.priority for row in self.judged})
        return {
            p: (
                sum(r.verdict == "pass" for r in self.judged if r.goal.priority == p),
                sum(r.goal.priority == p for r in self.judged),
            )
            for p in priorities
        }

    def text(self) -> str:
        """The table as text, at most 80 columns."""
        protocol = self.protocol
        head = f"{'P':>2}  {'goal':<36}{'value':>11}{'margin':>9}  {'verdict':<11}{'Gy/frac':>7}"
        lines = [
            f"{protocol.title}: {_course(protocol)}", f"case {self.case}, doses per course", head,
            "-" * len(head),
        ]  # fmt: skip
        for row in self.rows:
            lines += _text_row(row)
        lines += ["-" * len(head), *self._remarks()]
        lines += [*(f"WARNING: {warning}" for warning in self.warnings), self.summary(), NOTICE]
        return "\n".join(line for long in lines for line in _wrapped(long)) + "\n"

    def _remarks(self) -> list[str]:
        """What the mark means; each remark on judged goals once, with the goals it is about."""
        about: dict[str, list[str]] = {}
        for row in self.judged:
            if row.remark:
                about.setdefault(row.remark, []).append(row.goal.name)
        told = [f"* {', '.join(names)}: {remark}" for remark, names in about.items()]
        return [self.assumed_note(), *told] if self.assumed_note() else told

    def assumed_note(self) -> str:
        """What the mark of assumed goals means, and how many are met; empty if there are none."""
        if not any(row.goal.assumed for row in self.rows):
            return ""
        judged = [row for row in self.judged if row.goal.assumed]
        met = sum(row.verdict == "pass" for row in judged)
        return f"{ASSUMED_MEANS} ({met} of {len(judged)} met)"

    def summary(self) -> str:
        """One line: goals met, in all and by priority."""
        parts = [f"priority {p}: {met} of {n}" for p, (met, n) in self.met_by_priority().items()]
        unjudged = len(self.rows) - len(self.judged)
        parts += [f"not judged: {unjudged}"] if unjudged else []
        return f"{self.met} of {len(self.judged)} goals met ({', '.join(parts)})"

    def data(self) -> dict[str, JSON]:
        """The table as plain data for a JSON file; infinite values are null."""
        rows: list[JSON] = []
        for row in self.rows:
            goal = row.goal
            rows.append(
                {
                    "goal": goal.name,
                    "structure": goal.metric.structure,
                    "metric": goal.metric.label,
                    "direction": goal.direction,
                    "limit": goal.limit,
                    "acceptable": goal.acceptable,
                    "unit": goal.metric.unit,
                    "priority": goal.priority,
                    "assumed": goal.assumed,
                    "source": goal.source,
                    "value": _finite(row.value),
                    "margin": _finite(row.margin),
                    "verdict": row.verdict,
                    "per_fraction_gy": _finite(row.per_fraction_gy),
                    "remark": row.remark,
                }
            )
        return {
            "case": self.case,
            "protocol": self.protocol.name,
            "prescription_gy": dict(self.protocol.prescription_gy),
            "fractions": self.protocol.fractions,
            "doses": "Gy per course",
            "met": self.met,
            "judged": len(self.judged),
            "weighted_met": self.weighted_met,
            "rows": rows,
            "warnings": list(self.warnings),
            "notice": NOTICE,
        }


def judge(
    case: Case, dose_gy: NDArray[np.floating], protocol: Protocol, *, planned: bool = False
) -> GoalTable:
    """Measure every goal of a protocol on a dose.

    The protocol's prescription holds, not the case's. Goals on organs at risk that the case does
    not have, or that are smaller than the volume asked about, stand in the table as ``unjudged``.

    Args:
        case: The case; structures are matched by name and by the protocol's aliases.
        dose_gy: Gy per course, flat over the case's grid, shape (voxels,).
        protocol: The goals.
        planned: Whether the dose was planned here: it is Gy per course, however cold or hot its
            targets.

    Raises:
        CaseError: If the dose does not fit, a target is missing or empty, or the dose is that
            of one fraction or in cGy.
        GoalError: If a goal is on single voxels or out of bounds, or a dose in the protocol is
            not per course.
    """
    check_per_course(protocol)
    for goal in protocol.goals:
        check_goal(goal)
    dose = checked_dose(dose_gy, case.grid)
    protocol = matched(protocol, case)
    for target, prescribed in protocol.prescription_gy.items():
        histogram = structure_dvh(checked_structure(target, case), dose, case.grid)
        median = histogram.dose_gy(histogram.total_cc / 2)
        if not planned:
            check_gray(target, median, max(protocol.prescription_gy.values()))
            check_dose_per_course(target, median, prescribed, protocol.fractions)
    prescribed_case = replace(case, prescription_gy=protocol.prescription_gy)
    notes = {f.goal.name: f.note() for f in find_infeasible(case, protocol) if f.note()}
    rows = tuple(
        _row(goal, dose, prescribed_case, protocol, notes.get(goal.name, ""))
        for goal in protocol.goals
    )
    warnings = plan_warnings(prescribed_case, dose)
    return GoalTable(case=case.name, protocol=protocol, rows=rows, warnings=warnings)


def verdict_on(goal: Goal, measured: float) -> Verdict:
    """Whether a value meets a goal, missing it by less than rounding being met."""
    if goal.margin(measured) >= -ROUNDING * max(1.0, abs(goal.limit)):
        return "pass"
    if goal.acceptable is not None:
        wider = replace(goal, limit=goal.acceptable, acceptable=None)
        if verdict_on(wider, measured) == "pass":
            return "acceptable"
    return "fail"


def _row(
    goal: Goal, dose: NDArray[np.float64], case: Case, protocol: Protocol, note: str
) -> GoalRow:
    reason = unjudgeable(goal, case)
    if reason:
        return GoalRow(goal=goal, value=None, margin=None, verdict="unjudged", remark=reason)
    measured = value(goal.metric, dose, case)
    is_dose = goal.metric.unit == "Gy" and protocol.fractions is not None
    each = case.structures[goal.metric.structure].stands_for
    voxel, remark = case.grid.voxel_cc * each, note
    if goal.metric.kind == "Dcc" and goal.metric.argument < voxel / 2:
        remark = f"a voxel has {voxel:.2g} cc, more than twice as much: judge on a finer grid"
        if each > 1:
            remark = (
                f"a voxel held back stands for {voxel:.2g} cc, more than twice as much: the value "
                "on all voxels says more"
            )
    return GoalRow(
        goal=goal,
        value=measured,
        margin=goal.margin(measured),
        verdict=verdict_on(goal, measured),
        per_fraction_gy=measured / (protocol.fractions or 1) if is_dose else None,
        remark=remark,
    )


def _weight(row: GoalRow) -> float:
    return float(0.5 ** (row.goal.priority - 1))


def _course(protocol: Protocol) -> str:
    doses = ", ".join(f"{name} {dose:g} Gy" for name, dose in protocol.prescription_gy.items())
    n = protocol.fractions
    if n is None:
        return f"{doses}, fractions not stated"
    each = max(protocol.prescription_gy.values()) / n
    return f"{doses} in {n} fractions ({each:.3g} Gy each)"


def _text_row(row: GoalRow) -> list[str]:
    name, unit = row.goal.marked, row.goal.metric.unit
    measured = "-" if row.value is None else f"{row.value:.2f} {unit}".rstrip()
    margin = "-" if row.margin is None else f"{row.margin:+z.2f}"
    fraction = "" if row.per_fraction_gy is None else f"{row.per_fraction_gy:.3f}"
    lines = [] if len(name) <= 36 else [f"{row.goal.priority:>2}  {name}"]
    start = " " * 4 + " " * 36 if lines else f"{row.goal.priority:>2}  {name:<36}"
    verdict = row.verdict + ("*" if row.remark and row.value is not None else "")
    lines.append(f"{start}{measured:>11}{margin:>9}  {verdict:<11}{fraction:>7}".rstrip())
    return lines + ([f"    {row.remark}"] if row.value is None else [])


def _wrapped(line: str) -> list[str]:
    """The line in pieces of at most 80 columns, broken at blanks where there are some."""
    pieces = []
    while len(line) > WIDTH:
        cut = line.rfind(" ", 8, WIDTH + 1)
        cut = cut if cut > 0 else WIDTH
        pieces.append(line[:cut].rstrip())
        line = "    " + line[cut:].lstrip()
    return [*pieces, line]


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
