"""Volume that two structures share for certain, whatever the dose, as dose is measured.

A voxel held by two structures in parts a and b is held by both in at least a + b - 1. Its dose
counts in each part as an even distribution (`partial_voxels`), whose volume above a level is off
the part's own, cut by a plane, by at most 0.0491 of the voxel: found by going through all shares,
directions and levels, and true of any voxel, since dose varies inside it by no more than its
slope. So each part may be off by that much, and whole voxels by nothing.

Means and gEUDs look at the dose d of voxel centres. Along each axis the slope is d at most, so
of a voxel of which a share F < 1/2 receives t, the centre receives at least
t / (1 + sqrt(3) (1/2 - F)): no less than F t, but its power a may be less than F t^a.
"""

from __future__ import annotations

import math

import numpy as np

from textgrad_radiotherapy.case import Case, Structure

PART_ERROR = 0.05  # of a voxel, by which the volume of a part above a dose may be off
WHOLE = 1.0 - 1e-9


def overlap_cc(one: Structure, other: Structure, case: Case) -> float:
    """Volume in cc of the first that receives a dose in both if it receives it in either."""
    _, i, j = np.intersect1d(one.voxels, other.voxels, return_indices=True)
    a, b = one.occupancy[i], other.occupancy[j]
    error = PART_ERROR * ((a < WHOLE).astype(np.float64) + (b < WHOLE))
    return float(np.maximum(a + b - 1.0 - error, 0.0).sum()) * case.grid.voxel_cc * one.stands_for


def whole_share(structure: Structure) -> float:
    """Share of a structure's volume in voxels that it holds as a whole."""
    inside = structure.occupancy >= WHOLE
    return float(structure.occupancy[inside].sum() / structure.occupancy.sum())


def geud_factor(a: float) -> float:
    """Least ratio of d^a at a voxel's centre to F t^a, F its share that receives t; at most 1."""
    most = math.sqrt(3.0)
    share = (1.0 + most / 2) / (most * (a + 1.0))  # where the ratio is least
    if share >= 0.5:
        return 1.0
    least: float = (1.0 + most * (0.5 - share)) ** -a / share
    return min(1.0, least)
