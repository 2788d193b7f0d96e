"""How metrics change with the dose of each voxel; `metrics.gradient` says by which rules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Structure
from textgrad_radiotherapy.dvh import DoseVolume, dose_volume, structure_dvh
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.goals import Metric
from textgrad_radiotherapy.mean_of_powers import mean_of_powers_gradient
from textgrad_radiotherapy.partial_voxels import by_voxel_dose, part_doses

LEAST_SPAN_GY = 0.1  # the dose in the part of a voxel is taken to vary by no less than this

Weights = tuple[NDArray[np.intp], Floats]


def gradient_of(
    metric: Metric,
    structure: Structure,
    dose: Floats,
    grid: Grid,
    *,
    patient: Structure,
    prescription_gy: float,
) -> Weights:
    """Flat voxels, ascending, and the metric's derivative by their dose; inputs are checked."""
    number, total = metric.argument, structure.volume_cc(grid)
    if metric.kind == "mean":
        share = structure.occupancy / structure.occupancy.sum()
        return by_voxel_dose(structure, dose, grid, share, np.zeros(share.shape))
    if metric.kind == "gEUD":
        return mean_of_powers_gradient(structure, dose, grid, number)
    if metric.kind in ("D%", "Dcc"):
        volume = number / 100 * total if metric.kind == "D%" else number
        return _quantile(structure, dose, grid, volume)
    if metric.kind in ("V%", "Vcc"):
        in_cc = _volume(structure, dose, grid, number)
        return _sum((100 / total if metric.kind == "V%" else 1.0, in_cc))
    if metric.kind == "HI":
        return _homogeneity(structure, dose, grid)
    return _conformity(metric, structure, dose, grid, patient, prescription_gy)


def _by_parts(
    structure: Structure,
    dose: Floats,
    grid: Grid,
    level: Callable[[DoseVolume], float],
    *,
    gap: bool,
) -> tuple[float, Weights]:
    """Volume per Gy at a level of a histogram, and its derivative by the voxels' doses, cc per Gy.

    Args:
        structure: Of which the histogram is.
        dose: Flat over the grid.
        grid: The grid.
        level: Finds the dose level from the histogram.
        gap: Whether a level that no part reaches is moved by the parts next to it.
    """
    middle, width = part_doses(structure, dose, grid)
    volume = structure.occupancy * (grid.voxel_cc * structure.stands_for)
    span = LEAST_SPAN_GY
    while True:
        spread = np.maximum(width, span)
        at = level(dose_volume(middle, volume, spread))
        reach = (at - middle) / spread
        by_middle = np.where(np.abs(reach) <= 0.5 + 1e-9, volume / spread, 0.0)
        density = float(by_middle.sum())
        if density > 0.0 or not gap:
            break
        span *= 2.0
    by_spread = np.where(width > span, by_middle * reach, 0.0)
    return density, by_voxel_dose(structure, dose, grid, by_middle, by_spread)


def _quantile(structure: Structure, dose: Floats, grid: Grid, volume_cc: float) -> Weights:
    """Derivative of the dose that this volume receives at least, Gy per Gy."""
    density, (voxels, by_dose) = _by_parts(
        structure, dose, grid, lambda histogram: histogram.dose_gy(volume_cc), gap=True
    )
    return voxels, by_dose / density


def _volume(structure: Structure, dose: Floats, grid: Grid, level_gy: float) -> Weights:
    """Derivative of the volume that receives at least a dose, cc per Gy."""
    return _by_parts(structure, dose, grid, lambda _: level_gy, gap=False)[1]


def _homogeneity(structure: Structure, dose: Floats, grid: Grid) -> Weights:
    """Derivative of (D2 - D98) / D50, per Gy."""
    histogram = structure_dvh(structure, dose, grid)
    volumes = [p / 100 * histogram.total_cc for p in (2, 50, 98)]
    d2, d50, d98 = (histogram.dose_gy(volume) for volume in volumes)
    if d50 <= 0:
        return structure.voxels[:0], structure.occupancy[:0]
    by2, by50, by98 = (_quantile(structure, dose, grid, volume) for volume in volumes)
    return _sum((1 / d50, by2), (-1 / d50, by98), (-(d2 - d98) / d50**2, by50))


def _conformity(
    metric: Metric,
    target: Structure,
    dose: Floats,
    grid: Grid,
    patient: Structure,
    level: float,
) -> Weights:
    """Derivative of an index made of volumes at the prescription, per Gy."""
    body = structure_dvh(patient, dose, grid)
    piv, half = (float(v) for v in body.volume_cc(np.array([level, level / 2])))
    by_piv = _volume(patient, dose, grid, level)
    total = target.volume_cc(grid)
    if metric.kind == "CI_RTOG":
        return _sum((1 / total, by_piv))
    if piv <= 0:
        return target.voxels[:0], target.occupancy[:0]
    if metric.kind == "GI":
        return _sum((1 / piv, _volume(patient, dose, grid, level / 2)), (-half / piv**2, by_piv))
    covered = float(structure_dvh(target, dose, grid).volume_cc(level)[0])
    by_covered = _volume(target, dose, grid, level)
    return _sum(
        (2 * covered / (total * piv), by_covered), (-(covered**2) / (total * piv**2), by_piv)
    )


def _sum(*terms: tuple[float, Weights]) -> Weights:
    """Sum of factors times weights, each voxel once."""
    voxels = np.concatenate([where for _, (where, _) in terms])
    weights = np.concatenate([factor * by for factor, (_, by) in terms])
    each, place = np.unique(voxels, return_inverse=True)
    total = np.zeros(each.size)
    np.add.at(total, place, weights)
    return each, total
