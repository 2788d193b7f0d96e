"""What the weights do to the goals, after normalisation.

A metric m of the dose d = s D x, scaled so that q(d) stays, moves with the fluence x by
``s (D^T g - (g . d / h . d) D^T h)``: g is its gradient by the dose and h that of the normalising
dose q, whose ``h . d`` is q itself. Without normalisation it is ``D^T g``.

Levers are slopes at one plan. Against planning again with each weight 5 % up and down (start
weights of the TG-119 prostate, the C-shape and the `adult` pelvis, 3 and 5 mm grids, 10 mm
beamlets), the levers of a goal were off by up to 8 % of their norm, mostly by 1 to 4 %: within the
step beamlets and voxels become active or cease to be, where the response has a kink, and quantiles
cross steps of the histogram (a target's D5 and D10, by up to 9 % for steps of 1 %). For one weight
doubled they were off by 9 to 56 % (TG-119 prostate and `adult`, 5 mm).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Goal, Metric, Protocol
from textgrad_radiotherapy.inner import InnerOptimiser, Solution
from textgrad_radiotherapy.metrics import gradient
from textgrad_radiotherapy.penalty import percent_per_unit

CONFLICT = -0.3  # cosine below which two goals pull against each other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levers:
    """How the metric of every judged goal moves with every weight.

    Args:
        goals: Names of the goals, the order of the rows.
        terms: Names of the terms, the order of the columns.
        by_log_weight: d metric / d ln(weight) after normalisation, in the metric's unit, shape
            (goals, terms). Times ln 2 it is the change per doubling.
        by_dose_level: d metric / d dose level, per Gy, shape (goals, terms).
        conflicts: Pairs of goals that no change of weights helps together, with the cosine of
            their levers, most opposed first.
    """

    goals: tuple[str, ...]
    terms: tuple[str, ...]
    by_log_weight: Floats
    by_dose_level: Floats
    conflicts: tuple[tuple[str, str, float], ...]

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return {
            "goals": list(self.goals),
            "terms": list(self.terms),
            "by_log_weight": self.by_log_weight.tolist(),
            "by_dose_level": self.by_dose_level.tolist(),
            "conflicts": [[one, other, cosine] for one, other, cosine in self.conflicts],
        }


def levers_of(
    optimiser: InnerOptimiser,
    solution: Solution,
    goals: tuple[Goal, ...],
    case: Case,
    protocol: Protocol,
    dose_gy: Floats,
    scale: float,
) -> Levers:
    """Levers of a solution.

    Args:
        optimiser: What solved it.
        solution: Before normalisation.
        goals: Goals that the case can be judged by.
        case: The case, with influence rows.
        protocol: With the normalisation.
        dose_gy: After normalisation, flat, shape (voxels,).
        scale: Factor of the normalisation.
    """
    by_fluence = np.zeros((len(goals), optimiser.beamlets))
    fixed = np.zeros(optimiser.beamlets)
    fixed_gy = math.inf
    if protocol.normalise is not None:
        target, volume, _ = protocol.normalise
        rule = Metric(structure=target, kind="D%", argument=volume)
        fixed, fixed_gy = _gradient(rule, dose_gy, case)
    for at, goal in enumerate(goals):
        direct, along = _gradient(goal.metric, dose_gy, case)
        by_fluence[at] = scale * (direct - along / fixed_gy * fixed)
    found = optimiser.fluence_sensitivities(solution, by_fluence)
    return Levers(
        goals=tuple(goal.name for goal in goals),
        terms=found.terms,
        by_log_weight=found.by_log_weight,
        by_dose_level=found.by_dose_level,
        conflicts=_conflicts(goals, found.by_log_weight, protocol),
    )


def _gradient(metric: Metric, dose_gy: Floats, case: Case) -> tuple[Floats, float]:
    """Gradient of a metric by the fluence, and its derivative along the dose itself."""
    voxels, slope = gradient(metric, dose_gy, case)
    influence = case.influence
    place = np.searchsorted(influence.voxels, voxels)
    place[place == influence.voxels.size] = 0
    reached = influence.voxels[place] == voxels
    by_fluence = influence.matrix[place[reached]].T @ slope[reached]
    return np.asarray(by_fluence, dtype=np.float64), float(slope @ dose_gy[voxels])


def _conflicts(
    goals: tuple[Goal, ...], by_log_weight: Floats, protocol: Protocol
) -> tuple[tuple[str, str, float], ...]:
    """Pairs whose levers, towards meeting the goal, point against each other."""
    towards = np.array([-1.0 if goal.direction == "<=" else 1.0 for goal in goals])
    units = np.array([percent_per_unit(goal, protocol) for goal in goals])
    pull = by_log_weight * (towards * units)[:, None]
    norm = np.linalg.norm(pull, axis=1)
    found = []
    for i in range(len(goals)):
        for j in range(i):
            if min(norm[i], norm[j]) < 1e-3:  # per cent: nothing moves it
                continue
            cosine = float(pull[i] @ pull[j] / (norm[i] * norm[j]))
            if cosine < CONFLICT:
                found.append((goals[j].name, goals[i].name, cosine))
    return tuple(sorted(found, key=lambda pair: pair[2]))
