"""Weights in, a plan out: solved, normalised, measured, with what would change it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.about_case import about_case
from textgrad_radiotherapy.blas_threads import one_blas_thread
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import doses_of, judging_case
from textgrad_radiotherapy.comparison import Comparison, compared
from textgrad_radiotherapy.errors import SolverFailed
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.hot_spots import HotSpot, hot_spots
from textgrad_radiotherapy.inner import InnerOptimiser, Solution
from textgrad_radiotherapy.judgement import GoalTable, judge
from textgrad_radiotherapy.levers import Levers, levers_of
from textgrad_radiotherapy.metrics import TargetIndices, target_indices
from textgrad_radiotherapy.nature_objective import nature_objective
from textgrad_radiotherapy.normalisation import fixed_goals, normalisation, normalisation_text
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.penalty import UNPROVEN, penalty, percent_per_unit, reserve_of
from textgrad_radiotherapy.planning_dose import PlanningDose
from textgrad_radiotherapy.rows import inside_targets, structure_rows
from textgrad_radiotherapy.starting_terms import starting_terms
from textgrad_radiotherapy.structure_names import matched
from textgrad_radiotherapy.terms import Term
from textgrad_radiotherapy.weights import Weights, start_weights

GAP = 1e-4
RESERVE_PERCENT = 1.5  # room asked for on the planning grid, which flatters plans


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A plan and everything that is reported of it. Doses are Gy per course.

    Args:
        case: The case on whose grid it was measured.
        weights: What it was optimised with.
        terms: The terms of the objective.
        solution: What the inner optimiser found, before normalisation.
        scale: Factor on the fluence that the normalisation asked for; 1 without one.
        fluence: Weight of every beamlet after normalisation, shape (beamlets,).
        dose_gy: Flat over the case's grid, shape (voxels,).
        table: The goals, judged; its protocol names structures as the case does.
        indices: Conformity and homogeneity of every target.
        penalty: Misses of the goals, per cent; `penalty.UNPROVEN` more without convergence.
        nature_objective: The paper's scalar, for comparison (`nature_objective`), Gy^2.
        goals_missed: How many judged goals are not met.
        hot_spots: Where the dose is highest; places to look at, never goals.
        levers: What the weights do to the goals; None on a judging grid.
        no_levers: Why there are none although they were asked for.
        reserve_percent: Room that the penalty asks for; 0 on a judging grid.
        comparison: What this very fluence gives where it was planned; None on a planning grid.
    """

    case: Case
    weights: Weights
    terms: tuple[Term, ...]
    solution: Solution
    scale: float
    fluence: Floats
    dose_gy: Floats
    table: GoalTable
    indices: Mapping[str, TargetIndices]
    penalty: float
    nature_objective: float
    goals_missed: int
    hot_spots: tuple[HotSpot, ...]
    levers: Levers | None = None
    no_levers: str = ""
    reserve_percent: float = 0.0
    comparison: Comparison | None = None

    @property
    def protocol(self) -> Protocol:
        """What it was judged by."""
        return self.table.protocol

    def to_json(self) -> dict[str, JSON]:
        """Plain data, without the arrays over voxels and beamlets."""
        solution = self.solution
        return {
            "weights": dict(self.weights.weights),
            "doses_gy": dict(self.weights.doses_gy),
            "terms": [
                {
                    "name": term.name,
                    "structure": term.structure,
                    "kind": term.kind,
                    "dose_gy": self.solution.doses_gy[term.name],
                    "own_gy": term.dose_gy,
                    "external": self.case.structures[term.structure].kind == "external",
                    "value": solution.term_values[term.name],
                }
                for term in self.terms
            ],
            "table": self.table.data(),
            "penalty": self.penalty,
            "nature_objective": self.nature_objective,
            "reserve_percent": self.reserve_percent,
            "reserves": {
                row.goal.name: reserve_of(row.goal, self.protocol, self.reserve_percent)
                for row in self.table.judged
            },
            "goals_missed": self.goals_missed,
            "indices": {
                name: {
                    "coverage_percent": i.coverage_percent,
                    "paddick_ci": i.paddick_ci,
                    "rtog_ci": i.rtog_ci,
                    "homogeneity": i.homogeneity if np.isfinite(i.homogeneity) else None,
                    "gradient_index": i.gradient_index if np.isfinite(i.gradient_index) else None,
                }
                for name, i in self.indices.items()
            },
            "percent_per_unit": {
                row.goal.name: percent_per_unit(row.goal, self.protocol)
                for row in self.table.judged
            },
            "levers": None if self.levers is None else self.levers.to_json(),
            "no_levers": self.no_levers,
            "hot_spots": [spot.to_json() for spot in self.hot_spots],
            "normalisation": {
                "factor": self.scale,
                "rule": normalisation_text(self.protocol),
                "goals": fixed_goals(self.protocol),
            },
            "solver": {
                "objective": solution.objective,
                "lower_bound": solution.lower_bound,
                "gap": solution.gap if math.isfinite(solution.gap) else None,
                "certified": solution.certified,
                "converged": solution.converged,
                "newton_steps": solution.newton_steps,
                "cpu_s": round(solution.cpu_s, 3),
                "message": solution.message,
            },
            "grid": str(self.case.grid),
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            "engine": self.case.influence.engine,
            "about": list(about_case(self.case)),
            "notice": NOTICE,
        }


class Planner:
    """Plans of one case by one protocol.

    Every evaluation starts from the solved start weights: a plan depends on none before it.

    Args:
        case: The case, with influence rows.
        protocol: The goals, matched by name and alias.
        terms: The objective; None for `starting_terms`.
        gap: Relative duality gap to prove.

    Raises:
        CaseError: If a structure is missing or nothing of it is left to optimise.
        GoalError: If goals or terms are not as they should be.
    """

    def __init__(
        self,
        case: Case,
        protocol: Protocol,
        *,
        terms: tuple[Term, ...] | None = None,
        gap: float = GAP,
    ) -> None:
        self.case = case
        self.protocol = matched(protocol, case)
        inside = inside_targets(case)
        self.terms = terms or starting_terms(
            self.protocol, {n: s.kind for n, s in case.structures.items() if n not in inside}
        )
        self._gap = gap
        self._solved = InnerOptimiser(structure_rows(case, self.terms), self.terms)
        with one_blas_thread():
            self._solved.solve(start_weights(self.terms).weights, gap=gap)
        self._dose = PlanningDose(case)
        self._judging: tuple[Case, Callable[[Floats], Floats]] | None = None

    def evaluate(self, weights: Weights, *, levers: bool = True) -> Plan:
        """Solve, normalise, measure.

        Args:
            weights: As `weights.parse_weights` reads them.
            levers: Whether to find out what the weights do to the goals. Where that fails the
                plan stands without, and says why.

        Raises:
            Invalid: If the weights leave the target without dose.
            SolverFailed: If the inner optimiser breaks down.
        """
        with one_blas_thread():
            optimiser = self._solved.copy()
            solution = optimiser.solve(weights.weights, doses_gy=weights.doses_gy, gap=self._gap)
            raw = self._dose(solution.fluence)
            plan = measured(
                self.case, self.protocol, weights, self.terms, solution, raw, RESERVE_PERCENT
            )
            if not levers:
                return plan
            goals = tuple(row.goal for row in plan.table.judged)
            try:
                found = levers_of(
                    optimiser, solution, goals, self.case, self.protocol, plan.dose_gy, plan.scale
                )
            except SolverFailed as error:
                return replace(plan, no_levers=str(error))
        return replace(plan, levers=found)

    def judged(self, plan: Plan) -> Plan:
        """The same beamlets on the judging grid, normalised there: the plan that is reported.

        Beside it stands what that fluence gives where it was planned.
        """
        if self._judging is None:
            finer = judging_case(self.case)
            self._judging = finer, doses_of(finer)
        case, doses = self._judging
        raw = doses(plan.solution.fluence)
        found = measured(case, self.protocol, plan.weights, plan.terms, plan.solution, raw)
        rescaled = found.scale / plan.scale
        beside = compared(self.case, plan.dose_gy * rescaled, self.protocol, rescaled)
        return replace(found, comparison=beside)


def measured(
    case: Case,
    protocol: Protocol,
    weights: Weights,
    terms: tuple[Term, ...],
    solution: Solution,
    raw: Floats,
    reserve_percent: float = 0.0,
) -> Plan:
    """What a fluence does on the grid of a case, scaled as the protocol asks.

    Args:
        case: Whose structures and grid it is measured on.
        protocol: The goals.
        weights: What it was optimised with.
        terms: The terms of the objective.
        solution: The fluence.
        raw: Its dose before normalisation, flat over the grid, shape (voxels,).
        reserve_percent: Room that the penalty asks for at every goal.

    Raises:
        Invalid: If there is no dose to scale.
    """
    scale = normalisation(case, protocol, raw)
    dose_gy = raw * scale
    table = judge(case, dose_gy, protocol, planned=True)
    prescribed = replace(case, prescription_gy=table.protocol.prescription_gy)
    return Plan(
        case=case,
        weights=weights,
        terms=terms,
        solution=solution,
        scale=scale,
        fluence=solution.fluence * scale,
        dose_gy=dose_gy,
        table=table,
        indices={
            name: target_indices(name, dose_gy, prescribed)
            for name in table.protocol.prescription_gy
        },
        penalty=penalty(table, reserve_percent) + (0.0 if solution.converged else UNPROVEN),
        nature_objective=nature_objective(case, dose_gy, table.protocol),
        reserve_percent=reserve_percent,
        goals_missed=len(table.judged) - table.met,
        hot_spots=hot_spots(case, dose_gy),
    )
