"""A case from pyRadPlan's objects: structure set, steering information and influence.

Nothing of pyRadPlan is imported: its objects are read by their attributes (those of version
0.5), so they may come from an environment of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Beam, Case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.imports.arrays import case_from_arrays, kind_of
from textgrad_radiotherapy.overlap import averaged


def case_from_pyradplan(
    *,
    cst: Any,
    stf: Any,
    dij: Any,
    prescription_gy: Mapping[str, float],
    name: str = "pyradplan",
    scale: float = 1.0,
    fractions: int | None = None,
) -> Case:
    """A case around an influence that pyRadPlan computed.

    Args:
        cst: Its structure set: ``vois`` with ``name``, ``voi_type``, ``grid``, ``indices_numpy``.
        stf: Its steering information: ``beams`` with angles, ``sad``, ``iso_center``, ``rays``.
        dij: Its influence: ``dose_grid``, ``physical_dose``, ``beam_num``.
        prescription_gy: Dose per course by target.
        name: Name of the case.
        scale: What its dose is multiplied by to be Gy per course: the number of fractions if
            the objectives were given per fraction, else 1.
        fractions: Number of fractions, if known.

    Raises:
        CaseError: If an object has not the attributes of version 0.5, or nothing can be planned.
    """
    try:
        grid = grid_from(dij.dose_grid)
        matrix = dij.physical_dose.flat[0]
        vois = [
            (str(voi.name), str(voi.voi_type), grid_from(voi.grid), np.asarray(voi.indices_numpy))
            for voi in cst.vois
        ]
        beams = [_beam(beam) for beam in stf.beams]
        positions = _positions(stf, matrix.shape[1])
        owners = np.asarray(dij.beam_num, dtype=np.intp).ravel()
    except AttributeError as missing:
        raise CaseError(
            f"this is no object of pyRadPlan 0.5 ({missing}): pass its cst, stf and dij"
        ) from missing
    if not np.isfinite(scale) or scale <= 0:
        raise CaseError(f"scale is {scale}, it has to be positive")
    return case_from_arrays(
        name=name,
        influence=matrix * np.float32(scale),
        grid=grid,
        masks=[(label, _share(found, indices, grid)) for label, _, found, indices in vois],
        kinds={label: kind_of(label, kind) for label, kind, _, _ in vois},
        prescription_gy=prescription_gy,
        beams=beams,
        beam_of_beamlet=owners,
        position_mm=positions,
        engine="pyRadPlan's influence matrix",
        fractions=fractions,
        source="pyRadPlan objects",
    )


def grid_from(theirs: Any) -> Grid:
    """PyRadPlan's grid as ours.

    Raises:
        CaseError: If its axes are turned or it is not of three dimensions.
    """
    nx, ny, nz = _three(theirs.dimensions, "dimensions")
    direction = np.asarray(theirs.direction, dtype=np.float64)
    if direction.shape != (3, 3) or not np.allclose(direction, np.eye(3), atol=1e-6):
        raise CaseError(
            f"the axes of a grid are {direction.tolist()}; only axes along the patient's are read"
        )
    ox, oy, oz = _three(theirs.origin, "origin")
    sx, sy, sz = (float(theirs.resolution[axis]) for axis in "xyz")
    return Grid(origin_mm=(ox, oy, oz), spacing_mm=(sx, sy, sz), shape=(int(nz), int(ny), int(nx)))


def _three(values: Any, what: str) -> tuple[float, float, float]:
    numbers = np.asarray(values, dtype=np.float64).ravel().tolist()
    if len(numbers) != 3:
        raise CaseError(f"the {what} of a grid are {numbers}; three are needed")
    return numbers[0], numbers[1], numbers[2]


def _share(here: Grid, indices: NDArray[Any], there: Grid) -> Floats:
    """Share of every dose voxel that is inside."""
    share = np.zeros(here.voxels)
    share[indices] = 1.0
    share = share.reshape(here.shape)
    if here == there:
        return share
    return np.clip(averaged(share, here, there, outside=0.0), 0.0, 1.0)


def _beam(theirs: Any) -> Beam:
    x, y, z = _three(theirs.iso_center, "isocentre")
    return Beam(
        gantry_deg=float(theirs.gantry_angle),
        couch_deg=float(theirs.couch_angle),
        isocentre_mm=(x, y, z),
        sad_mm=float(theirs.sad),
        bixel_mm=float(theirs.bixel_width),
    )


def _positions(stf: Any, count: int) -> Floats:
    """Centres of the beamlets; pyRadPlan's beam's eye view is (x, along the beam, z)."""
    found = [
        [float(ray.ray_pos_bev[0]), float(ray.ray_pos_bev[2])]
        for beam in stf.beams
        for ray in beam.rays
    ]
    return np.array(found) if len(found) == count else np.zeros((count, 2))
