"""Primal-dual interior-point steps, for weights on which projected Newton steps get stuck.

Far apart weights make one-sided squares almost hard limits, and Newton steps that have to guess
which beamlets are zero and which rows count guess wrong again and again. Here beamlets x and their
multipliers z, slopes y of one-sided squares and their slacks s stay above zero, and the products
x z and y s fall to zero together, in some tens of steps. A step has a predictor,
Mehrotra's corrector and a few centrality correctors, all with one factorisation.

Source: S. J. Wright, Primal-Dual Interior-Point Methods (1997), chapters 8 and 10; J. Gondzio,
Multiple centrality correctors, Comput. Optim. Appl. 6 (1996) 137.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.iterate import Iterate
from textgrad_radiotherapy.inner.model import Descent
from textgrad_radiotherapy.inner.normal import ITERATIONS, Normal
from textgrad_radiotherapy.inner.path import Path, begin, stop_of
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.stacked import Rest, Stacked
from textgrad_radiotherapy.inner.workspace import Point, Workspace

STEPS = 60
TO_BOUNDARY = 0.99  # share of the way to zero that a step may go
MANY_ITERATIONS = 12  # of conjugate gradients: from here on sums are in double precision
CORRECTORS = 2  # centrality correctors at most
LONG_ENOUGH = 0.9  # a step that long needs none
SPREAD = 10.0  # products that a step would leave further from their target are corrected
ENOUGH = 0.7  # of the wanted distance: the estimate at which steps end
HALVINGS = 12
GROUND = 1e-6  # of the mean fluence: beamlets that only their multiplier keeps above zero


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Residuals:
    """What a solution would have as zero, and the terms that are no one-sided squares."""

    gradient: Floats
    excess: Floats
    dual: Floats
    primal: Floats
    rest: Rest


def interior(
    work: Workspace, setting: Setting, state: Descent, path: Path, *, share: float, floor: float
) -> tuple[Point, Point]:
    """Lower the objective to near its minimum over the working rows.

    Args:
        work: The objective.
        setting: Weights, levels and offsets.
        state: Step count; updated.
        path: Iterates of earlier calls; updated.
        share: How far the objective may be from its minimum, as a share of it.
        floor: Smaller objectives count as this.

    Returns:
        The result, and a point with the slopes by dose that prove it
        (`certificate.lower_bound`).
    """
    stacked = Stacked(work, setting)
    free = np.flatnonzero(~work.problem.dead)
    now = begin(stacked, free, path)
    for _ in range(STEPS):
        here = _residuals(stacked, free, now)
        distance = now.sum()
        path.stops.append(stop_of(stacked, now, distance))
        wanted = share * max(stacked.objective(here.excess, here.rest), floor)
        if distance + float(np.abs(here.dual) @ now.fluence) <= ENOUGH * wanted:
            break
        method = _Method(stacked, free, now, here, exact=path.exact)
        step, length = method.step()
        again = method.iterations >= ITERATIONS and not path.exact
        path.exact |= method.iterations > MANY_ITERATIONS
        if again:
            step, length = _Method(stacked, free, now, here, exact=True).step()
        state.steps += 1
        length = _shortened(stacked, free, now, here, step, length)
        if length == 0.0:
            break
        now = now.moved(step, length)
    return _ended(stacked, free, now)


def _ended(stacked: Stacked, free: NDArray[np.intp], now: Iterate) -> tuple[Point, Point]:
    here = _residuals(stacked, free, now)
    fluence = np.zeros(stacked.work.problem.beamlets)
    fluence[free] = now.fluence
    slopes = stacked.dual_point(fluence, now.slope)
    small = (here.gradient > 0.0) & (now.fluence < GROUND * float(now.fluence.mean()))
    fluence[free[small]] = 0.0
    found = stacked.work.at(fluence, stacked.setting, exact=True)
    return found, replace(slopes, objective=found.objective)


class _Method:
    """One step: several right-hand sides with one factorisation."""

    def __init__(
        self,
        stacked: Stacked,
        free: NDArray[np.intp],
        now: Iterate,
        here: _Residuals,
        *,
        exact: bool,
    ) -> None:
        self._stacked, self._free, self._now, self._here = stacked, free, now, here
        self._bend = now.slope / (now.slack + now.slope / stacked.twice)
        curvature = stacked.spread(self._bend) + here.rest.curvature
        stiffness = now.multiplier / now.fluence
        self._normal = Normal(stacked, free, curvature, here.rest.axes, stiffness, exact=exact)
        self.iterations = 0

    def step(self) -> tuple[Iterate, float]:
        """A step and how much of it may be made."""
        now, count = self._now, self._now.slope.size + self._now.fluence.size
        mean = now.sum() / count
        affine = self._towards(np.zeros(now.fluence.size), np.zeros(now.slope.size))
        left = now.moved(affine, now.longest(affine)).sum() / count
        target = min((left / mean) ** 3, 1.0) * mean
        beamlets = target - affine.fluence * affine.multiplier
        squares = target - affine.slope * affine.slack
        best = self._towards(beamlets, squares)
        length = now.longest(best)
        for _ in range(CORRECTORS):
            if length >= LONG_ENOUGH:
                break
            ahead = now.moved(best, min(1.0, 1.5 * length + 0.1))
            beamlets, squares = (
                t + np.maximum(np.clip(p, target / SPREAD, target * SPREAD) - p, -SPREAD * target)
                for t, p in zip((beamlets, squares), ahead.products(), strict=True)
            )
            trial = self._towards(beamlets, squares)
            longer = now.longest(trial)
            if longer < 1.1 * length:
                break
            best, length = trial, longer
        return best, length if length == 1.0 else TO_BOUNDARY * length

    def _towards(self, beamlets: Floats, squares: Floats) -> Iterate:
        """The Newton step to given products x z and y s."""
        now, here, stacked = self._now, self._here, self._stacked
        pull = squares / now.slope - now.slack + here.primal
        push = beamlets / now.fluence - now.multiplier
        back = stacked.back(stacked.spread(stacked.sign * self._bend * pull))[self._free]
        fluence = self._normal.solve(push - here.dual - back)
        self.iterations = max(self.iterations, self._normal.iterations)
        whole = np.zeros(stacked.work.problem.beamlets)
        whole[self._free] = fluence
        excess = stacked.sign * stacked.dose(whole)[stacked.at]
        slope = self._bend * (pull + excess)
        return Iterate(
            fluence=fluence,
            multiplier=push - now.multiplier / now.fluence * fluence,
            slope=slope,
            slack=slope / stacked.twice - excess - here.primal,
        )


def _residuals(stacked: Stacked, free: NDArray[np.intp], now: Iterate) -> _Residuals:
    whole = np.zeros(stacked.work.problem.beamlets)
    whole[free] = now.fluence
    dose = stacked.dose(whole)
    rest = stacked.rest(dose, whole)
    slope = stacked.spread(stacked.sign * now.slope) + rest.slope
    gradient = (stacked.back(slope) + stacked.linear)[free]
    excess = stacked.excess(dose)
    return _Residuals(
        gradient=gradient,
        excess=excess,
        dual=gradient - now.multiplier,
        primal=now.slack - now.slope / stacked.twice + excess,
        rest=rest,
    )


def _shortened(
    stacked: Stacked,
    free: NDArray[np.intp],
    now: Iterate,
    here: _Residuals,
    step: Iterate,
    length: float,
) -> float:
    """Without rank-one curvatures all is quadratic and steps do what they promise; else search."""
    if not here.rest.axes:
        return length
    before = float(np.abs(here.dual) @ now.fluence)
    for _ in range(HALVINGS):
        trial = now.moved(step, length)
        after = float(np.abs(_residuals(stacked, free, trial).dual) @ now.fluence)
        if after <= max(before, now.sum()):
            return length
        length *= 0.5
    return 0.0
