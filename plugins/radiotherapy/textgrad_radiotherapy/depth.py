"""Radiological depth: how much water-equivalent matter a ray crossed before it came to a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from textgrad_radiotherapy.beam_geometry import Frame
from textgrad_radiotherapy.geometry import Floats, Grid


def radiological_depth_mm(
    density: NDArray[np.float32], grid: Grid, frame: Frame, points_mm: Floats
) -> Floats:
    """Water-equivalent depth of points in a beam, in mm, shape (m,).

    A fan of rays through the source is marched through the density in planes across the beam's
    axis; the running sums are interpolated at the points. Outside the grid there is air left,
    right, in front and behind, while the first and last slice go on along the patient.

    Args:
        density: Relative to water, shape of the grid.
        grid: Its geometry.
        frame: The beam.
        points_mm: Points, shape (m, 3).
    """
    pu, pv, along = frame.project(points_mm)
    fine = min(grid.spacing_mm)
    us, vs = (_lattice(p.min(), p.max(), fine * 0.75) for p in (pu, pv))
    start = _entrance_mm(grid, frame)
    ts = _lattice(min(start, along.min()), along.max(), fine * 0.5)
    padded = np.pad(density, ((0, 0), (1, 1), (1, 1)))
    step = np.array([grid.spacing_mm[2], grid.spacing_mm[1], grid.spacing_mm[0]])
    first = np.array([grid.origin_mm[2], grid.origin_mm[1], grid.origin_mm[0]])
    shift = np.array([0.0, 1.0, 1.0])  # the layer of air

    v, u = np.meshgrid(vs, us, indexing="ij")
    slant = frame.axis + (u[..., None] * frame.u + v[..., None] * frame.v) / frame.sad_mm
    slant_zyx = slant[..., ::-1] / step
    source_zyx = (frame.source_mm[::-1] - first) / step + shift
    middle = (ts[:-1] + ts[1:]) / 2
    where = source_zyx[:, None, None, None] + np.multiply.outer(middle, slant_zyx).transpose(
        3, 0, 1, 2
    )
    met = map_coordinates(padded, where, output=np.float32, order=1, mode="nearest")
    sums = np.zeros((len(ts), len(vs), len(us)), dtype=np.float32)
    np.cumsum(met, axis=0, out=sums[1:])
    sums *= (np.linalg.norm(slant, axis=-1) * (ts[1] - ts[0])).astype(np.float32)
    at = np.stack([_index(along, ts), _index(pv, vs), _index(pu, us)])
    return np.asarray(map_coordinates(sums, at, order=1, mode="nearest"), dtype=np.float64)


def _entrance_mm(grid: Grid, frame: Frame) -> float:
    """Distance along the axis at which the first corner of the grid is met, 1 mm at least."""
    nz, ny, nx = grid.shape
    low = np.asarray(grid.origin_mm) - grid.spacing_mm
    high = low + (np.array([nx, ny, nz]) + 1) * grid.spacing_mm
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1)
    along = (corners.reshape(-1, 3) - frame.source_mm) @ frame.axis
    return max(1.0, float(along.min()))


def _lattice(low: float, high: float, step: float) -> Floats:
    """Equal steps from low to high or a little beyond; two points at least."""
    return np.asarray(low + step * np.arange(int(np.ceil((high - low) / step)) + 2))


def _index(values: Floats, lattice: Floats) -> Floats:
    return np.asarray((values - lattice[0]) / (lattice[1] - lattice[0]))
