"""Solids with a formula, and how much of every voxel lies inside them.

Everything is in patient coordinates (DICOM LPS, millimetres). A solid answers for points; a
structure is sampled from it with a regular lattice of points in every voxel, so volumes come
out right although the surface cuts through voxels. Flat ends are half open (the lower one is
inside, the upper one is not), so solids that touch share no point and a sampling point on an
end is counted once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Structure, StructureKind
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid

Point = tuple[float, float, float]
Bools = NDArray[np.bool_]
FAR_MM = 1e6  # the half length of what has no end


class Solid(Protocol):
    """A region of space."""

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside; the three arrays broadcast against each other."""
        ...

    def bounds_mm(self) -> tuple[Point, Point]:
        """Corners of a box around it: lowest and highest x, y, z."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A block between two corners."""

    low_mm: Point
    high_mm: Point

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        (x0, y0, z0), (x1, y1, z1) = self.low_mm, self.high_mm
        return np.asarray(((x >= x0) & (x < x1)) & ((y >= y0) & (y < y1)) & ((z >= z0) & (z < z1)))

    def bounds_mm(self) -> tuple[Point, Point]:
        """The corners."""
        return self.low_mm, self.high_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """An ellipsoid; its posterior half (+y) may have a semi-axis of its own."""

    centre_mm: Point = (0.0, 0.0, 0.0)
    semi_mm: Point
    posterior_mm: float | None = None

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        (cx, cy, cz), (a, b, c) = self.centre_mm, self.semi_mm
        behind = b if self.posterior_mm is None else self.posterior_mm
        along_y = (y - cy) / np.where(y > cy, behind, b)
        return np.asarray(((x - cx) / a) ** 2 + along_y**2 + ((z - cz) / c) ** 2 <= 1.0)

    def bounds_mm(self) -> tuple[Point, Point]:
        """The box that touches it."""
        (cx, cy, cz), (a, b, c) = self.centre_mm, self.semi_mm
        behind = b if self.posterior_mm is None else self.posterior_mm
        return (cx - a, cy - b, cz - c), (cx + a, cy + behind, cz + c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cylinder:
    """A round cylinder along any direction; ``length_mm`` is centred on the centre."""

    centre_mm: Point = (0.0, 0.0, 0.0)
    radius_mm: float
    length_mm: float
    direction: Point = (0.0, 0.0, 1.0)

    def _unit(self) -> Floats:
        return np.asarray(self.direction, dtype=np.float64) / np.linalg.norm(self.direction)

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        ux, uy, uz = self._unit()
        cx, cy, cz = self.centre_mm
        dx, dy, dz = x - cx, y - cy, z - cz
        along = dx * ux + dy * uy + dz * uz
        across2 = dx * dx + dy * dy + dz * dz - along * along
        half = self.length_mm / 2
        return np.asarray(((along >= -half) & (along < half)) & (across2 <= self.radius_mm**2))

    def bounds_mm(self) -> tuple[Point, Point]:
        """The box that touches it."""
        u = self._unit()
        reach = np.abs(u) * self.length_mm / 2 + self.radius_mm * np.sqrt(1.0 - u * u)
        return _box_around(self.centre_mm, reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class EllipticCylinder:
    """An elliptic cylinder along z, between two heights."""

    centre_mm: tuple[float, float] = (0.0, 0.0)
    semi_mm: tuple[float, float]
    z_mm: tuple[float, float] = (-FAR_MM, FAR_MM)

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        (cx, cy), (a, b) = self.centre_mm, self.semi_mm
        ellipse = ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 <= 1.0
        return np.asarray(ellipse & ((z >= self.z_mm[0]) & (z < self.z_mm[1])))

    def bounds_mm(self) -> tuple[Point, Point]:
        """The box that touches it."""
        (cx, cy), (a, b) = self.centre_mm, self.semi_mm
        return (cx - a, cy - b, self.z_mm[0]), (cx + a, cy + b, self.z_mm[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class BowedCylinder:
    """Round slices along z whose centre moves back: y + bow (1 - cos(pi z / (2 over)))."""

    centre_mm: tuple[float, float] = (0.0, 0.0)
    radius_mm: float
    z_mm: tuple[float, float]
    bow_mm: float = 0.0
    over_mm: float = 60.0

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        turn = np.clip(z / self.over_mm, -1.0, 1.0) * (np.pi / 2)
        dy = y - (self.centre_mm[1] + self.bow_mm * (1.0 - np.cos(turn)))
        round_slice = (x - self.centre_mm[0]) ** 2 + dy**2 <= self.radius_mm**2
        return np.asarray(round_slice & ((z >= self.z_mm[0]) & (z < self.z_mm[1])))

    def bounds_mm(self) -> tuple[Point, Point]:
        """A box around it."""
        (cx, cy), r = self.centre_mm, self.radius_mm
        low, high = min(0.0, self.bow_mm), max(0.0, self.bow_mm)
        return (cx - r, cy + low - r, self.z_mm[0]), (cx + r, cy + high + r, self.z_mm[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnularSector:
    """A C: a tube along z of which a sector is left out, open towards posterior (+y)."""

    inner_mm: float
    outer_mm: float
    z_mm: tuple[float, float]
    sweep_deg: float = 360.0

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        r2 = x * x + y * y
        from_anterior = np.abs(np.arctan2(x, -y))
        tube = (r2 >= self.inner_mm**2) & (r2 <= self.outer_mm**2)
        tube = tube & (from_anterior <= np.deg2rad(self.sweep_deg / 2))
        return np.asarray(tube & ((z >= self.z_mm[0]) & (z < self.z_mm[1])))

    def bounds_mm(self) -> tuple[Point, Point]:
        """The box around the whole tube."""
        r = self.outer_mm
        return (-r, -r, self.z_mm[0]), (r, r, self.z_mm[1])


@dataclass(frozen=True, slots=True)
class Union:
    """Everything inside at least one of the parts."""

    parts: tuple[Solid, ...]

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        found = self.parts[0].inside(x, y, z)
        for part in self.parts[1:]:
            found = found | part.inside(x, y, z)
        return found

    def bounds_mm(self) -> tuple[Point, Point]:
        """The box around all boxes."""
        boxes = np.asarray([part.bounds_mm() for part in self.parts])
        return _point(boxes[:, 0].min(axis=0)), _point(boxes[:, 1].max(axis=0))


@dataclass(frozen=True, slots=True)
class Intersection:
    """Everything inside all parts."""

    parts: tuple[Solid, ...]

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        found = self.parts[0].inside(x, y, z)
        for part in self.parts[1:]:
            found = found & part.inside(x, y, z)
        return found

    def bounds_mm(self) -> tuple[Point, Point]:
        """What all boxes share."""
        boxes = np.asarray([part.bounds_mm() for part in self.parts])
        return _point(boxes[:, 0].max(axis=0)), _point(boxes[:, 1].min(axis=0))


@dataclass(frozen=True, slots=True)
class Difference:
    """What is inside a solid and outside all others."""

    solid: Solid
    without: tuple[Solid, ...]

    def inside(self, x: Floats, y: Floats, z: Floats) -> Bools:
        """Whether points lie inside."""
        found = self.solid.inside(x, y, z)
        for other in self.without:
            found = found & ~other.inside(x, y, z)
        return found

    def bounds_mm(self) -> tuple[Point, Point]:
        """The box of the solid."""
        return self.solid.bounds_mm()


def sample(
    solid: Solid,
    grid: Grid,
    *,
    name: str,
    kind: StructureKind,
    colour: str = "#888888",
    per_axis: int = 3,
) -> Structure:
    """The structure a solid is on a grid.

    Args:
        solid: The region.
        grid: Where it is sampled.
        name: Name of the structure.
        kind: Target, organ at risk or external.
        colour: As drawn, ``#rrggbb``.
        per_axis: Points per axis in every voxel; its cube is the number of points.

    Raises:
        CaseError: If no point of the grid lies inside, or `per_axis` is below 1.
    """
    if per_axis < 1:
        raise CaseError(f"per_axis is {per_axis}, a voxel needs at least 1 point per axis")
    where, axes = _crop(solid, grid)
    shape = tuple(len(axis) for axis in axes)
    hits = np.zeros(shape, dtype=np.uint16)
    offsets = (np.arange(per_axis) + 0.5) / per_axis - 0.5
    dx, dy, dz = (offsets * s for s in grid.spacing_mm)
    z, y, x = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    for ox, oy, oz in product(dx, dy, dz):
        hits += solid.inside(x + ox, y + oy, z + oz)
    inside = np.flatnonzero(hits)
    if not inside.size:
        raise CaseError(f"structure {name!r} is empty on the grid {grid}: enlarge or refine it")
    k, j, i = np.unravel_index(inside, shape)
    flat = np.ravel_multi_index((k + where[0], j + where[1], i + where[2]), grid.shape)
    share = hits.ravel()[inside] / float(per_axis**3)
    return Structure(name=name, kind=kind, voxels=flat, occupancy=share, colour=colour)


def _crop(solid: Solid, grid: Grid) -> tuple[tuple[int, int, int], tuple[Floats, Floats, Floats]]:
    """First index (z, y, x) and voxel centres (z, y, x) of the part of the grid around it."""
    low, high = solid.bounds_mm()
    first: list[int] = []
    kept: list[Floats] = []
    for axis, lo, hi, step in zip(grid.axes_mm(), low, high, grid.spacing_mm, strict=True):
        near = np.flatnonzero((axis >= lo - step) & (axis <= hi + step))
        first.append(int(near[0]) if near.size else 0)
        kept.append(axis[near])
    return (first[2], first[1], first[0]), (kept[2], kept[1], kept[0])


def _box_around(centre: Point, reach: Floats) -> tuple[Point, Point]:
    middle = np.asarray(centre)
    return _point(middle - reach), _point(middle + reach)


def _point(values: Floats) -> Point:
    x, y, z = values.tolist()
    return (x, y, z)
