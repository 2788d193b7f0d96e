"""Occupancy of voxels by a stack of planar contours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.dicom.raster import coverage
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.overlap import overlap_mm

SAME_PLANE_MM = 0.01
ROUNDING = 1e-3  # share of a voxel that is taken for rounding of coordinates
GAP = 1.5  # planes further apart than this many usual distances leave a gap between them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contour:
    """A closed planar contour.

    Args:
        z_mm: Its plane.
        points_mm: Corners (x, y), shape (n, 2).
    """

    z_mm: float
    points_mm: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slabs:
    """Where the planes of a stack reach along z.

    Args:
        z_mm: Planes, ascending.
        low_mm: Lower end of each slab.
        high_mm: Upper end of each slab.
        gaps: Pairs of planes with nothing between them.
    """

    z_mm: Floats
    low_mm: Floats
    high_mm: Floats
    gaps: tuple[tuple[float, float], ...]


def slabs(z_mm: Sequence[float], single_mm: float) -> Slabs:
    """Slabs of contour planes: half-way to the neighbours, half a usual distance at the ends.

    Args:
        z_mm: Planes of the contours, in any order, repeated or not.
        single_mm: Thickness of the only plane of a structure: that of an image slice.
    """
    ordered = np.unique(np.asarray(z_mm, dtype=np.float64))
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > SAME_PLANE_MM) + 1)
    planes = np.array([group.mean() for group in groups])
    steps = np.diff(planes)
    usual = float(np.median(steps)) if steps.size else single_mm
    joined = steps <= GAP * usual
    half = np.where(joined, steps, usual) / 2
    below = np.concatenate([[usual / 2], half])
    above = np.concatenate([half, [usual / 2]])
    gaps = tuple((float(planes[i]), float(planes[i + 1])) for i in np.flatnonzero(~joined))
    return Slabs(z_mm=planes, low_mm=planes - below, high_mm=planes + above, gaps=gaps)


def occupancy(
    contours: Sequence[Contour], stack: Slabs, grid: Grid
) -> tuple[NDArray[np.intp], Floats]:
    """Voxels of a grid that a stack of contours reaches into.

    Args:
        contours: Contours; those of one plane are combined by the odd-even rule.
        stack: Slabs of their planes.
        grid: Any grid.

    Returns:
        Flat indices, ascending, and the share of each voxel that lies inside, above 0 to 1.
    """
    x, y, z = grid.axes_mm()
    shared = overlap_mm(stack.low_mm, stack.high_mm, z, grid.spacing_mm[2]) / grid.spacing_mm[2]
    shared[shared < ROUNDING] = 0.0  # coordinates are rounded in files
    shared[shared > 1.0 - ROUNDING] = 1.0
    _, ny, nx = grid.shape
    filled: dict[int, Floats] = {}
    origin, step = np.array([x[0], y[0]]), np.asarray(grid.spacing_mm[:2])
    for plane, group in _by_plane(contours, stack).items():
        reached = np.flatnonzero(shared[:, plane])
        if reached.size:
            pixels = [(c.points_mm - origin) / step for c in group]
            area = coverage(pixels, (ny, nx))
            for k in reached.tolist():
                filled.setdefault(k, np.zeros((ny, nx)))
                filled[k] += shared[k, plane] * area
    flat: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    share: list[Floats] = [np.empty(0)]
    for k in sorted(filled):
        inside = np.flatnonzero(filled[k].ravel() > ROUNDING)
        flat.append(inside + k * ny * nx)
        share.append(np.minimum(filled[k].ravel()[inside], 1.0))
    return np.concatenate(flat), np.concatenate(share)


def _by_plane(contours: Sequence[Contour], stack: Slabs) -> Mapping[int, list[Contour]]:
    groups: dict[int, list[Contour]] = {}
    for contour in contours:
        plane = int(np.argmin(np.abs(stack.z_mm - contour.z_mm)))
        groups.setdefault(plane, []).append(contour)
    return groups
