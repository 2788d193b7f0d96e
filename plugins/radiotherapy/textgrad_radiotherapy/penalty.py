"""One number for how far a plan is from its goals."""

from __future__ import annotations

import numpy as np

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Goal, Metric, Protocol
from textgrad_radiotherapy.judgement import GoalRow, GoalTable

SMALL_CC = 0.1  # doses to so little differ more between grids
SMALL_FACTOR = 5.0 / 3.0  # on the room asked for at them
SHARE_OF_ROOM = 0.5  # of what is between prescription and limit that may be asked for as room
UNPROVEN = 1000.0  # per cent: added where the inner optimum is not proven, so that any plan whose
# optimum is comes first
MOST = 1000.0  # per cent; a goal missed by more, or infinitely, counts as this


def cost(miss_percent: Floats, reserve_percent: Floats) -> Floats:
    """What misses count in per cent: in proportion, and within the reserve bent towards 0.

    With ``m`` the miss, reserve included, and ``r`` the reserve it is ``m - r / 2``, or
    ``m^2 / 2 r`` below r. A goal out of reach then does not outweigh those within, and what
    brings a goal from a narrow miss to its limit is not worth less than other gains.
    """
    inside = np.minimum(miss_percent, reserve_percent)
    divisor = np.where(reserve_percent > 0.0, 2.0 * reserve_percent, 1.0)
    bent = np.where(reserve_percent > 0.0, inside**2 / divisor, 0.0)
    return np.asarray(bent + np.maximum(miss_percent - reserve_percent, 0.0))


def cost_slope(miss_percent: Floats, reserve_percent: Floats) -> Floats:
    """Derivative of `cost` by the miss; the reserve is positive."""
    return np.asarray(np.minimum(miss_percent / reserve_percent, 1.0))


def penalty(table: GoalTable, reserve_percent: float = 0.0) -> float:
    """Sum over the judged goals of 2^(1 - priority) cost(miss in per cent); 0 if all are met.

    A dose counts in per cent of the highest prescription, a volume in per cent of the structure,
    cubic centimetres and indices in per cent of their bound.

    Args:
        table: The goals, judged.
        reserve_percent: Room asked for at the goals, as `reserve_of` shares it out.
    """
    protocol, rows = table.protocol, table.judged
    misses = np.array([miss_percent(row, protocol, reserve_percent) for row in rows])
    reserves = np.array([reserve_of(row.goal, protocol, reserve_percent) for row in rows])
    weights = np.array([priority_weight(row.goal) for row in rows])
    return float(weights @ cost(misses, reserves))


def miss_percent(row: GoalRow, protocol: Protocol, reserve_percent: float = 0.0) -> float:
    """By how much a judged goal is missed, in per cent; 0 if it is met with the reserve."""
    reserve = reserve_of(row.goal, protocol, reserve_percent)
    if row.margin is None or (row.verdict == "pass" and not reserve):
        return 0.0
    return min(max(0.0, reserve - row.margin * percent_per_unit(row.goal, protocol)), MOST)


def reserve_of(goal: Goal, protocol: Protocol, reserve_percent: float) -> float:
    """Room to ask for at a goal, in per cent: what another grid may take from it.

    None at the goal that the normalisation fixes; more at the dose of a few voxels; and at an
    upper limit on a target's dose no more than half of what lies between prescription and limit,
    for a plan cannot have more than that to spare.
    """
    metric, rule = goal.metric, protocol.normalise
    if rule is not None and metric == Metric(structure=rule[0], kind="D%", argument=rule[1]):
        return 0.0
    if metric.kind == "Dcc" and metric.argument <= SMALL_CC:
        reserve_percent *= SMALL_FACTOR
    prescribed = protocol.prescription_gy.get(metric.structure)
    if prescribed is not None and goal.direction == "<=" and metric.unit == "Gy":
        room = max(goal.limit - prescribed, 0.0) * percent_per_unit(goal, protocol)
        return min(reserve_percent, SHARE_OF_ROOM * room)
    return reserve_percent


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
