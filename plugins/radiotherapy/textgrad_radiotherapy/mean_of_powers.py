"""gEUD, the mean of powers of the dose, over parts of voxels, and its derivative."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Structure
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.partial_voxels import by_voxel_dose, part_doses

# Gauss-Legendre on (-1/2, 1/2): exact for an even distribution up to the fifth power of the dose
PLACES = np.array([-np.sqrt(0.15), 0.0, np.sqrt(0.15)])
SHARES = np.array([5.0, 8.0, 5.0]) / 18.0


def mean_of_powers(structure: Structure, dose_gy: Floats, grid: Grid, a: float) -> float:
    """(mean of d^a)^(1/a), Gy.

    Args:
        structure: Whose parts of voxels; it holds some volume.
        dose_gy: Gy per course, flat over the grid, none negative.
        grid: The grid.
        a: At least 1, or below 0.
    """
    doses, share = _spread_out(structure, dose_gy, grid)
    doses = np.maximum(doses, 0.0)
    scale = float(doses.max()) if a > 0 else float(doses.min())
    if scale == 0.0:
        return 0.0
    return float(scale * float(((doses / scale) ** a * share).sum()) ** (1 / a))


def mean_of_powers_gradient(
    structure: Structure, dose_gy: Floats, grid: Grid, a: float
) -> tuple[NDArray[np.intp], Floats]:
    """Flat voxels, ascending, and the derivative by their dose; arguments as above.

    Where the gEUD has a kink, it is the derivative along a common change of all doses.
    """
    doses, share = _spread_out(structure, dose_gy, grid)
    by_dose = np.where(doses >= 0.0, _slopes(np.maximum(doses, 0.0), share, a), 0.0)
    by_middle, by_spread = by_dose.sum(axis=0), PLACES @ by_dose
    return by_voxel_dose(structure, dose_gy, grid, by_middle, by_spread)


def _spread_out(structure: Structure, dose_gy: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Doses at places in each part, below 0 where it reaches there, and their shares: (3, m)."""
    middle, spread = part_doses(structure, dose_gy, grid)
    share = structure.occupancy / structure.occupancy.sum()
    return middle + np.outer(PLACES, spread), np.outer(SHARES, share)


def _slopes(doses: Floats, share: Floats, a: float) -> Floats:
    scale = float(doses.max()) if a > 0 else float(doses.min())
    if scale == 0.0 and a > 0:
        return share
    if scale == 0.0:
        cold = np.where(doses == 0.0, share, 0.0)
        return np.asarray(cold * float(cold.sum()) ** (1 / a - 1))
    relative = doses / scale
    mean = float((relative**a * share).sum())
    return np.asarray(share * relative ** (a - 1) * mean ** (1 / a - 1))
