"""The proportional rule: who misses a goal gets a larger weight, the more the farther it is."""

from __future__ import annotations

from textgrad_radiotherapy.plan_data import GoalData, PlanData, TermData

PERCENT_PER_DOUBLING = 5.0  # a miss of so many per cent doubles the weight
LEAST_FACTOR, MOST_FACTOR = 1.2, 4.0


def proportional_factors(plan: PlanData, guard_percent: float = 0.0) -> dict[str, float]:
    """Factors on the weights by term name; 1 for what helps no missed goal.

    Args:
        plan: A plan.
        guard_percent: Goals met with less room than this count as missed.
    """
    factors = {term.name: 1.0 for term in plan.terms}
    for goal in plan.goals:
        excess = goal.excess_percent + guard_percent
        slopes = goal.by_log_weight.values()
        if excess <= 1e-6 or (slopes and max(map(abs, slopes)) < 1e-6):
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
