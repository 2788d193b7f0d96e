"""The dose of a fluence by the embedded engine, without a matrix.

The lateral part of the kernel does not change with depth, so a beam's fluence is convolved with
it once in the isocentre plane and looked up where voxels project to. That makes a fine grid
cheap; the formula is the one of :mod:`textgrad_radiotherapy.engine`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

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


class DirectDose:
    """The dose of one fluence after another; what does not depend on it is computed once.

    Args:
        density: Relative to water, shape of the grid.
        grid: Dose grid.
        voxels: Flat indices of the voxels that are computed.
        beams: The beams.
        beamlets: Their beamlets.
        kernel: Parameters of the engine.
    """

    def __init__(
        self,
        density: NDArray[np.float32],
        grid: Grid,
        voxels: NDArray[np.intp],
        beams: Sequence[Beam],
        beamlets: Beamlets,
        kernel: Kernel,
    ) -> None:
        self._grid, self._voxels, self._kernel = grid, voxels, kernel
        self._beams, self._beamlets = tuple(beams), beamlets
        points = grid.centres_mm(voxels)

        def reached(index: int) -> tuple[NDArray[np.intp], Floats, Floats, Floats]:
            frame = frame_of(self._beams[index])
            return strengths(density, grid, points, frame, beamlets.of(index), kernel)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self._reached = list(pool.map(reached, range(len(self._beams))))

    def __call__(self, fluence: Floats) -> Floats:
        """Gy per course of every voxel of the grid, flat; 0 outside the voxels computed.

        Args:
            fluence: Weight of every beamlet, shape (n,).
        """
        total = np.zeros(len(self._voxels))
        for index, (near, pu, pv, strength) in enumerate(self._reached):
            centres = self._beamlets.of(index)
            weights = fluence[self._beamlets.beam_of_beamlet == index]
            surface, first, step = _convolved(
                centres, weights, self._beams[index].bixel_mm, self._kernel
            )
            where = np.stack([(pv - first[1]) / step, (pu - first[0]) / step])
            lateral = map_coordinates(surface, where, order=3, mode="constant")
            total[near] += strength * np.maximum(lateral, 0.0)
        dose = np.zeros(self._grid.voxels)
        dose[self._voxels] = total
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
