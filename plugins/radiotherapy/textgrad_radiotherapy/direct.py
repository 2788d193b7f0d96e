"""The dose of a fluence by the embedded engine, without a matrix.

The lateral part of the kernel does not change with depth, so a beam's fluence is convolved with
it once in the isocentre plane and looked up where voxels project to. That makes a fine grid
cheap; the formula is the one of :mod:`textgrad_radiotherapy.engine`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import map_coordinates

from textgrad_radiotherapy.beam_geometry import frame_of
from textgrad_radiotherapy.case import Beam
from textgrad_radiotherapy.engine import Beamlets, strengths
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.kernel import Kernel

LOOKUP_MM = 0.5


def direct_dose(
    density: NDArray[np.float32],
    grid: Grid,
    voxels: NDArray[np.intp],
    beams: Sequence[Beam],
    beamlets: Beamlets,
    kernel: Kernel,
    fluence: Floats,
) -> Floats:
    """Dose in Gy per course of every voxel of the grid, flat; 0 outside `voxels`.

    Args:
        density: Relative to water, shape of the grid.
        grid: Dose grid.
        voxels: Flat indices of the voxels that are computed.
        beams: The beams.
        beamlets: Their beamlets.
        kernel: Parameters of the engine.
        fluence: Weight of every beamlet, shape (n,).
    """
    points = grid.centres_mm(voxels)
    total = np.zeros(len(voxels))
    for index, beam in enumerate(beams):
        centres = beamlets.of(index)
        near, pu, pv, strength = strengths(density, grid, points, frame_of(beam), centres, kernel)
        weights = fluence[beamlets.beam_of_beamlet == index]
        surface, first, step = _convolved(centres, weights, beam.bixel_mm, kernel)
        where = np.stack([(pv - first[1]) / step, (pu - first[0]) / step])
        lateral = map_coordinates(surface, where, order=3, mode="constant")
        total[near] += strength * np.maximum(lateral, 0.0)
    dose = np.zeros(grid.voxels)
    dose[voxels] = total
    return dose


def _convolved(
    centres_mm: Floats, weights: Floats, bixel_mm: float, kernel: Kernel
) -> tuple[Floats, Floats, float]:
    """Fluence convolved with the lateral kernel, its first point (u, v) and its step in mm."""
    per_bixel = int(np.ceil(bixel_mm / LOOKUP_MM))
    step = bixel_mm / per_bixel
    low = centres_mm.min(axis=0)
    place = np.rint((centres_mm - low) / step).astype(np.intp)
    nu, nv = place.max(axis=0) + 1
    impulses = np.zeros((nv, nu))
    impulses[place[:, 1], place[:, 0]] = weights
    reach = int(np.ceil(kernel.cutoff_mm / step)) + 2
    offsets: Floats = np.arange(-reach, reach + 1, dtype=np.float64) * step
    stamp = kernel.lateral(offsets[None, :], offsets[:, None], bixel_mm)
    size = np.add(impulses.shape, stamp.shape) - 1
    fast = [next_fast_len(int(n), real=True) for n in size]
    spectrum = rfft2(impulses, fast) * rfft2(stamp, fast)
    surface = irfft2(spectrum, fast)[: size[0], : size[1]]
    return np.asarray(surface), low - reach * step, step
