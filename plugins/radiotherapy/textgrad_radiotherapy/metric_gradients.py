"""How metrics change with the dose of each voxel; `metrics.gradient` says by which rules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Structure
from textgrad_radiotherapy.dvh import structure_dvh
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.goals import Metric
from textgrad_radiotherapy.partial_voxels import part_doses

WINDOW = 0.01  # half-width in rank around a quantile, as a share of the structure's volume
LEAST_SPAN_GY = 0.1  # a volume is taken to leave a dose level over no less than this

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
        return structure.voxels, structure.occupancy / structure.occupancy.sum()
    if metric.kind == "gEUD":
        doses, share = dose[structure.voxels], structure.occupancy / structure.occupancy.sum()
        return structure.voxels, geud_weights(doses, share, number)
    if metric.kind in ("D%", "Dcc"):
        volume = number / 100 * total if metric.kind == "D%" else number
        return _quantile(structure, dose, grid, volume)
    if metric.kind in ("V%", "Vcc"):
        in_cc = _volume(structure, dose, grid, number)
        return _sum((100 / total if metric.kind == "V%" else 1.0, in_cc))
    if metric.kind == "HI":
        return _homogeneity(structure, dose, grid)
    return _conformity(metric, structure, dose, grid, patient, prescription_gy)


def geud_weights(doses: Floats, share: Floats, a: float) -> Floats:
    """Derivative of the gEUD; where it has a kink, along a common change of all doses.

    Args:
        doses: Dose of each voxel, shape (m,), none negative.
        share: Their shares, adding up to 1.
        a: At least 1, or below 0.
    """
    scale = float(doses.max()) if a > 0 else float(doses.min())
    if scale == 0.0 and a > 0:
        return share
    if scale == 0.0:
        cold = np.where(doses == 0, share, 0.0)
        return np.asarray(cold * float(cold.sum()) ** (1 / a - 1))
    relative = doses / scale
    mean = float(relative**a @ share)
    return np.asarray(share * relative ** (a - 1) * mean ** (1 / a - 1))


def _half_width(rank: float, structure: Structure) -> float:
    """Half-width of the window around a rank (0 to 1): within both ends, a voxel at least."""
    voxel = 1.0 / structure.voxels.size
    return max(min(WINDOW, rank / 2, (1 - rank) / 2), voxel / 2)


def _parts(structure: Structure, dose: Floats, grid: Grid, rank: float, half: float) -> Floats:
    """Share of the structure that each voxel has in a window of rank, hottest first.

    Voxels of equal dose have equal rank: they share their part by occupancy.
    """
    share = structure.occupancy / structure.occupancy.sum()
    middle, _ = part_doses(structure, dose, grid)
    levels, group = np.unique(-middle, return_inverse=True)
    volume = np.bincount(group, weights=share, minlength=levels.size)
    end = np.cumsum(volume)
    start = end - volume
    overlap = np.minimum(end, rank + half) - np.maximum(start, rank - half)
    return np.asarray(share * (np.maximum(overlap, 0.0) / volume)[group])


def _quantile(structure: Structure, dose: Floats, grid: Grid, volume_cc: float) -> Weights:
    """Derivative of the dose that this volume receives at least, Gy per Gy."""
    rank = volume_cc / structure.volume_cc(grid)
    parts = _parts(structure, dose, grid, rank, _half_width(rank, structure))
    used = parts > 0
    return structure.voxels[used], parts[used] / parts.sum()


def _volume(structure: Structure, dose: Floats, grid: Grid, level_gy: float) -> Weights:
    """Derivative of the volume that receives at least a dose, cc per Gy."""
    histogram = structure_dvh(structure, dose, grid)
    total = histogram.total_cc
    rank = float(histogram.volume_cc(level_gy)[0]) / total
    if not 0 < rank < 1:
        return structure.voxels[:0], structure.occupancy[:0]
    half = _half_width(rank, structure)
    high, low = max(rank - half, 0.0), min(rank + half, 1.0)
    span = max(histogram.dose_gy(high * total) - histogram.dose_gy(low * total), LEAST_SPAN_GY)
    parts = _parts(structure, dose, grid, rank, half)
    used = parts > 0
    return structure.voxels[used], parts[used] * total / span


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
