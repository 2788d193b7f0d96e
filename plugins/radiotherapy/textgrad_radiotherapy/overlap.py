"""Averages of a volume over the voxels of another grid."""

from __future__ import annotations

import numpy as np

from textgrad_radiotherapy.geometry import Floats, Grid


def overlap_mm(low: Floats, high: Floats, centres: Floats, width: float) -> Floats:
    """Length that intervals share with the cells of an axis.

    Args:
        low: Lower ends, shape (n,), mm.
        high: Upper ends, shape (n,), mm.
        centres: Centres of the cells, shape (m,), mm.
        width: Width of a cell, mm.

    Returns:
        Shared lengths, shape (m, n), mm.
    """
    left, right = centres[:, None] - width / 2, centres[:, None] + width / 2
    shared = np.minimum(right, high[None]) - np.maximum(left, low[None])
    return np.asarray(np.maximum(shared, 0.0), dtype=np.float64)


def averaged(volume: Floats, source: Grid, target: Grid, outside: float) -> Floats:
    """Mean of a piecewise constant volume over every voxel of another grid; mass is kept.

    Args:
        volume: Value of each source voxel, shape of the source grid.
        source: Where the values are.
        target: Where they are wanted.
        outside: Value beyond the source grid.

    Returns:
        Means, shape of the target grid.
    """
    weights = []
    for from_mm, to_mm, d_from, d_to in zip(
        source.axes_mm(), target.axes_mm(), source.spacing_mm, target.spacing_mm, strict=True
    ):
        shared = overlap_mm(from_mm - d_from / 2, from_mm + d_from / 2, to_mm, d_to)
        weights.append(shared / d_to)
    wx, wy, wz = weights
    shifted = np.asarray(volume, dtype=np.float64) - outside
    along_x = shifted @ wx.T
    along_y = np.einsum("jy,kyi->kji", wy, along_x, optimize=True)
    return np.asarray(outside + np.tensordot(wz, along_y, axes=(1, 0)), dtype=np.float64)


def covering(low_mm: Floats, high_mm: Floats, spacing_mm: tuple[float, float, float]) -> Grid:
    """The smallest grid of these spacings whose voxels cover a box, centred on it.

    Args:
        low_mm: Lower corner of the box (x, y, z).
        high_mm: Upper corner of the box (x, y, z).
        spacing_mm: Wanted spacings (x, y, z).
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    counts = np.maximum(np.ceil((high_mm - low_mm) / spacing - 1e-6), 1).astype(int)
    origin = (low_mm + high_mm) / 2 - spacing * (counts - 1) / 2
    return Grid(
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        spacing_mm=spacing_mm,
        shape=(int(counts[2]), int(counts[1]), int(counts[0])),
    )
