"""A plan as it stands in an outcome: what feedback and planners read, without the plan itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from textgrad_core.jsondata import JSON

LEAST_BODY = 0.03  # of the reference's weight, for the terms of the body


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalData:
    """A judged goal.

    Args:
        name: Such as ``Rectum V40Gy <= 35 %``.
        structure: What it is measured on.
        metric: Such as ``V40Gy``.
        direction: ``<=`` or ``>=``.
        unit: Of value and margin.
        priority: 1 first.
        value: What was measured; None if infinite.
        margin: Negative if it is missed; None if infinite.
        verdict: pass, acceptable or fail.
        per_fraction_gy: None for volumes.
        percent_per_unit: What one unit of the metric counts in per cent.
        by_log_weight: d value / d ln(weight) by term; empty without levers.
        by_dose_level: d value / d dose level by term, per Gy; empty without levers.
        reserve_percent: Room that the penalty asks for.
        fixed: Whether the normalisation sets its value, so that no weight moves it.
    """

    name: str
    structure: str
    metric: str
    direction: str
    unit: str
    priority: int
    value: float | None
    margin: float | None
    verdict: str
    per_fraction_gy: float | None
    percent_per_unit: float
    by_log_weight: Mapping[str, float] = field(default_factory=dict)
    by_dose_level: Mapping[str, float] = field(default_factory=dict)
    reserve_percent: float = 0.0
    fixed: bool = False

    @property
    def excess_percent(self) -> float:
        """By how much the goal is missed, in per cent; negative if it is met with room."""
        return 1000.0 if self.margin is None else -self.margin * self.percent_per_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class TermData:
    """A term of the objective: dose levels in Gy, `external` where it looks at the body."""

    name: str
    structure: str
    kind: str
    dose_gy: float
    own_gy: float
    external: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanData:
    """What `Plan.to_json` says, typed; `raw` is the rest."""

    weights: Mapping[str, float]
    doses_gy: Mapping[str, float]
    terms: tuple[TermData, ...]
    goals: tuple[GoalData, ...]
    penalty: float
    reserve_percent: float
    conflicts: tuple[tuple[str, str, float], ...]
    raw: Mapping[str, Any]  # JSON that `Plan.to_json` wrote

    @property
    def floors(self) -> dict[str, float]:
        """Weights below which built-in planners do not go: normal tissue is not given up."""
        body = [term.name for term in self.terms if term.external]
        return {name: min(LEAST_BODY, self.weights[name]) for name in body}


def plan_data(data: Mapping[str, JSON]) -> PlanData:
    """Read what `Plan.to_json` wrote."""
    raw: Mapping[str, Any] = data
    levers = raw["levers"] or {"goals": [], "terms": [], "conflicts": []}
    at = {name: i for i, name in enumerate(levers["goals"])}

    def row(key: str, goal: str) -> dict[str, float]:
        values = levers[key][at[goal]] if goal in at else []
        return dict(zip(levers["terms"], values, strict=False))

    goals = tuple(
        GoalData(
            name=r["goal"],
            structure=r["structure"],
            metric=r["metric"],
            direction=r["direction"],
            unit=r["unit"],
            priority=r["priority"],
            value=r["value"],
            margin=r["margin"],
            verdict=r["verdict"],
            per_fraction_gy=r["per_fraction_gy"],
            percent_per_unit=raw["percent_per_unit"][r["goal"]],
            by_log_weight=row("by_log_weight", r["goal"]),
            by_dose_level=row("by_dose_level", r["goal"]),
            reserve_percent=raw.get("reserves", {}).get(r["goal"], raw["reserve_percent"]),
            fixed=r["goal"] in raw.get("normalisation", {}).get("goals", ()),
        )
        for r in raw["table"]["rows"]
        if r["verdict"] != "unjudged"
    )
    terms = tuple(
        TermData(
            name=t["name"],
            structure=t["structure"],
            kind=t["kind"],
            dose_gy=t["dose_gy"],
            own_gy=t.get("own_gy", t["dose_gy"]),
            external=t.get("external", False),
        )
        for t in raw["terms"]
    )
    return PlanData(
        weights={t.name: raw["weights"][t.name] for t in terms},  # stored JSON sorts its keys
        doses_gy=raw["doses_gy"],
        terms=terms,
        goals=goals,
        penalty=raw["penalty"],
        reserve_percent=raw["reserve_percent"],
        conflicts=tuple((a, b, c) for a, b, c in levers["conflicts"]),
        raw=raw,
    )
