"""The lowest point along a step, by the derivative of the objective."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

TRIALS = 20
FLAT = 0.1  # share of the first derivative that is left where a search ends


def lowest_along(
    work: Workspace,
    setting: Setting,
    point: Point,
    step: Floats,
    *,
    longest: float,
    barrier: float,
    free: NDArray[np.intp],
) -> tuple[Point | None, float]:
    """The lowest point of objective and barrier along a step; None where neither falls.

    Dose is linear along a step, so one product with the influence rows serves all trials. The
    derivative tells left from right where differences of the objective would be rounding.

    Args:
        work: The objective.
        setting: Weights and levels.
        point: Where the step begins, inside the bounds.
        step: Change of fluence, shape (beamlets,).
        longest: Largest multiple of the step; at it the fluence is still above zero.
        barrier: Factor of the barrier ``-sum log x`` over the free beamlets.
        free: Their indices.
    """
    change = {name: block.dose_exact(step) for name, block in work.blocks.items()}

    def at(length: float) -> tuple[Point, float]:
        dose = {name: point.dose_gy[name] + length * more for name, more in change.items()}
        fluence = point.fluence + length * step
        trial = work.from_dose(fluence, dose, setting)
        return trial, work.slope(trial, change, step, setting) - barrier * float(
            (step[free] / fluence[free]).sum()
        )

    low, falling = 0.0, at(0.0)[1]
    first = falling
    if first >= 0.0:
        return None, 0.0
    trial, high = point, longest
    length = longest
    rising = np.inf
    for _ in range(TRIALS):
        trial, rate = at(length)
        if abs(rate) <= -FLAT * first or (rate < 0.0 and length == longest):
            break
        if rate < 0.0:
            low, falling = length, rate
        else:
            high, rising = length, rate
        share = min(max(falling / (falling - rising), 0.1), 0.9) if np.isfinite(rising) else 0.5
        length = low + (high - low) * share
    return trial, length
