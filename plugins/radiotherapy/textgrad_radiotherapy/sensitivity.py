"""The built-in planner: Gauss-Newton on the misses of the goals, in the logarithms of the weights.

The levers of a plan predict every metric to first order. A step minimises the predicted penalty
within a box (the trust region) around the current weights; several boxes are tried at once, and
the proportional rule beside them, for levers hold only near the plan they belong to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textgrad_core.domain import Proposal, ProposalRequest
from textgrad_core.outcome import Evaluated
from textgrad_core.search.result import Trial
from textgrad_radiotherapy.plan_data import GoalData, PlanData, plan_data
from textgrad_radiotherapy.proportional import proportional_factors
from textgrad_radiotherapy.weights import Weights, canonical_weights, clipped

NAME = "sensitivity planner"
GUARD_PERCENT = 0.3  # goals are aimed at with this much room
ROOM_PERCENT = 2.0  # and with this once all are met
DAMPING = 1e-2  # per cent^2 per unit of ln(weight)^2


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityPlanner:
    """Steps of several sizes along the levers of the best plan, and the proportional rule.

    Args:
        name: As shown; it says that no model is at work.
        radius: Largest change of a weight in the first box, natural logarithm of a factor.
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
            if not isinstance(parent.outcome, Evaluated) or not parent.outcome.data.get("levers"):
                continue
            plan = plan_data(parent.outcome.data)
            for weights, why in self._steps(plan, _rounds_lost(parent, request.history)):
                answer = _answer(plan, weights)
                if len(found) >= request.count:
                    return found
                if answer not in seen:
                    seen.add(answer)
                    found.append(Proposal(answer=answer, rationale=why, parent=parent.canonical))
        return found

    def _steps(self, plan: PlanData, lost: int) -> Iterator[tuple[dict[str, float], str]]:
        """Weights to try, best guess first."""
        guard = plan.reserve_percent + (GUARD_PERCENT if plan.penalty > 0 else ROOM_PERCENT)
        radius = self.radius * self.shrink ** min(lost, self.patience)
        boxes = [radius * self.shrink**i for i in range(4)]
        ruled = proportional_factors(plan, guard)
        rule = {name: weight * ruled[name] for name, weight in plan.weights.items()}
        rule_step = (rule, "proportional rule: more weight for what misses its goal")
        if lost >= self.patience:
            yield rule_step
        for at, box in enumerate(boxes):
            step, foreseen = gauss_newton(plan, box, guard)
            yield (
                {name: weight * math.exp(step[name]) for name, weight in plan.weights.items()},
                f"levers, weights within x{math.exp(box):.2f}: penalty {plan.penalty:.3g} -> "
                f"{foreseen:.3g} foreseen",
            )
            if at == 1:
                yield rule_step
        for factor in (1.5, 2.0, 3.0):
            for name in list(plan.weights)[1:]:
                moved = {**plan.weights, name: plan.weights[name] * factor}
                yield moved, f"nothing else is left to try: {name} x{factor:g}"


def gauss_newton(plan: PlanData, radius: float, guard: float) -> tuple[dict[str, float], float]:
    """The step in ln(weight) within a box that minimises the penalty the levers predict.

    Args:
        plan: With levers.
        radius: Half-width of the box.
        guard: Room to leave at every goal, per cent.

    Returns:
        Step by term name, 0 for the reference; and the penalty predicted, room included.
    """
    import numpy as np
    from scipy.optimize import minimize

    names = list(plan.weights)
    goals = [goal for goal in plan.goals if goal.by_log_weight]
    if not goals:
        return dict.fromkeys(names, 0.0), plan.penalty
    slopes = np.array([[_towards_miss(goal, name) for name in names] for goal in goals])
    excess = np.array([goal.excess_percent + guard for goal in goals])
    moved = np.abs(slopes).sum(axis=1) > 1e-6
    slopes, excess = slopes[moved], excess[moved]  # a normalised dose cannot be moved
    worth = np.array([2.0 ** (1 - goal.priority) for goal in goals])[moved]

    def predicted(step: np.ndarray) -> tuple[float, np.ndarray]:
        miss = np.maximum(0.0, excess + slopes @ step)
        total = float(worth @ miss**2 + DAMPING * step @ step)
        return total, 2.0 * (slopes.T @ (worth * miss) + DAMPING * step)

    box = [(0.0, 0.0), *((-radius, radius) for _ in names[1:])]
    found = minimize(predicted, np.zeros(len(names)), jac=True, method="L-BFGS-B", bounds=box)
    return dict(zip(names, found.x.tolist(), strict=True)), float(found.fun)


def _towards_miss(goal: GoalData, term: str) -> float:
    sign = 1.0 if goal.direction == "<=" else -1.0
    return sign * goal.percent_per_unit * goal.by_log_weight[term]


def _rounds_lost(parent: Trial, history: Sequence[Trial]) -> int:
    """Rounds that started from a candidate and brought nothing better."""
    return len({t.step for t in history if t.parent == parent.canonical and not t.accepted})


def _answer(plan: PlanData, weights: dict[str, float]) -> str:
    return canonical_weights(Weights(weights=clipped(weights), doses_gy=plan.doses_gy))
