"""Planes through volumes: where they are, what is up, and values on a finer raster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import map_coordinates

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.geometry import Floats, Grid

View = Literal["axial", "sagittal", "coronal"]
RASTER_MM = 1.0
MARGIN_MM = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """A plane as people look at it.

    Args:
        view: Its name.
        normal: Axis it is perpendicular to: 0 for x, 1 for y, 2 for z.
        across: Axis drawn from left to right.
        up: Axis drawn vertically.
        downward: Whether the vertical axis grows downwards.
        letters: Patient directions at the left, right, top and bottom.
    """

    view: View
    normal: int
    across: int
    up: int
    downward: bool
    letters: tuple[str, str, str, str]


# Axial from the feet, coronal from the front, sagittal from the patient's left.
AXIAL = Plane(view="axial", normal=2, across=0, up=1, downward=True, letters=("R", "L", "A", "P"))
CORONAL = Plane(
    view="coronal", normal=1, across=0, up=2, downward=False, letters=("R", "L", "S", "I")
)
SAGITTAL = Plane(
    view="sagittal", normal=0, across=1, up=2, downward=False, letters=("A", "P", "S", "I")
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raster:
    """Points of a plane at most a millimetre apart, over a window.

    Args:
        across_mm: Coordinates along the plane's first axis, shape (n,).
        up_mm: Coordinates along its second axis, shape (m,).
        index: Fractional voxel indices (z, y, x) of every point, shape (3, m, n).
    """

    across_mm: Floats
    up_mm: Floats
    index: Floats

    def sampled(self, cube: Floats) -> Floats:
        """Values of a volume at the points, linear between voxels, shape (m, n)."""
        values = map_coordinates(cube, self.index, order=1, mode="nearest", output=np.float64)
        return np.asarray(values)

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """Left, right, lowest and highest coordinate of the pixels' edges."""
        da, du = _step(self.across_mm) / 2, _step(self.up_mm) / 2
        return (
            float(self.across_mm[0] - da), float(self.across_mm[-1] + da),
            float(self.up_mm[0] - du), float(self.up_mm[-1] + du),
        )  # fmt: skip


def window_mm(case: Case) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    """What is worth drawing along x, y and z: the body with a margin, or the whole grid."""
    grid = case.grid
    whole = [(float(a[0]), float(a[-1])) for a in grid.axes_mm()]
    bodies = [s for s in case.structures.values() if s.kind == "external" and s.voxels.size]
    if bodies:
        centres = grid.centres_mm(np.concatenate([s.voxels for s in bodies]))
        low, high = centres.min(axis=0) - MARGIN_MM, centres.max(axis=0) + MARGIN_MM
        whole = [
            (max(first, float(lo)), min(last, float(hi)))
            for (first, last), lo, hi in zip(whole, low, high, strict=True)
        ]
    x, y, z = whole
    return x, y, z


def raster(
    plane: Plane,
    grid: Grid,
    at_mm: tuple[float, float, float],
    window: tuple[tuple[float, float], tuple[float, float], tuple[float, float]],
) -> Raster:
    """The points of a plane through a point, within a window."""
    across, up = (_even(*window[axis]) for axis in (plane.across, plane.up))
    points = np.empty((3, up.size, across.size))
    points[plane.normal] = at_mm[plane.normal]
    points[plane.across] = across[None, :]
    points[plane.up] = up[:, None]
    origin, spacing = (np.asarray(v)[:, None, None] for v in (grid.origin_mm, grid.spacing_mm))
    index = (points - origin) / spacing
    return Raster(across_mm=across, up_mm=up, index=index[::-1])


def isocentre_mm(case: Case) -> tuple[float, float, float] | None:
    """The isocentre of the first beam; None without beams."""
    return case.beams[0].isocentre_mm if case.beams else None


def hot_spot_mm(case: Case, dose_gy: Floats) -> tuple[float, float, float]:
    """Centre of the voxel with the highest dose."""
    x, y, z = case.grid.centres_mm(np.asarray([int(dose_gy.argmax())]))[0].tolist()
    return x, y, z


def _even(low: float, high: float) -> Floats:
    count = max(2, int(np.ceil((high - low) / RASTER_MM - 1e-9)) + 1)
    return np.asarray(np.linspace(low, high, count), dtype=np.float64)


def _step(values: Floats) -> float:
    return float(values[1] - values[0])
