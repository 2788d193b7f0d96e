"""Where interior-point steps begin: at an even fluence, or on the way of fewer rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.iterate import Iterate
from textgrad_radiotherapy.inner.stacked import Stacked

SCALES = 1.5 ** np.arange(-20.0, 21.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stop:
    """An iterate that later working rows can start from; slopes and slacks by term."""

    distance: float
    fluence: Floats
    multiplier: Floats
    slope: Mapping[int, Floats]
    slack: Mapping[int, Floats]


@dataclass(slots=True, kw_only=True)
class Path:
    """Iterates so far, so that a problem with more rows starts on its way.

    Args:
        stops: The iterates.
        exact: Whether sums in single precision were too coarse on the way.
    """

    stops: list[Stop] = field(default_factory=list)
    exact: bool = False


def stop_of(stacked: Stacked, now: Iterate, distance: float) -> Stop:
    """An iterate to come back to."""
    return Stop(
        distance=distance,
        fluence=now.fluence,
        multiplier=now.multiplier,
        slope=stacked.by_term(now.slope),
        slack=stacked.by_term(now.slack),
    )


def begin(stacked: Stacked, free: NDArray[np.intp], path: Path) -> Iterate:
    """The last iterate that new rows do not take far from its own way, else an even fluence."""
    whole = np.zeros(stacked.work.problem.beamlets)
    while path.stops:
        stop = path.stops.pop()
        whole[free] = stop.fluence
        excess = stacked.excess(stacked.dose(whole))
        barrier = stop.distance / (free.size + excess.size)
        slope, slack = _central(excess, stacked.twice, barrier)
        held = stacked.joined({k: np.ones(v.size) for k, v in stop.slope.items()}, 0.0 * slope)
        new = held == 0.0
        if float(slope[new] @ np.maximum(excess[new], 0.0)) <= stop.distance:
            return Iterate(
                fluence=stop.fluence,
                multiplier=stop.multiplier,
                slope=stacked.joined(stop.slope, slope),
                slack=stacked.joined(stop.slack, slack),
            )
    whole = _even(stacked)
    dose = stacked.dose(whole)
    excess = stacked.excess(dose)
    total = stacked.objective(excess, stacked.rest(dose, whole))
    barrier = max(total, 1e-300) / (free.size + excess.size)
    slope, slack = _central(excess, stacked.twice, barrier)
    fluence = whole[free]
    return Iterate(fluence=fluence, multiplier=barrier / fluence, slope=slope, slack=slack)


def _central(excess: Floats, twice: Floats, barrier: float) -> tuple[Floats, Floats]:
    """Slopes and slacks with that product and no primal residual."""
    root = np.sqrt(excess**2 + 4.0 * barrier / twice)
    larger = 0.5 * (np.abs(excess) + root)  # the other one from the product: no cancellation
    smaller = barrier / (twice * larger)
    return (
        twice * np.where(excess > 0.0, larger, smaller),
        np.where(excess > 0.0, smaller, larger),
    )


def _even(stacked: Stacked) -> Floats:
    """All beamlets alike, by the multiple of that with the smallest objective."""
    work, setting = stacked.work, stacked.setting
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
