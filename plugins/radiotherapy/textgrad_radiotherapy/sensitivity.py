"""The built-in planner: Gauss-Newton on the misses of the goals, in the logarithms of the weights.

The levers of a plan predict every metric to first order. A step minimises the predicted penalty
within a box (the trust region) around the current weights; several boxes are tried at once, and
the proportional rule beside them, for levers hold only near the plan they belong to. Where it
promises clearly more, and after a round in vain, the dose levels of overdose terms move too. A
plan whose levers could not be found has the rule alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from textgrad_core.domain import Proposal, ProposalRequest
from textgrad_core.outcome import Evaluated
from textgrad_core.search.result import Trial
from textgrad_radiotherapy.changes import LEVEL_SHARE, changes_told
from textgrad_radiotherapy.plan_data import PlanData, TermData, plan_data
from textgrad_radiotherapy.proportional import proportional_factors, rule_steps
from textgrad_radiotherapy.rounds_lost import rounds_lost
from textgrad_radiotherapy.weights import DOSES, Weights, canonical_weights, clipped

NAME = "sensitivity planner"
GUARD_PERCENT = 0.3  # goals are aimed at with this much room
ROOM_PERCENT = 2.0  # and with this once all are met
DAMPING = 3e-3  # per cent per unit of ln(weight)^2
GROWTH, LEAST_RADIUS = 1.5, 0.25  # of the box after a step that helped
CLEARLY_BETTER = 0.8  # of the penalty foreseen without: dose levels are worth a try
LOWEST, HIGHEST = 0.3, 1.9  # of a term's own level, within what `parse_weights` allows


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityPlanner:
    """Steps of several sizes along the levers of the best plan, and the proportional rule.

    Args:
        name: As shown; it says that no model is at work.
        radius: Largest change of a weight in any box, natural logarithm of a factor.
        shrink: Factor on the box from one proposal to the next, and after a round without gain.
        patience: Rounds without gain after which the rule comes first.
    """

    name: str = NAME
    radius: float = 1.8
    shrink: float = 0.4
    patience: int = 3

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        """New weights near the parents; the same request gives the same list."""
        seen = set(request.avoid)
        found: list[Proposal] = []
        for parent in request.parents:
            if not isinstance(parent.outcome, Evaluated):
                continue
            plan = plan_data(parent.outcome.data)
            lost = rounds_lost(parent, request.history)
            if parent.outcome.data.get("levers"):
                radius = self._radius(parent) * self.shrink ** min(lost, self.patience)
                steps = self._steps(plan, radius, lost)
            else:
                steps = rule_steps(plan, lost, request.count)
            for weights, why in steps:
                answer = canonical_weights(weights)
                if len(found) >= request.count:
                    return found
                if answer not in seen:
                    seen.add(answer)
                    found.append(Proposal(answer=answer, rationale=why, parent=parent.canonical))
        return found

    def _radius(self, parent: Trial) -> float:
        """The first box around a plan: somewhat more than the step that led to it."""
        if parent.parent is None:
            return self.radius
        now, before = (json.loads(text) for text in (parent.canonical, parent.parent))
        moved = max(abs(math.log(now[n] / before[n])) for n in now if n != DOSES)
        return min(max(GROWTH * moved, LEAST_RADIUS), self.radius)

    def _steps(self, plan: PlanData, radius: float, lost: int) -> Iterator[tuple[Weights, str]]:
        """Weights to try, best guess first."""
        guard = GUARD_PERCENT if plan.penalty > 0 else ROOM_PERCENT
        ruled = proportional_factors(plan, guard)
        rule = {name: weight * ruled[name] for name, weight in plan.weights.items()}
        ruled_weights = _weights(plan, rule)
        rule_step = (ruled_weights, f"{_changes(plan, ruled_weights)} (proportional rule)")
        if lost >= self.patience:
            yield rule_step
        for at in range(4):
            box = radius * self.shrink**at
            step = gauss_newton(plan, box, guard)
            freer = gauss_newton(plan, box, guard, levels=True)
            tries = [step, freer]
            if freer.foreseen < CLEARLY_BETTER * step.foreseen and lost:
                tries.reverse()
            elif freer.foreseen >= CLEARLY_BETTER * step.foreseen and not lost:
                tries.pop()
            for found in tries:
                yield found.weights, _told(plan, found, box)
            if at == 1:
                yield rule_step
        for factor in (1.5, 2.0, 3.0):
            for name in list(plan.weights)[1:]:
                moved = {**plan.weights, name: plan.weights[name] * factor}
                yield _weights(plan, moved), f"{name} x{factor:g} (nothing else is left to try)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step along the levers.

    Args:
        log_factors: Change of ln(weight) by term name; 0 for the reference.
        weights: Where it leads.
        foreseen: The penalty the levers predict there, room included.
    """

    log_factors: Mapping[str, float]
    weights: Weights
    foreseen: float


def gauss_newton(plan: PlanData, radius: float, guard: float, *, levels: bool = False) -> Step:
    """The step within a box that minimises the penalty the levers predict.

    Args:
        plan: With levers.
        radius: Half-width of the box, in ln(weight).
        guard: Room to leave at every goal besides its reserve, per cent; above 0.
        levels: Whether dose levels of overdose terms may move too: `LEVEL_SHARE` of a level
            counts like a factor e on a weight.
    """
    import numpy as np
    from scipy.optimize import minimize

    from textgrad_radiotherapy.penalty import cost, cost_slope

    names = list(plan.weights)
    movable = [term for term in plan.terms if levels and _movable(term)]
    goals = [goal for goal in plan.goals if goal.by_log_weight and not goal.fixed]
    slopes = np.zeros((len(goals), len(names) + len(movable)))
    for at, goal in enumerate(goals):
        sign = goal.percent_per_unit * (1.0 if goal.direction == "<=" else -1.0)
        slopes[at, : len(names)] = [sign * goal.by_log_weight[name] for name in names]
        slopes[at, len(names) :] = [
            sign * goal.by_dose_level[term.name] * LEVEL_SHARE * term.dose_gy for term in movable
        ]
    room = np.array([goal.reserve_percent + guard for goal in goals])
    excess = np.array([goal.excess_percent for goal in goals]) + room
    worth = np.array([2.0 ** (1 - goal.priority) for goal in goals])

    def predicted(step: np.ndarray) -> tuple[float, np.ndarray]:
        miss = np.maximum(0.0, excess + slopes @ step)
        total = float(worth @ cost(miss, room) + DAMPING * step @ step)
        return total, slopes.T @ (worth * cost_slope(miss, room)) + 2.0 * DAMPING * step

    box = [(0.0, 0.0)] + [(-radius, radius)] * (slopes.shape[1] - 1)
    found = minimize(predicted, np.zeros(len(box)), jac=True, method="L-BFGS-B", bounds=box)
    log_factors = dict(zip(names, found.x.tolist(), strict=False))
    moved = dict(plan.doses_gy)
    for term, share in zip(movable, found.x[len(names) :].tolist(), strict=True):
        moved[term.name] = min(
            max(term.dose_gy * (1.0 + LEVEL_SHARE * share), LOWEST * term.own_gy),
            HIGHEST * term.own_gy,
        )
    scaled = {name: weight * math.exp(log_factors[name]) for name, weight in plan.weights.items()}
    return Step(
        log_factors=log_factors,
        weights=Weights(
            weights=clipped(scaled, plan.floors),
            doses_gy={term.name: moved[term.name] for term in plan.terms if term.name in moved},
        ),
        foreseen=float(found.fun),
    )


def _movable(term: TermData) -> bool:
    """Whether a dose level may move: those that hold dose down, but not what a target needs."""
    return term.kind in ("squared-overdose", "squared-mean-overdose", "geud-over", "dvh-max") and (
        term.own_gy > 0.0
    )


def _weights(plan: PlanData, weights: Mapping[str, float]) -> Weights:
    return Weights(weights=clipped(weights, plan.floors), doses_gy=plan.doses_gy)


def _told(plan: PlanData, step: Step, box: float) -> str:
    return (
        f"{_changes(plan, step.weights)} (levers within x{math.exp(box):.2f}: penalty "
        f"{plan.penalty:.3g} -> {step.foreseen:.3g} foreseen)"
    )


def _changes(plan: PlanData, weights: Weights) -> str:
    before = Weights(weights=plan.weights, doses_gy=plan.doses_gy)
    return changes_told(before, weights, {term.name: term.own_gy for term in plan.terms})
