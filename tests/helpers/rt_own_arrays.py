"""A small case as a user has it: masks, an influence matrix, no anatomy of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Grid

GRID = Grid(origin_mm=(-8.0, -6.0, -9.0), spacing_mm=(4.0, 3.0, 6.0), shape=(4, 5, 6))
BEAMLETS = 7
RANDOM = np.random.default_rng(11)


def block(z: slice, y: slice, x: slice) -> NDArray[np.bool_]:
    mask = np.zeros(GRID.shape, dtype=np.bool_)
    mask[z, y, x] = True
    return mask


ALL = slice(None)
MASKS = {
    "BODY": block(ALL, ALL, slice(0, 5)),
    "Target": block(slice(1, 3), slice(1, 4), slice(1, 4)),
    "Cord": block(ALL, slice(4, 5), slice(2, 4)),
}
KINDS: dict[str, Any] = {"BODY": "external", "Target": "target", "Cord": "oar"}
DOSES = {"Target": 60.0}
INFLUENCE = RANDOM.uniform(0.1, 1.0, (GRID.voxels, BEAMLETS)) * (
    RANDOM.random((GRID.voxels, BEAMLETS)) < 0.5
)
INFLUENCE[:, 0] = 0.3  # every voxel is reached
FLUENCE = RANDOM.uniform(0.0, 2.0, BEAMLETS)
