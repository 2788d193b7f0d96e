"""A plan in words: goals, margins, what would move them, what stands in the way. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.comparison import comparison_lines
from textgrad_radiotherapy.notice import SENTENCE
from textgrad_radiotherapy.penalty import UNPROVEN
from textgrad_radiotherapy.plan_data import GoalData, PlanData, plan_data

LEVERS_SHOWN = 4
LEVELS_SHOWN = 2
WEAKEST_SHOWN = 0.05  # of the strongest lever of a goal
CLOSE_PERCENT = 2.0  # a goal met with less room has its levers shown too
CONFLICTS_SHOWN = 4
LEVERS_ARE = (
    "levers are slopes at this plan: good to a few per cent for small steps, often off by 10 to "
    "50 per cent when a weight is doubled"
)


def feedback(data: Mapping[str, JSON], previous: Mapping[str, JSON] | None = None) -> str:
    """What a planner, a model or a person is told about a plan.

    Args:
        data: What `Plan.to_json` wrote.
        previous: The same of the plan it was made from; adds what its levers predicted.
    """
    plan = plan_data(data)
    lines = [f"Doses are Gy per course, per fraction in brackets. {SENTENCE}"]
    lines += [f"WARNING: {warning}" for warning in plan.raw["table"].get("warnings", [])]
    known = {row["goal"]: row["remark"] for row in plan.raw["table"]["rows"] if row["remark"]}
    for goal in plan.goals:
        lines.append(_goal_line(goal))
        if goal.verdict != "pass" and goal.name in known:
            lines.append(f"  {known[goal.name]}")
    if any(" | per " in line for line in lines):
        lines.append(LEVERS_ARE)
    if plan.raw.get("no_levers"):
        lines.append(f"no levers at this plan: {plan.raw['no_levers']}")
    lines += [
        f"not judged: {row['goal']}: {row['remark']}"
        for row in plan.raw["table"]["rows"]
        if row["verdict"] == "unjudged"
    ]
    missed = {goal.name for goal in plan.goals if goal.verdict != "pass"}
    close = {goal.name for goal in plan.goals if goal.excess_percent > -CLOSE_PERCENT}
    conflicts = [c for c in plan.conflicts if {c[0], c[1]} & missed and {c[0], c[1]} <= close]
    lines += [
        f"conflict (cosine of lever vectors): {one} / {other} {cosine:+.2f}"
        for one, other, cosine in conflicts[:CONFLICTS_SHOWN]
    ]
    lines += _headroom(plan) + _indices(plan) + _places(plan) + _status(plan)
    lines += comparison_lines(data)
    if previous is not None:
        lines += _predicted(plan_data(previous), plan)
    return "\n".join(lines)


def lesson(data: Mapping[str, JSON], previous: Mapping[str, JSON]) -> str:
    """What a step that made a plan worse teaches about the plan it was made from.

    Args:
        data: What `Plan.to_json` wrote of the worse plan.
        previous: The same of the plan before.
    """
    compared = _predicted(plan_data(previous), plan_data(data))
    return "\n".join(["The latest step from here:", *compared]) if compared else ""


def predicted(
    before: PlanData, weights: Mapping[str, float], doses_gy: Mapping[str, float]
) -> dict[str, float]:
    """Values of the goals that the levers of a plan predict for other weights, to first order.

    No dose or volume is predicted below 0, no share of a volume above 100 %. Goals that the
    normalisation fixes are left out.
    """
    found = {}
    own = {term.name: term.dose_gy for term in before.terms}
    for goal in before.goals:
        if goal.value is None or goal.fixed or not goal.by_log_weight:
            continue
        change = sum(
            slope * math.log(weights[name] / before.weights[name])
            for name, slope in goal.by_log_weight.items()
        )
        change += sum(
            goal.by_dose_level[name] * (level - own[name]) for name, level in doses_gy.items()
        )
        most = 100.0 if goal.unit == "%" else math.inf
        found[goal.name] = min(max(goal.value + change, 0.0), most)
    return found


def _goal_line(goal: GoalData) -> str:
    word = {"pass": "PASS", "acceptable": "ACCEPTABLE", "fail": "FAIL"}[goal.verdict]
    value = "infinite" if goal.value is None else f"{goal.value:.2f} {goal.unit}".rstrip()
    fraction = "" if goal.per_fraction_gy is None else f" ({goal.per_fraction_gy:.3f})"
    margin = "-" if goal.margin is None else _signed(goal.margin)
    line = f"{word} P{goal.priority} {goal.name}   value {value}{fraction}  margin {margin}"
    if goal.fixed:
        return f"{line}, set by the normalisation"
    room = -goal.excess_percent
    if goal.verdict == "pass" and room < goal.reserve_percent - 1e-6:
        line += f", {max(room, 0.0):.1f} % to spare of {goal.reserve_percent:.2g} % asked for"
    if goal.verdict == "pass" and room > CLOSE_PERCENT:
        return line
    pull = {f"w[{name}]": by * math.log(2.0) for name, by in goal.by_log_weight.items()}
    levers = _strongest(pull, LEVERS_SHOWN)
    levels = _strongest({f"d[{n}]": by for n, by in goal.by_dose_level.items()}, LEVELS_SHOWN)
    line += f" | per doubling: {levers}" if levers else ""
    return f"{line} | per Gy of dose level: {levels}" if levels else line


def _strongest(pull: Mapping[str, float], count: int) -> str:
    ranked = sorted(pull.items(), key=lambda item: -abs(item[1]))
    least = WEAKEST_SHOWN * abs(ranked[0][1]) if ranked else 0.0
    shown = [(n, p) for n, p in ranked[:count] if abs(p) >= max(least, 0.005)]
    return ", ".join(f"{name} {_signed(change)}" for name, change in shown)


def _signed(number: float, decimals: int = 2) -> str:
    """With its sign, but zero without a minus."""
    rounded = round(number, decimals)
    return f"{rounded if rounded else 0.0:+.{decimals}f}"


def _headroom(plan: PlanData) -> list[str]:
    room = [g for g in plan.goals if g.verdict == "pass" and g.excess_percent < -CLOSE_PERCENT]
    if not room:
        return []
    ranked = sorted(room, key=lambda goal: goal.excess_percent)
    told = ", ".join(
        f"{g.structure} {g.metric} {_signed(g.margin or 0.0, 1)} {g.unit}".rstrip() for g in ranked
    )
    return [f"headroom: {told}"]


def _indices(plan: PlanData) -> list[str]:
    lines = []
    for name, index in plan.raw["indices"].items():
        told = [
            f"{word} {index[key]:.3f}"
            for word, key in (("Paddick CI", "paddick_ci"), ("HI", "homogeneity"),
                              ("gradient index", "gradient_index"))
            if index[key] is not None
        ]  # fmt: skip
        lines.append(f"{name}: {', '.join(told)}")
    return lines


def _places(plan: PlanData) -> list[str]:
    lines = []
    for spot in plan.raw["hot_spots"]:
        x, y, z = spot["position_mm"]
        away = spot["distance_mm"]
        where = "in a target" if not away else f"{away:.0f} mm from the nearest target"
        lines.append(
            f"hot spot: {spot['structure']} {spot['dose_gy']:.1f} Gy at LPS "
            f"({_millimetres(x)}, {_millimetres(y)}, {_millimetres(z)}) mm, {where}"
        )
    return lines


def _millimetres(number: float) -> str:
    """To a tenth, as a plane of the grid is found by; whole numbers without decimals."""
    return f"{round(number, 1) + 0.0:g}"


def _status(plan: PlanData) -> list[str]:
    solver, rule = plan.raw["solver"], plan.raw["normalisation"]
    proof = "proven" if solver["certified"] else "for the voxels now to blame"
    gap = "no gap is proven"
    if solver["gap"] is not None:
        gap = f"relative gap {solver['gap']:.1e} ({proof})"
    failed = (
        ""
        if solver["converged"]
        else (f"; NOT converged, which adds {UNPROVEN:g} % to the penalty: {solver['message']}")
    )
    lines = [f"inner solver: {gap}, Newton steps {solver['newton_steps']}{failed}"]
    if rule["rule"]:
        lines.append(f"normalised to {rule['rule']}: fluence x {rule['factor']:.4f}")
    lines.append(f"penalty {plan.penalty:.4g} % (0 when every goal is met{_reserve(plan)})")
    return lines


def _reserve(plan: PlanData) -> str:
    return " with the room asked for" if plan.reserve_percent else ""


def _predicted(before: PlanData, now: PlanData) -> list[str]:
    """What the levers of the plan before promised, against what came."""
    if before.weights == now.weights and before.doses_gy == now.doses_gy:
        return []
    if set(before.weights) != set(now.weights) or before.raw["grid"] != now.raw["grid"]:
        return []
    levels = {term.name: term.dose_gy for term in now.terms}
    expected = predicted(before, now.weights, levels)
    worse = now.penalty > before.penalty
    verdict = "worse, the weights before are kept: take a smaller step" if worse else "not worse"
    lines = [
        f"against the plan before: penalty {before.penalty:.4g} -> {now.penalty:.4g}, {verdict}"
        f"; changed most: {_largest_change(before, now)}"
    ]
    old = {goal.name: goal.value for goal in before.goals}
    for goal in now.goals:
        was = old.get(goal.name)
        if goal.name in expected and goal.value is not None and was is not None:
            lines.append(
                f"  {goal.name}: {was:.2f}, predicted {expected[goal.name]:.2f}, "
                f"measured {goal.value:.2f}"
            )
    return lines


def _largest_change(before: PlanData, now: PlanData) -> str:
    """The weight, or else the dose level, that was changed most."""
    factors = {name: weight / before.weights[name] for name, weight in now.weights.items()}
    name = max(factors, key=lambda n: abs(math.log(factors[n])))
    if factors[name] != 1.0:
        return f"w[{name}] x{factors[name]:.3g}"
    levels = {term.name: term.dose_gy for term in before.terms}
    moved = {term.name: term.dose_gy - levels[term.name] for term in now.terms}
    name = max(moved, key=lambda n: abs(moved[n]))
    return f"d[{name}] {_signed(moved[name])} Gy"
