"""Hounsfield units and mass density relative to water."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats

AIR = 0.00121

DensityTable = tuple[tuple[float, float], ...]

HU_TABLE: DensityTable = (
    (-1000.0, AIR),
    (0.0, 1.0),
    (100.0, 1.0762),
    (1600.0, 1.9642),
    (3000.0, 2.793),
)
"""Hounsfield unit and density at the corners of a broken line, constant beyond its ends.

Air and water define the Hounsfield scale; from 100 HU on it is the line 1.017 + 0.000592 HU
that Schneider, Bortfeld and Schlegel (Phys. Med. Biol. 45, 2000, 459) fitted to skeletal tissue.
A calibrated scanner has a table of its own: pass it.
"""


def density_of(hu: ArrayLike, table: DensityTable = HU_TABLE) -> Floats:
    """Mass density relative to water of Hounsfield units, same shape.

    Raises:
        CaseError: If the table does not rise in both columns.
    """
    units, densities = _columns(table)
    return np.asarray(np.interp(np.asarray(hu, dtype=np.float64), units, densities))


def hu_of(density: ArrayLike, table: DensityTable = HU_TABLE) -> Floats:
    """Hounsfield units of a mass density relative to water, same shape, not rounded.

    Raises:
        CaseError: If the table does not rise in both columns.
    """
    units, densities = _columns(table)
    return np.asarray(np.interp(np.asarray(density, dtype=np.float64), densities, units))


def _columns(table: DensityTable) -> tuple[list[float], list[float]]:
    rising = all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(table))
    if len(table) < 2 or not rising or table[0][1] < 0:
        raise CaseError(
            f"a density table needs two rows or more that rise in both columns, not {table}"
        )
    return [row[0] for row in table], [row[1] for row in table]
