"""The objective of the inner optimiser: weighted terms on the dose of structures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from textgrad_radiotherapy.geometry import Floats

TermKind = Literal[
    "squared-deviation",  # mean of (d - dose)^2
    "squared-overdose",  # mean of max(0, d - dose)^2
    "squared-underdose",  # mean of max(0, dose - d)^2
    "mean-dose",  # mean of d: linear, `dose_gy` is not used
    "squared-mean-overdose",  # max(0, mean of d - dose)^2
    "geud-over",  # max(0, gEUD_a - dose)^2
    "geud-under",  # max(0, dose - gEUD_a)^2
    "dvh-max",  # at most `volume` of the structure above dose: overdose of the voxels to blame
    "dvh-min",  # at least `volume` of the structure above dose: underdose of the voxels to blame
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One term w f(d) of the inner objective. Convex but for the two DVH kinds.

    Args:
        name: Unique among the terms, such as ``Rectum over 40``; the key of its weight.
        structure: Structure whose dose it looks at.
        kind: The function f.
        dose_gy: Its dose level, Gy per course.
        weight: Its importance w; only the ratios of weights matter.
        a: Exponent of the gEUD: above 1 for organs at risk, below 0 for targets.
        volume: Fraction of the structure, 0 to 1, for the DVH kinds.
        hard: Whether it is a limit that has to hold instead of a wish that is weighed.
    """

    name: str
    structure: str
    kind: TermKind
    dose_gy: float = 0.0
    weight: float = 1.0
    a: float = 1.0
    volume: float = 0.0
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StructureRows:
    """What the inner optimiser knows of a structure.

    Args:
        matrix: Rows of the influence matrix, shape (m, beamlets), float32, CSR.
        weights: Share of the structure's volume each row stands for, shape (m,); they add up to
            1 where every voxel of the structure has a row.
        voxels: Flat grid index of each row, for reports; may be empty.
    """

    matrix: csr_array
    weights: Floats
    voxels: NDArray[np.intp]
