"""Small phantoms with known geometry, and plain DICOM files to damage, for the DICOM tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy.sparse import csr_array

from textgrad_radiotherapy.case import Beam, Case, Influence, Structure, StructureKind
from textgrad_radiotherapy.dicom import export_folder
from textgrad_radiotherapy.geometry import Floats, Grid

Inside = Callable[[Floats, Floats, Floats], NDArray[np.bool_]]

GRID = Grid(origin_mm=(-38.0, -32.5, -22.5), spacing_mm=(2.0, 2.5, 3.0), shape=(16, 27, 39))


def sphere(radius_mm: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Inside:
    """Points of a ball."""
    a, b, c = centre
    return lambda x, y, z: (x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 <= radius_mm**2


def structure(
    name: str, kind: StructureKind, inside: Inside, grid: Grid = GRID, colour: str = "#cc2200"
) -> Structure:
    """Occupancy by 6 x 6 x 6 sample points in every voxel."""
    n = 6
    offsets = (np.arange(n) + 0.5) / n - 0.5
    x, y, z = (
        (axis[:, None] + step * offsets).ravel()
        for axis, step in zip(grid.axes_mm(), grid.spacing_mm, strict=True)
    )
    hit = inside(x[None, None, :], y[None, :, None], z[:, None, None])
    nz, ny, nx = grid.shape
    share = np.broadcast_to(hit, (nz * n, ny * n, nx * n))
    share = share.reshape(nz, n, ny, n, nx, n).mean(axis=(1, 3, 5)).ravel()
    voxels = np.flatnonzero(share)
    return Structure(name=name, kind=kind, voxels=voxels, occupancy=share[voxels], colour=colour)


def small_case(
    grid: Grid = GRID, name: str = "ball", meta: Mapping[str, str] | None = None
) -> Case:
    """A ball of target and a ball of bone in a cylinder of water, three beams."""
    body = structure(
        "BODY", "external", lambda x, y, z: (x / 34) ** 2 + (y / 29) ** 2 + 0 * z <= 1
    )
    target = structure("PTV", "target", sphere(12.0))
    organ = structure("Femur L", "oar", sphere(7.0, (20.0, 3.0, 2.0)), colour="#0044ff")
    density = np.full(grid.voxels, 0.00121, dtype=np.float32)
    density[body.voxels] = 1.0
    density[organ.voxels[organ.occupancy > 0.5]] = 1.4
    beams = tuple(
        Beam(gantry_deg=g, couch_deg=c, isocentre_mm=(0.5, -1.25, 2.0))
        for g, c in ((0.0, 0.0), (72.5, 0.0), (216.0, 10.0))
    )
    influence = Influence(
        matrix=csr_array((grid.voxels, 6), dtype=np.float32),
        voxels=np.arange(grid.voxels),
        beam_of_beamlet=np.repeat(np.arange(3), 2),
        position_mm=np.array([[-2.5, 0.0], [2.5, 0.0]] * 3),
        engine="none",
    )
    return Case(
        name=name,
        grid=grid,
        density=density.reshape(grid.shape),
        structures={s.name: s for s in (target, organ, body)},
        beams=beams,
        influence=influence,
        prescription_gy={"PTV": 60.0},
        fractions=20,
        meta=meta or {},
    )


def small_dose(grid: Grid = GRID) -> Floats:
    """A smooth dose with its maximum inside."""
    x, y, z = grid.centres_mm().T
    return np.asarray(62.0 * np.exp(-((x - 3) ** 2 + y**2 + (z + 1) ** 2) / 800.0))


def exported_ball(folder: Path) -> Path:
    """The files of `small_case` and `small_dose` in a new folder."""
    export_folder(small_case(), folder, dose_gy=small_dose())
    return folder


def edit_ct(folder: Path, change: Callable[[Dataset], object]) -> None:
    """Change every CT image of an export in place."""
    for path in folder.glob("CT.*"):
        edit(path, change)


def edit(path: Path, change: Callable[[Dataset], object]) -> None:
    """Change a DICOM file in place."""
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
