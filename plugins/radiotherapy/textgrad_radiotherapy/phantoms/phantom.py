"""A phantom: solids with names and densities, and the beams it is treated with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Structure, StructureKind
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.shapes import Solid, sample
from textgrad_radiotherapy.steps import check_grid_mm

POINTS_PER_AXIS = 4
APPROXIMATE = "Geometry is approximate: shapes and sizes follow the published description."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One structure of a phantom.

    Args:
        name: Name of the structure (AAPM TG-263 where it has one).
        kind: Target, organ at risk or external.
        solid: Its region.
        colour: As drawn, ``#rrggbb``.
        density: Relative to water; None leaves what is there.
    """

    name: str
    kind: StructureKind
    solid: Solid
    colour: str
    density: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """Geometry, beams and prescription of a phantom; the isocentre is the origin.

    Args:
        name: Name of the case.
        title: As people read it.
        source: Where geometry and beams are from.
        parts: Structures in the order they are listed; the external one comes first.
        z_mm: The part of the phantom that is planned; it goes on beyond both ends.
        gantry_deg: Gantry angle of every beam.
        prescription_gy: Dose per course by target.
        fractions: Number of fractions; None leaves it to the protocol.
        notes: What a reader has to know.
    """

    name: str
    title: str
    source: str
    parts: tuple[Part, ...]
    z_mm: tuple[float, float]
    gantry_deg: tuple[float, ...]
    prescription_gy: Mapping[str, float]
    fractions: int | None
    notes: tuple[str, ...] = ()

    def grid(self, grid_mm: float) -> Grid:
        """Cubic voxels around the body with one layer of air; a voxel centre at the origin.

        Raises:
            CaseError: If the voxel size is outside 0.5 to 20 mm.
        """
        check_grid_mm(grid_mm)
        (x0, y0, _), (x1, y1, _) = self.parts[0].solid.bounds_mm()
        spans = [
            (int(np.floor(x0 / grid_mm)) - 1, int(np.ceil(x1 / grid_mm)) + 1),
            (int(np.floor(y0 / grid_mm)) - 1, int(np.ceil(y1 / grid_mm)) + 1),
            (int(np.ceil(self.z_mm[0] / grid_mm)), int(np.floor(self.z_mm[1] / grid_mm))),
        ]
        nx, ny, nz = (last - first + 1 for first, last in spans)
        ox, oy, oz = (first * grid_mm for first, _ in spans)
        return Grid(origin_mm=(ox, oy, oz), spacing_mm=(grid_mm,) * 3, shape=(nz, ny, nx))

    def realise(self, grid: Grid) -> tuple[dict[str, Structure], NDArray[np.float32]]:
        """Structures and density on a grid; partial voxels get their share of the density."""
        structures: dict[str, Structure] = {}
        density = np.zeros(grid.voxels, dtype=np.float32)
        for part in self.parts:
            structure = sample(
                part.solid,
                grid,
                name=part.name,
                kind=part.kind,
                colour=part.colour,
                per_axis=POINTS_PER_AXIS,
            )
            structures[part.name] = structure
            if part.density is not None:
                share = structure.occupancy.astype(np.float32)
                there = density[structure.voxels]
                density[structure.voxels] = there + share * (np.float32(part.density) - there)
        return structures, density.reshape(grid.shape)
