"""The scalar by which the paper's Bayesian baseline compares plans.

The sum of 2^-rank (metric - goal)^2 in Gy^2: of a target, mean dose and D95 have rank 1 and its
prescription as their goal; of an organ at risk, mean dose, D5 and D50 have rank 2 and 0 Gy. It
rewards sparing without end and asks for no protocol, so it is no measure of clinical goals: it
is kept for comparison with published numbers.

Source: Yuksekgonul et al., Nature 639:609-616 (2025), baseline of the radiotherapy section.
"""

from __future__ import annotations

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Metric, Protocol
from textgrad_radiotherapy.metrics import value

TARGET_FACTOR, ORGAN_FACTOR = 0.5, 0.25  # 2^-rank


def nature_objective(case: Case, dose_gy: Floats, protocol: Protocol) -> float:
    """The objective of a dose in Gy^2; smaller is better.

    Args:
        case: Whose structures it is measured on.
        dose_gy: Gy per course, flat over the grid, shape (voxels,).
        protocol: Its targets count, and the organs at risk that its goals name, those
            assumed left aside: they are not of the source.
    """
    total = 0.0
    for target, prescribed_gy in protocol.prescription_gy.items():
        for metric in (_mean(target), _dose(target, 95.0)):
            total += TARGET_FACTOR * (value(metric, dose_gy, case) - prescribed_gy) ** 2
    organs = dict.fromkeys(goal.metric.structure for goal in protocol.goals if not goal.assumed)
    for organ in organs:
        if organ not in case.structures or case.structures[organ].kind != "oar":
            continue
        for metric in (_mean(organ), _dose(organ, 5.0), _dose(organ, 50.0)):
            total += ORGAN_FACTOR * value(metric, dose_gy, case) ** 2
    return total


def _mean(structure: str) -> Metric:
    return Metric(structure=structure, kind="mean")


def _dose(structure: str, volume_percent: float) -> Metric:
    return Metric(structure=structure, kind="D%", argument=volume_percent)
