"""The inner optimiser: weights in, a fluence with a proven gap out."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner import checks
from textgrad_radiotherapy.inner.limits import Limits, no_multipliers
from textgrad_radiotherapy.inner.model import Descent
from textgrad_radiotherapy.inner.newton import SHIFT_OF_NEW_PROBLEM, descend
from textgrad_radiotherapy.inner.outer import Outcome, solve_outer
from textgrad_radiotherapy.inner.problem import Problem
from textgrad_radiotherapy.inner.rounds import outside
from textgrad_radiotherapy.inner.second_order import SecondOrder
from textgrad_radiotherapy.inner.sensitivities import metric_gradients, sensitivities
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.solution import Sensitivities, Solution
from textgrad_radiotherapy.inner.start import first_fluence
from textgrad_radiotherapy.inner.workspace import Workspace
from textgrad_radiotherapy.terms import StructureRows, Term

POLISHING_STEPS = 3  # Newton steps that bring a solution nearer to the optimum it is proven near
POLISHING_SHIFT = 1e-6
POLISHING_DECREASE = 1e-8


class InnerOptimiser:
    """Minimise ``sum_k w_k f_k(D x)`` over fluences ``x >= 0``.

    Solving again with other weights or dose levels starts from the last fluence and re-uses the
    working rows and Gram matrices. The results of a sequence of solves agree with those of
    separate ones within the gap.

    Args:
        rows: Influence rows by structure; structures no term looks at are ignored.
        terms: The terms.
        memory_gb: What dense rows and Gram matrices may take, 10^9 bytes. Beyond it Newton steps
            come from conjugate gradients on sparse rows, with the same results but slower.

    Raises:
        CaseError: If rows are empty, negative, not finite or do not fit together, or a target
            has voxels no beamlet reaches.
        GoalError: If terms are not as they should be.
    """

    def __init__(
        self,
        rows: Mapping[str, StructureRows],
        terms: Sequence[Term],
        *,
        memory_gb: float = 4.0,
    ) -> None:
        self._problem = Problem(rows, terms)
        self._memory_gb = memory_gb
        self._work = Workspace(self._problem, memory_gb=memory_gb)
        self._hessian = SecondOrder(self._work)
        self._state = Descent()
        self._last: Floats | None = None
        self._limits: Limits | None = None

    def copy(self) -> InnerOptimiser:
        """Another one in the same state; the rows themselves are shared, they do not change."""
        return copy.deepcopy(self, {id(self._problem): self._problem})

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms, in the order of every array over terms."""
        return self._problem.terms

    @property
    def beamlets(self) -> int:
        """Length of a fluence."""
        return self._problem.beamlets

    def solve(
        self,
        weights: Mapping[str, float] | None = None,
        *,
        doses_gy: Mapping[str, float] | None = None,
        start: Floats | Sequence[float] | None = None,
        gap: float = 1e-4,
    ) -> Solution:
        """The best fluence for these weights and dose levels.

        Args:
            weights: Weight by term name; terms not named keep their own.
            doses_gy: Dose level by term name, Gy per course; terms not named keep their own.
            start: A fluence to start from instead of the last one, shape (beamlets,).
            gap: Relative duality gap to prove.

        Raises:
            GoalError: If a name is unknown, a number is none or out of bounds, weights are too
                far apart, or all are 0.
            CaseError: If the start is no fluence.
            SolverFailed: If the arithmetic breaks down.
        """
        clock, steps = time.process_time(), self._state.steps
        checks.check_gap(gap)
        given = checks.start_of(start, self.beamlets)
        setting = self._setting(weights, doses_gy)
        cold = given is None and self._last is None
        if self._problem.only_means(setting.weights):
            fluence = np.zeros(self.beamlets)  # no such term is smaller than without dose
        elif given is not None:
            fluence = np.where(self._problem.dead, 0.0, given)
        elif self._last is not None:
            fluence = self._last
        else:
            fluence = first_fluence(self._problem, setting, memory_gb=self._memory_gb)
        self._state.shift = max(self._state.shift, SHIFT_OF_NEW_PROBLEM)
        limits = self._limits or no_multipliers(self._work, setting.weights)
        outcome = solve_outer(
            self._work, self._hessian, setting, fluence, self._state, limits, gap=gap, cold=cold
        )
        self._last, self._limits = outcome.fluence, outcome.limits
        return self._solution(
            outcome, setting, gap, time.process_time() - clock, self._state.steps - steps
        )

    def sensitivities(
        self, solution: Solution, gradients: Sequence[tuple[str, NDArray[np.intp], Floats]]
    ) -> Sensitivities:
        """How metrics of the dose move with the weights and dose levels, before normalisation.

        They are those of the exact optimum; a few Newton steps lead there from the solution.

        Args:
            solution: From `solve`.
            gradients: Per metric the structure, rows of its `StructureRows.matrix` and the
                derivative of the metric by the dose of each.

        Raises:
            CaseError: If a structure or row is unknown, or the solution is of another problem.
            SolverFailed: If the linear systems cannot be solved.
        """
        return self.fluence_sensitivities(solution, metric_gradients(self._problem, gradients))

    def fluence_sensitivities(self, solution: Solution, gradients: Floats) -> Sensitivities:
        """The same for metrics whose gradients by fluence are given, shape (metrics, beamlets)."""
        setting = solution.setting
        if setting is None or solution.fluence.shape != (self.beamlets,):
            raise CaseError("sensitivities need a solution that `solve` of this object returned")
        if gradients.ndim != 2 or gradients.shape[1] != self.beamlets:
            raise CaseError(
                f"gradients have shape {gradients.shape}, (metrics, {self.beamlets}) is needed"
            )
        around = outside(self._work, solution.fluence, setting, 1.0)
        self._work.grow(around.hot)
        point = descend(
            self._work, self._hessian, setting,
            self._work.at(solution.fluence, setting, exact=True), Descent(shift=POLISHING_SHIFT),
            tolerance=POLISHING_DECREASE, limit=POLISHING_STEPS, exact=True,
        )  # fmt: skip
        return sensitivities(self._work, self._hessian, setting, point, gradients)

    def _setting(
        self, weights: Mapping[str, float] | None, doses_gy: Mapping[str, float] | None
    ) -> Setting:
        terms = self.terms
        own_weights = np.array([term.weight for term in terms], dtype=np.float64)
        own_doses = np.array([term.dose_gy for term in terms], dtype=np.float64)
        chosen = checks.numbers_of(terms, weights, "weight", own_weights, most=checks.MOST_WEIGHT)
        checks.check_weights(terms, chosen)
        return Setting(
            weights=chosen,
            doses_gy=checks.numbers_of(
                terms, doses_gy, "dose level", own_doses, most=checks.LARGEST_LEVEL_GY
            ),
            kept=tuple(None for _ in terms),
            offset_gy=tuple(None for _ in terms),
        )

    def _solution(
        self, outcome: Outcome, setting: Setting, gap: float, cpu_s: float, steps: int
    ) -> Solution:
        names = [term.name for term in self.terms]
        converged = abs(outcome.gap) <= gap and outcome.holds and outcome.settled
        return Solution(
            fluence=outcome.fluence,
            objective=outcome.objective,
            lower_bound=outcome.lower_bound,
            gap=outcome.gap if outcome.holds else np.inf,
            certified=self._problem.convex() and outcome.holds,
            converged=converged,
            term_values=dict(zip(names, outcome.values.tolist(), strict=True)),
            violation_gy=outcome.misses_gy,
            weights=dict(zip(names, setting.weights.tolist(), strict=True)),
            doses_gy=dict(zip(names, setting.doses_gy.tolist(), strict=True)),
            pinned=np.flatnonzero(self._problem.dead),
            newton_steps=steps,
            cpu_s=cpu_s,
            message=message_of(outcome, self._problem, gap),
            setting=outcome.setting,
        )


def message_of(outcome: Outcome, problem: Problem, gap: float) -> str:
    """What a reader has to know about an outcome, in a few sentences."""
    parts = [f"Relative gap {outcome.gap:.1e}, {gap:.1e} asked for."]
    if not outcome.holds:
        missed = ", ".join(f"{n} by {e:.2f} Gy" for n, e in outcome.misses_gy.items() if e > 0)
        parts = [
            f"No gap is proven, {gap:.1e} asked for. Hard limits are missed: {missed}; they may "
            "contradict each other: relax one, or make it a weighted term."
        ]
    elif not problem.convex():
        parts.append(
            "Local optimum: DVH terms are not convex, and the gap is that of the problem in "
            "which the same voxels stay to blame"
            + ("." if outcome.settled else "; they still changed at the end.")
        )
    if problem.dead.any():
        parts.append(f"{int(problem.dead.sum())} beamlets reach no voxel of any term: kept at 0.")
    return " ".join(parts)
