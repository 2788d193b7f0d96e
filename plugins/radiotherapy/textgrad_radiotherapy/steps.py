"""Widths of voxels and beamlets that can be asked for where a dose is computed here."""

from __future__ import annotations

from textgrad_radiotherapy.errors import CaseError

GRID_MM = (0.5, 20.0)
BIXEL_MM = (1.0, 50.0)


def check_steps(grid_mm: float, bixel_mm: float) -> None:
    """Refuse widths that no case is computed with, before any work is done.

    Args:
        grid_mm: Width of a voxel.
        bixel_mm: Width of a beamlet.

    Raises:
        CaseError: If the voxels are not from 0.5 to 20 mm wide, or the beamlets from 1 to 50 mm.
    """
    check_grid_mm(grid_mm)
    _check("bixel_mm", bixel_mm, BIXEL_MM)


def check_grid_mm(grid_mm: float) -> None:
    """Refuse voxels that are not from 0.5 to 20 mm wide.

    Raises:
        CaseError: With the width and the bounds.
    """
    _check("grid_mm", grid_mm, GRID_MM)


def _check(name: str, width_mm: float, bounds_mm: tuple[float, float]) -> None:
    low, high = bounds_mm
    if not low <= width_mm <= high:  # NaN is not, either
        raise CaseError(f"{name} is {width_mm:g}, it has to be from {low:g} to {high:g} mm")
