"""The embedded dose engine: the influence of every beamlet on every voxel of the body.

See :mod:`textgrad_radiotherapy.kernel` for the formula. Beams are computed in threads; within
a beam, voxels come in chunks that fit a processor's cache.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from textgrad_radiotherapy.beam_geometry import Frame, beamlets_covering, frame_of
from textgrad_radiotherapy.case import Beam, Influence
from textgrad_radiotherapy.depth import radiological_depth_mm
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.kernel import Kernel, bixel_shares

CHUNK = 4096
Singles = NDArray[np.float32]
Indices = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beamlets:
    """The beamlets of a case.

    Args:
        beam_of_beamlet: Index of the beam of every beamlet, ascending, shape (n,).
        position_mm: Centres (u, v) in the isocentre plane, shape (n, 2); by v, then u.
    """

    beam_of_beamlet: NDArray[np.intp]
    position_mm: Floats

    def of(self, beam: int) -> Floats:
        """Centres of one beam's beamlets."""
        return np.asarray(self.position_mm[self.beam_of_beamlet == beam])


def choose_beamlets(
    beams: Sequence[Beam], targets_mm: Floats, *, reach_mm: float, margin_mm: float
) -> Beamlets:
    """Beamlets of every beam that cover the targets with a margin.

    Args:
        beams: The beams.
        targets_mm: Points of the targets, shape (m, 3).
        reach_mm: Half the size of a voxel.
        margin_mm: Margin in the isocentre plane.
    """
    found = [beamlets_covering(beam, targets_mm, reach_mm, margin_mm) for beam in beams]
    owner = np.repeat(np.arange(len(found)), [len(centres) for centres in found])
    return Beamlets(beam_of_beamlet=owner, position_mm=np.concatenate(found))


def influence_of(
    density: NDArray[np.float32],
    grid: Grid,
    voxels: NDArray[np.intp],
    beams: Sequence[Beam],
    beamlets: Beamlets,
    kernel: Kernel,
    *,
    threads: int | None = None,
) -> Influence:
    """Dose of every beamlet of unit weight in these voxels.

    Args:
        density: Relative to water, shape of the grid.
        grid: Dose grid.
        voxels: Flat indices, ascending, of the voxels that are asked for (the body).
        beams: The beams.
        beamlets: Their beamlets.
        kernel: Parameters of the engine.
        threads: Beams computed at a time; None for one per processor.

    Returns:
        The influence; voxels that no beamlet reaches have no row, beamlets that reach none of
        the voxels no column.

    Raises:
        CaseError: If a beam has no beamlet.
    """
    points = grid.centres_mm(voxels)

    def block(index: int) -> csr_array:
        centres = beamlets.of(index)
        if not len(centres):
            raise CaseError(
                f"beam {index} at gantry {beams[index].gantry_deg:g} has no beamlet: "
                "check that it points at the targets"
            )
        return _beam_block(density, grid, points, beams[index], centres, kernel)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        blocks = list(pool.map(block, range(len(beams))))
    whole = hstack(blocks, format="csr", dtype=np.float32)
    used = whole.T @ np.ones(whole.shape[0], dtype=np.float32) > 0
    if not used.all():
        whole = whole[:, np.flatnonzero(used)]
    reached = np.diff(whole.indptr) > 0
    pointers = np.append(whole.indptr[:-1][reached], whole.indptr[-1])
    return Influence(
        matrix=csr_array(
            (whole.data, whole.indices, pointers), shape=(int(reached.sum()), whole.shape[1])
        ),
        voxels=voxels[reached],
        beam_of_beamlet=beamlets.beam_of_beamlet[used],
        position_mm=beamlets.position_mm[used],
        engine=kernel.describe(),
    )


def _beam_block(
    density: NDArray[np.float32],
    grid: Grid,
    points_mm: Floats,
    beam: Beam,
    centres_mm: Floats,
    kernel: Kernel,
) -> csr_array:
    """Rows of all points, columns of one beam."""
    frame = frame_of(beam)
    lattice = _Lattice.of(centres_mm, beam.bixel_mm)
    near, pu, pv, strength = strengths(density, grid, points_mm, frame, centres_mm, kernel)
    counts = np.zeros(len(points_mm), dtype=np.int64)
    parts: list[tuple[Singles, Indices]] = []
    for start in range(0, len(near), CHUNK):
        part = slice(start, start + CHUNK)
        values, kept = lattice.values(pu[part], pv[part], strength[part], kernel)
        counts[near[part]] = kept.sum(axis=(1, 2))
        columns = lattice.columns_between(pv[part], kernel.cutoff_mm)
        parts.append((values[kept], np.broadcast_to(columns, values.shape)[kept]))
    data = np.concatenate([values for values, _ in parts]) if parts else np.zeros(0, np.float32)
    indices = np.concatenate([found for _, found in parts]) if parts else np.zeros(0, np.int32)
    pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    if pointers[-1] < np.iinfo(np.int32).max:
        pointers = pointers.astype(np.int32)
    return csr_array((data, indices, pointers), shape=(len(points_mm), len(centres_mm)))


def strengths(
    density: NDArray[np.float32],
    grid: Grid,
    points_mm: Floats,
    frame: Frame,
    centres_mm: Floats,
    kernel: Kernel,
) -> tuple[NDArray[np.intp], Floats, Floats, Floats]:
    """What of the dose does not depend on the beamlet, for the points a beam can reach.

    Returns:
        Indices of those points, their projections u and v, and D(L) (SAD / t)^2.
    """
    pu, pv, along = frame.project(points_mm)
    reach = kernel.cutoff_mm
    (u0, v0), (u1, v1) = centres_mm.min(axis=0) - reach, centres_mm.max(axis=0) + reach
    near = np.flatnonzero((pu >= u0) & (pu <= u1) & (pv >= v0) & (pv <= v1) & (along > 0))
    if not near.size:
        return near, pu[near], pv[near], along[near]
    depth = radiological_depth_mm(density, grid, frame, points_mm[near])
    strength = kernel.depth_dose(depth) * (frame.sad_mm / along[near]) ** 2
    return near, pu[near], pv[near], strength


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lattice:
    """The rectangle of bixels around the beamlets of one beam.

    Args:
        us: Centres along u, shape (nu,).
        vs: Centres along v, shape (nv,).
        column: Column of each bixel, -1 where there is no beamlet, shape (nv, nu).
        bixel_mm: Their width.
    """

    us: Floats
    vs: Floats
    column: Indices
    bixel_mm: float

    @staticmethod
    def of(centres_mm: Floats, bixel_mm: float) -> _Lattice:
        """The lattice of beamlets that lie on one, offset from the axis or not.

        Raises:
            CaseError: If centres are not a whole number of bixels apart, or two are the same.
        """
        first = centres_mm.min(axis=0)
        steps = (centres_mm - first) / bixel_mm
        places = np.rint(steps).astype(np.intp)
        if np.abs(steps - places).max() > 1e-6:
            raise CaseError(
                f"beamlets have to lie on a lattice of {bixel_mm:g} mm; "
                f"{centres_mm[np.abs(steps - places).max(axis=1).argmax()]} does not"
            )
        nu, nv = places.max(axis=0) + 1
        column = np.full((nv, nu), -1, dtype=np.int32)
        column[places[:, 1], places[:, 0]] = np.arange(len(places))
        if (column >= 0).sum() != len(places):
            raise CaseError("two beamlets of a beam have the same centre: leave one out")
        us, vs = (first[k] + bixel_mm * np.arange(n) for k, n in enumerate((nu, nv)))
        return _Lattice(us=us, vs=vs, column=column, bixel_mm=bixel_mm)

    def _rows_between(self, pv: Floats, cutoff_mm: float) -> slice:
        low, high = np.searchsorted(self.vs, [pv.min() - cutoff_mm, pv.max() + cutoff_mm])
        return slice(int(low), int(high) + 1)

    def columns_between(self, pv: Floats, cutoff_mm: float) -> Indices:
        """Columns of the rows that the points reach."""
        return np.asarray(self.column[self._rows_between(pv, cutoff_mm)])

    def values(
        self, pu: Floats, pv: Floats, strength: Floats, kernel: Kernel
    ) -> tuple[Singles, NDArray[np.bool_]]:
        """Dose of the bixels in reach of the points, and which of them are beamlets in reach.

        Shapes (m, rows in reach, nu).
        """
        vs = self.vs[self._rows_between(pv, kernel.cutoff_mm)]
        scale = strength[:, None].astype(np.float32)
        values = np.zeros((len(pu), len(vs), len(self.us)), dtype=np.float32)
        for share, sigma in (
            (1.0 - kernel.tail, kernel.narrow_mm),
            (kernel.wide_share, kernel.wide_mm),
        ):
            along_u = bixel_shares(pu, self.us, self.bixel_mm, sigma) * (np.float32(share) * scale)
            along_v = bixel_shares(pv, vs, self.bixel_mm, sigma)
            values += along_v[:, :, None] * along_u[:, None, :]
        du2 = ((self.us - pu[:, None]) ** 2).astype(np.float32)
        dv2 = ((vs - pv[:, None]) ** 2).astype(np.float32)
        within = du2[:, None, :] + dv2[:, :, None] <= np.float32(kernel.cutoff_mm**2)
        within &= self.columns_between(pv, kernel.cutoff_mm)[None] >= 0
        within &= values > 0
        return values, within
