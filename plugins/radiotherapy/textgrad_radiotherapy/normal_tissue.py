"""The tissue outside of all targets: where no dose near the prescription belongs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import MetricKind

AWAY_MM = 20.0  # where beams do not overlap any more; as D2cm of stereotactic protocols


def outside_targets(structure: Structure, case: Case) -> Structure:
    """What of a structure lies in no target; voxels held in part count with what is left.

    Args:
        structure: Usually the external one.
        case: Whose targets are left out, those without a prescription too.
    """
    return _left(structure, 1.0 - _inside_targets(case))


def beyond_2cm(structure: Structure, case: Case) -> Structure:
    """What of a structure is more than 20 mm from every voxel that a target reaches into."""
    far = np.ones(case.grid.shape, dtype=np.bool_)
    inside = _inside_targets(case).reshape(case.grid.shape) > 0.0
    if inside.any():
        steps = case.grid.spacing_mm[::-1]
        box = tuple(
            slice(max(int(at.min()) - reach, 0), int(at.max()) + reach + 1)
            for at, reach in zip(
                np.nonzero(inside), (int(AWAY_MM // step) + 1 for step in steps), strict=True
            )
        )
        away: NDArray[np.float64] = distance_transform_edt(~inside[box], sampling=steps)
        far[box] = away > AWAY_MM
    return _left(structure, far.ravel().astype(np.float64))


PARTS: Mapping[MetricKind, Callable[[Structure, Case], Structure]] = {
    "Dcc_outside": outside_targets,
    "Dcc_2cm": beyond_2cm,
}


def _inside_targets(case: Case) -> Floats:
    """Share of every voxel of the grid that targets take, flat."""
    inside = np.zeros(case.grid.voxels)
    for target in case.structures.values():
        if target.kind == "target":
            inside[target.voxels] = np.maximum(inside[target.voxels], target.occupancy)
    return inside


def _left(structure: Structure, free: Floats) -> Structure:
    """A structure as far as voxels are free."""
    left = np.minimum(structure.occupancy, free[structure.voxels])
    kept = left > 0.0
    return replace(structure, voxels=structure.voxels[kept], occupancy=left[kept])
