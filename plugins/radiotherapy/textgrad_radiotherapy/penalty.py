"""One number for how far a plan is from its goals."""

from __future__ import annotations

from textgrad_radiotherapy.goals import Goal, Metric, Protocol
from textgrad_radiotherapy.judgement import GoalRow, GoalTable

MOST = 1000.0  # per cent; a goal missed by more, or infinitely, counts as this


def penalty(table: GoalTable, reserve_percent: float = 0.0) -> float:
    """Sum over the judged goals of 2^(1 - priority) (miss in per cent)^2; 0 if all are met.

    A dose counts in per cent of the highest prescription, a volume in per cent of the structure,
    cubic centimetres and indices in per cent of their bound.

    Args:
        table: The goals, judged.
        reserve_percent: Room asked for at every goal but the one the normalisation fixes.
    """
    return sum(
        priority_weight(row.goal) * miss_percent(row, table.protocol, reserve_percent) ** 2
        for row in table.judged
    )


def miss_percent(row: GoalRow, protocol: Protocol, reserve_percent: float = 0.0) -> float:
    """By how much a judged goal is missed, in per cent; 0 if it is met with the reserve."""
    rule = protocol.normalise
    fixed = rule is not None and row.goal.metric == Metric(
        structure=rule[0], kind="D%", argument=rule[1]
    )
    reserve = 0.0 if fixed else reserve_percent
    if row.margin is None or (row.verdict == "pass" and not reserve):
        return 0.0
    return min(max(0.0, reserve - row.margin * percent_per_unit(row.goal, protocol)), MOST)


def percent_per_unit(goal: Goal, protocol: Protocol) -> float:
    """What one unit of a goal's metric is in per cent."""
    if goal.metric.unit == "Gy":
        return 100.0 / max(protocol.prescription_gy.values())
    if goal.metric.unit == "%":
        return 1.0
    return 100.0 / abs(goal.limit) if goal.limit else 100.0


def priority_weight(goal: Goal) -> float:
    """1 for the first priority, half of it for each further one."""
    return float(2.0 ** (1 - goal.priority))
