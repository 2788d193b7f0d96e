"""The planner of a domain, built when first asked for, once per process and setting."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from textgrad_radiotherapy.cache_folder import cache_folder
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import load_case
from textgrad_radiotherapy.figures.pictures import Pictures, draw
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.kept_plan import PlanOf
from textgrad_radiotherapy.outline import case_digest
from textgrad_radiotherapy.plan import Plan, Planner
from textgrad_radiotherapy.terms import Term
from textgrad_radiotherapy.weights import Weights, canonical_weights

PLANS_KEPT = 32


@dataclass(kw_only=True, eq=False)
class Session:
    """Holds what is dear to make: the case, its solved start, the last plans.

    Args:
        case: Name or folder.
        protocol: The goals.
        terms: The objective.
        grid_mm: Voxel size of a phantom.
        bixel_mm: Width of a phantom's beamlets.
        gap: Relative gap to prove.
        cache: Folder of influence matrices; None for the suite's own, ``none`` to keep none.
        levers: Whether plans say what the weights do to the goals.
        loaded: The case if it is there already, and the digest of what it was made from.
    """

    case: str
    protocol: Protocol
    terms: tuple[Term, ...]
    grid_mm: float
    bixel_mm: float
    gap: float
    cache: str | None
    levers: bool = True
    loaded: tuple[Case, str] | None = field(default=None, repr=False)
    _planner: Planner | None = field(init=False, default=None, repr=False)
    _digest: str = field(init=False, default="", repr=False)
    _plans: dict[str, Plan] = field(init=False, default_factory=dict, repr=False)
    _judged: dict[str, Plan] = field(init=False, default_factory=dict, repr=False)
    _drawn: tuple[tuple[str, str | None], Pictures] | None = field(
        init=False, default=None, repr=False
    )
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """The settings alone: plans are made anew where they are needed."""
        kept = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        return {
            **kept,
            "loaded": None,
            "_planner": None,
            "_digest": "",
            "_plans": {},
            "_judged": {},
            "_drawn": None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Settings and a lock of its own."""
        self.__dict__.update(state, _lock=threading.Lock())

    @property
    def planner(self) -> Planner:
        """The planner; loads the case when first asked for.

        Raises:
            CaseError: If the case cannot be planned.
        """
        with self._lock:
            if self._planner is None:
                case, self._digest = self.loaded or self._load()
                self._planner = Planner(case, self.protocol, terms=self.terms, gap=self.gap)
            return self._planner

    @property
    def plan_of(self) -> PlanOf:
        """What its plans belong to: the case as it was when it was loaded.

        Raises:
            CaseError: If the case cannot be planned.
        """
        engine = self.planner.case.influence.engine
        return PlanOf(
            case=self.case,
            grid_mm=self.grid_mm,
            bixel_mm=self.bixel_mm,
            case_digest=self._digest,
            engine=engine,
        )

    def plan(self, weights: Weights) -> Plan:
        """The plan of these weights on the planning grid, from memory if it is one of the last."""
        key = canonical_weights(weights)
        kept = self._plans.get(key)
        if kept is not None:
            return kept
        return self._keep(self._plans, key, self.planner.evaluate(weights, levers=self.levers))

    def judged(self, weights: Weights) -> Plan:
        """The same plan on the judging grid."""
        key = canonical_weights(weights)
        kept = self._judged.get(key)
        return kept or self._keep(self._judged, key, self.planner.judged(self.plan(weights)))

    def pictures(self, weights: Weights, before: Weights | None = None) -> Pictures:
        """A plan drawn as it is judged, beside another if there is one; the last is kept."""
        key = canonical_weights(weights), None if before is None else canonical_weights(before)
        if self._drawn is not None and self._drawn[0] == key:
            return self._drawn[1]
        plan = self.judged(weights)
        first = None if before is None else self.judged(before)
        drawn = draw(
            plan.case,
            plan.dose_gy,
            plan.table,
            before_gy=None if first is None else first.dose_gy,
            before_goals=None if first is None else first.table,
            comparison=plan.comparison,
        )
        self._drawn = key, drawn
        return drawn

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._planner = self.loaded = None
            self._plans.clear()
            self._judged.clear()
            self._drawn = None

    def _load(self) -> tuple[Case, str]:
        kept = case_digest(self.case)  # of what is read here, not of what follows
        folder = cache_folder(self.cache)
        case = load_case(self.case, grid_mm=self.grid_mm, bixel_mm=self.bixel_mm, cache=folder)
        return case, kept

    def _keep(self, plans: dict[str, Plan], key: str, plan: Plan) -> Plan:
        with self._lock:
            plans[key] = plan
            while len(plans) > PLANS_KEPT:
                del plans[next(iter(plans))]
        return plan
