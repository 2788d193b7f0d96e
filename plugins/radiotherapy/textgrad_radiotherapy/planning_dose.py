"""The dose of many fluences on a planning grid, fast: structures exactly, the rest singly."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.geometry import Floats


class PlanningDose:
    """Dose in double precision in targets and organs, in single precision in the rest.

    A single-precision matrix times a double-precision vector is first converted as a whole, at
    several times the cost of the product. Goals on organs see nothing of the difference; the
    rest of the body is off by about 1e-6 of its dose.

    Args:
        case: With influence rows.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        wanted = [s.voxels for s in case.structures.values() if s.kind != "external"]
        inside = np.isin(case.influence.voxels, np.concatenate(wanted) if wanted else [])
        self._rows = np.flatnonzero(inside)
        self._exact: csr_array = case.influence.matrix[self._rows].astype(np.float64)

    def __call__(self, fluence: Floats) -> Floats:
        """Gy per course, flat over the grid, shape (voxels,).

        Args:
            fluence: Weight of every beamlet, shape (beamlets,).
        """
        influence = self._case.influence
        reached = (influence.matrix @ fluence.astype(np.float32)).astype(np.float64)
        reached[self._rows] = self._exact @ fluence
        dose_gy = np.zeros(self._case.grid.voxels)
        dose_gy[influence.voxels] = reached
        return dose_gy
