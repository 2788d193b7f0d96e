"""The proportional rule: who misses a goal gets a larger weight, the more the farther it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textgrad_core.domain import Proposal, ProposalRequest
from textgrad_core.outcome import Evaluated
from textgrad_radiotherapy.changes import changes_told
from textgrad_radiotherapy.plan_data import GoalData, PlanData, TermData, plan_data
from textgrad_radiotherapy.rounds_lost import rounds_lost
from textgrad_radiotherapy.weights import Weights, canonical_weights, clipped

NAME = "proportional rule"
GUARD_PERCENT = 0.3  # goals count as missed with less room than this
PERCENT_PER_DOUBLING = 5.0  # a miss of so many per cent doubles the weight
LEAST_FACTOR, MOST_FACTOR = 1.2, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionalPlanner:
    """The rule alone, from the best plan; steps are halved after rounds without gain.

    Args:
        name: As shown; it says that no model is at work.
    """

    name: str = NAME

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        """New weights near the parents; the same request gives the same list."""
        seen = set(request.avoid)
        found: list[Proposal] = []
        for parent in request.parents:
            if not isinstance(parent.outcome, Evaluated):
                continue
            plan = plan_data(parent.outcome.data)
            lost = rounds_lost(parent, request.history)
            for weights, why in rule_steps(plan, lost, request.count):
                if len(found) >= request.count:
                    return found
                answer = canonical_weights(weights)
                if answer not in seen:
                    seen.add(answer)
                    found.append(Proposal(answer=answer, rationale=why, parent=parent.canonical))
        return found


def rule_steps(plan: PlanData, lost: int, count: int) -> Iterator[tuple[Weights, str]]:
    """Weights the rule asks for, with words; each step half the one before.

    Args:
        plan: A plan, with levers or without.
        lost: Rounds without gain; the first step is halved so often.
        count: How many steps.
    """
    factors = proportional_factors(plan, GUARD_PERCENT)
    before = Weights(weights=plan.weights, doses_gy=plan.doses_gy)
    own = {term.name: term.own_gy for term in plan.terms}
    for halved in range(lost, lost + count):
        moved = {n: w * factors[n] ** 0.5**halved for n, w in plan.weights.items()}
        weights = Weights(weights=clipped(moved, plan.floors), doses_gy=plan.doses_gy)
        told = changes_told(before, weights, own)
        yield weights, f"{told} (proportional rule, step x{0.5**halved:g})"


def proportional_factors(plan: PlanData, guard_percent: float = 0.0) -> dict[str, float]:
    """Factors on the weights by term name; 1 for what helps no missed goal.

    Args:
        plan: A plan.
        guard_percent: Goals met with less room than this and their reserve count as missed.
    """
    factors = {term.name: 1.0 for term in plan.terms}
    for goal in plan.goals:
        excess = goal.excess_percent + goal.reserve_percent + guard_percent
        slopes = goal.by_log_weight.values()
        if excess <= 1e-6 or goal.fixed or (slopes and max(map(abs, slopes)) < 1e-6):
            continue  # met, or fixed by the normalisation
        factor = min(max(1.0 + excess / PERCENT_PER_DOUBLING, LEAST_FACTOR), MOST_FACTOR)
        for term in plan.terms:
            if _helps(term, goal):
                factors[term.name] = max(factors[term.name], factor)
    return factors


def _helps(term: TermData, goal: GoalData) -> bool:
    """Whether a larger weight of the term works towards the goal."""
    if term.structure != goal.structure:
        return False
    raises = term.kind in ("squared-underdose", "geud-under", "dvh-min", "squared-deviation")
    lowers = term.kind not in ("squared-underdose", "geud-under", "dvh-min")
    return raises if goal.direction == ">=" else lowers
