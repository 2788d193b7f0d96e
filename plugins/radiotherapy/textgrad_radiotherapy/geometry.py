"""Where voxels are: regular grids in patient coordinates (DICOM LPS, millimetres)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.errors import CaseError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A regular grid of voxels, axes along LPS (+x left, +y posterior, +z superior).

    Arrays over a grid have shape ``(nz, ny, nx)`` and are flattened in C order.

    Args:
        origin_mm: Centre of the first voxel, (x, y, z).
        spacing_mm: Distance of voxel centres, (x, y, z).
        shape: Number of voxels, (nz, ny, nx).

    Raises:
        CaseError: If a spacing is not positive or an axis has no voxel.
    """

    origin_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        """Refuse what is no grid."""
        if not all(np.isfinite(self.origin_mm)) or not all(
            np.isfinite(s) and s > 0 for s in self.spacing_mm
        ):
            raise CaseError(f"a grid needs finite origins and positive spacings: {self}")
        if not all(n > 0 for n in self.shape):
            raise CaseError(f"a grid needs a voxel along every axis: {self}")

    @property
    def voxels(self) -> int:
        """How many voxels there are."""
        return int(np.prod(self.shape))

    @property
    def voxel_cc(self) -> float:
        """Volume of one voxel in cubic centimetres."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def axes_mm(self) -> tuple[Floats, Floats, Floats]:
        """Voxel centres along x, y and z."""
        nz, ny, nx = self.shape
        x, y, z = (
            np.asarray(o + s * np.arange(n), dtype=np.float64)
            for o, s, n in zip(self.origin_mm, self.spacing_mm, (nx, ny, nz), strict=True)
        )
        return x, y, z

    def centres_mm(self, flat: NDArray[np.intp] | None = None) -> Floats:
        """Centres (x, y, z) of the voxels with these flat indices, or of all; shape (m, 3)."""
        if flat is None:
            flat = np.arange(self.voxels)
        k, j, i = np.unravel_index(flat, self.shape)
        steps = np.stack([i, j, k], axis=1) * np.asarray(self.spacing_mm)
        return np.asarray(np.asarray(self.origin_mm) + steps, dtype=np.float64)

    def __str__(self) -> str:
        """Shape, spacing and origin as a person reads them."""
        nz, ny, nx = self.shape
        spacing = " x ".join(f"{s:g}" for s in self.spacing_mm)
        origin = ", ".join(f"{o:g}" for o in self.origin_mm)
        return f"{nx} x {ny} x {nz} voxels of {spacing} mm from ({origin}) mm"
