"""Interior-point steps, for weights on which projected Newton steps get stuck.

Far apart weights make one-sided squares almost hard limits, and Newton steps that have to guess
which beamlets are zero and which rows count guess wrong again and again. Here a barrier keeps all
beamlets and the slacks of all one-sided squares above zero while it falls; the objective has no
kinks then. Its minimum lies within the barrier times the number of products of the optimum.

Source: S. J. Wright, Primal-Dual Interior-Point Methods (1997), chapters 1 and 10; safeguards of
the multipliers as in A. Waechter, L. T. Biegler, Math. Program. 106 (2006) 25, section 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.errors import SolverFailed
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.model import Descent, Hessian
from textgrad_radiotherapy.inner.search import lowest_along
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

STEPS = 120
FALL = 0.15  # of the barrier after a step that came near its minimum
NEAR_MINIMUM = 0.7  # share of a step that counts as such
NEAR_PROMISE = 0.1  # or so small a promised decrease, in barriers per beamlet
FAIR = 0.3  # share of a step: where less is possible, sums of curvatures are made anew
TO_BOUNDARY = 0.995  # share of the way to zero fluence that a step may go
SAFE_RATIO = 1e6  # how far a multiplier may be from barrier / fluence
LAST_SHARE = 0.02  # of the wanted distance: that of the last barrier
CENTRED = 0.01  # of the wanted distance: decrease that the last step promises
GROUND = 1e-6  # of the mean fluence: beamlets that only the barrier keeps above zero
SCALES = 1.5 ** np.arange(-20.0, 21.0)


@dataclass(slots=True, kw_only=True)
class Path:
    """Where the barriers' minima were, so that a problem with more rows starts on its way.

    Args:
        stops: Distance of a minimum from the optimum as the barrier has it, and its fluence.
    """

    stops: list[tuple[float, Floats]] = field(default_factory=list)

    def back(self, distance: float) -> tuple[float, Floats] | None:
        """The last stop at least that far away, or the first; later ones are forgotten."""
        while len(self.stops) > 1 and self.stops[-1][0] < distance:
            self.stops.pop()
        return self.stops[-1] if self.stops else None


def interior(
    work: Workspace,
    hessian: Hessian,
    setting: Setting,
    state: Descent,
    path: Path,
    *,
    distance: float,
    wanted: float,
) -> tuple[Point, Point]:
    """Lower the objective to near its minimum over the working rows.

    Args:
        work: The objective.
        hessian: Its second-order model.
        setting: Weights and levels.
        state: Step count; updated.
        path: Minima of earlier barriers; updated.
        distance: How far the last result was from the minimum.
        wanted: How far the result may be.

    Returns:
        The result, and a point whose slopes by dose are those of the last barrier: they have no
        kinks to amplify rounding and prove a tighter bound (`certificate.lower_bound`).
    """
    free = np.flatnonzero(~work.problem.dead)
    products = free.size + work.one_sided(setting)
    stop = path.back(distance)
    fluence = _even(work, setting) if stop is None else stop[1]
    point = work.at(fluence, setting, exact=True)
    last = LAST_SHARE * wanted / products
    barrier = max((point.objective if stop is None else stop[0]) / products, last)
    x = point.fluence[free]
    multiplier = barrier / x
    exact = False
    for _ in range(STEPS):
        smooth = replace(setting, barrier=barrier)
        point = work.from_dose(point.fluence, point.dose_gy, smooth)
        gradient = work.gradient(point, smooth, exact=True)[free]
        hessian.refresh(point, smooth)
        if exact:
            hessian.renew(point, smooth)
        stiffness = multiplier / x
        right = barrier / x - gradient
        step = np.zeros(work.problem.beamlets)
        try:
            step[free] = hessian.stiffened(free, stiffness, right)
        except SolverFailed:  # sums that drifted are made anew; else what there is has to do
            if exact:
                break
            exact = True
            continue
        state.steps += 1
        promised = 0.5 * float(right @ step[free])
        if barrier <= last and promised <= CENTRED * wanted:
            break
        longest = _longest(x, step[free])
        trial, length = lowest_along(
            work, smooth, point, step, longest=longest, barrier=barrier, free=free
        )
        if trial is None and barrier <= last:
            break
        change = barrier / x - multiplier - stiffness * step[free]
        most = _longest(multiplier, change)
        if trial is not None:
            point, x = trial, trial.fluence[free]
            multiplier = multiplier + most * change
        exact |= length < min(FAIR, 0.5 * longest)
        near = min(length, most) >= NEAR_MINIMUM
        if trial is None or near or promised <= NEAR_PROMISE * barrier * free.size:
            path.stops.append((barrier * products, point.fluence))
            barrier = max(FALL * barrier, last)
        centre = barrier / x
        multiplier = np.clip(multiplier, centre / SAFE_RATIO, centre * SAFE_RATIO)
    found = work.at(_grounded(point.fluence, gradient, free), setting, exact=True)
    smooth = replace(setting, barrier=barrier)
    slopes = work.at(point.fluence, smooth, exact=True)
    return found, replace(slopes, objective=found.objective)


def _longest(values: Floats, change: Floats) -> float:
    """Largest share of a change, at most 1, after which all values are above zero."""
    down = change < 0.0
    return min(1.0, TO_BOUNDARY * float(np.min(-values[down] / change[down], initial=np.inf)))


def _even(work: Workspace, setting: Setting) -> Floats:
    """All beamlets alike, by the multiple of that with the smallest objective."""
    alike = np.where(work.problem.dead, 0.0, 1.0)
    dose = {name: block.dose(alike) for name, block in work.blocks.items()}
    hottest = max((float(d.max(initial=0.0)) for d in dose.values()), default=0.0)
    for k in work.problem.of_means():
        hottest = max(hottest, float(work.problem.mean[work.problem.terms[k].structure].sum()))
    scales = (float(setting.doses_gy.max()) or 1.0) / hottest * SCALES
    objective = [
        work.from_dose(s * alike, {n: s * d for n, d in dose.items()}, setting).objective
        for s in scales
    ]
    return np.asarray(scales[int(np.argmin(objective))] * alike)


def _grounded(fluence: Floats, gradient: Floats, free: NDArray[np.intp]) -> Floats:
    """The same with zeros where only the barrier kept a beamlet above."""
    found = fluence.copy()
    small = (gradient > 0.0) & (fluence[free] < GROUND * float(fluence[free].mean()))
    found[free[small]] = 0.0
    return found
