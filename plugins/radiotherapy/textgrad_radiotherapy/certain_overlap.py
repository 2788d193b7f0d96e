"""Volume that two structures share for certain, whatever the dose, as dose is measured.

A voxel held by two structures in parts a and b is held by both in at least a + b - 1. Its dose
counts in each part as an even distribution (`partial_voxels`), whose volume above a level is off
the part's own, cut by a plane, by at most 0.0491 of the voxel: found by going through all shares,
directions and levels, and true of any voxel, since dose varies inside it by no more than its
slope. So each part may be off by that much, and whole voxels by nothing.

Means and gEUDs look at the dose d of voxel centres. Along each axis the slope is d at most, so
of a voxel of which a share F < 1/2 receives t, the centre receives at least
t / (1 + sqrt(3) (1/2 - F)): no less than F t, but its power a may be less than F t^a.

Of a voxel held in part the centre tells less. A part p whose share h receives t is measured as
d + c (1 - p) / 2 + (1/2 - h) sqrt(g^2 - c^2 (1 - p^2)) >= t, g <= sqrt(3) d being the slope and
-g <= c <= g its part along the normal (`part_doses`). The largest t over all g and c has a closed
form (`_over_centre`).
"""

from __future__ import annotations

import math

import numpy as np

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.geometry import Floats

PART_ERROR = 0.05  # of a voxel, by which the volume of a part above a dose may be off
WHOLE = 1.0 - 1e-9
CELLS = 100  # of the share of a part that receives a dose


def overlap_cc(one: Structure, other: Structure, case: Case) -> float:
    """Volume in cc of the first that receives a dose in both if it receives it in either."""
    _, i, j = np.intersect1d(one.voxels, other.voxels, return_indices=True)
    a, b = one.occupancy[i], other.occupancy[j]
    error = PART_ERROR * ((a < WHOLE).astype(np.float64) + (b < WHOLE))
    return float(np.maximum(a + b - 1.0 - error, 0.0).sum()) * case.grid.voxel_cc * one.stands_for


def sure_share(structure: Structure, share: float, a: float = 1.0) -> float:
    """Least mean of d^a, in t^a, if a share of a structure receives t; d at voxel centres.

    Args:
        structure: Its volume outside that share lies where it costs the mean most.
        share: From 0 to 1.
        a: Exponent, 1 or more.
    """
    factor = centre_factor(structure.occupancy, a)
    least = float(factor @ structure.occupancy / structure.occupancy.sum())
    return max(least - (1.0 - share) * float(factor.max()), 0.0)


def centre_factor(part: Floats, a: float) -> Floats:
    """Least ratio of d^a at the centre to h t^a, h the share of a voxel's part that receives t.

    Args:
        part: Share of each voxel that is inside, above 0 to 1.
        a: Exponent, 1 or more.

    Returns:
        At most 1, shape of the parts; too low by no more than one cell of shares makes it.
    """
    share = np.arange(CELLS) / CELLS  # lower ends: t / d is largest there, h at the upper ends
    over = np.stack([_over_centre(part, h) ** a * (h + 1 / CELLS) for h in share.tolist()])
    return np.asarray(np.minimum(1.0 / over.max(axis=0), 1.0))


def _over_centre(part: Floats, share: float) -> Floats:
    """Largest t / d of which a share of a voxel's part, that of the highest dose, receives t."""
    across = 0.5 - share >= part / (2 * (1 + part))  # the worst slope is not along the normal
    oblique = np.sqrt((1 - part) / (4 * (1 + part)) + (0.5 - share) ** 2)
    along = np.maximum(0.5 - share * part, 0.0)
    return np.asarray(1.0 + math.sqrt(3.0) * np.where(across, oblique, along))


def geud_factor(a: float) -> float:
    """Least ratio of d^a at a voxel's centre to F t^a, F its share that receives t; at most 1."""
    most = math.sqrt(3.0)
    share = (1.0 + most / 2) / (most * (a + 1.0))  # where the ratio is least
    if share >= 0.5:
        return 1.0
    least: float = (1.0 + most * (0.5 - share)) ** -a / share
    return min(1.0, least)
