"""What is planned: anatomy, beams and the influence of every beamlet on every voxel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from textgrad_radiotherapy.geometry import Floats, Grid

StructureKind = Literal["target", "oar", "external"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Structure:
    """A region of the patient.

    Args:
        name: Such as ``PTV`` or ``Rectum``.
        kind: ``target``, ``oar`` (organ at risk) or ``external`` (the body's outline).
        voxels: Flat indices into the grid, ascending, of every voxel it reaches into.
        occupancy: Share of each of those voxels that lies inside, above 0 to 1.
        colour: As drawn, ``#rrggbb``.
        whole: What it is a sample of, where it holds some voxels of a structure only.
    """

    name: str
    kind: StructureKind
    voxels: NDArray[np.intp]
    occupancy: Floats
    colour: str = "#888888"
    whole: Structure | None = None

    @property
    def stands_for(self) -> float:
        """Voxels that each of its voxels counts as: more than 1 in a sample."""
        if self.whole is None:
            return 1.0
        return float(self.whole.occupancy.sum() / self.occupancy.sum())

    def volume_cc(self, grid: Grid) -> float:
        """Volume in cubic centimetres, partial voxels counted by their share."""
        return float(self.occupancy.sum()) * grid.voxel_cc * self.stands_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Beam:
    """A coplanar or rotated photon beam, IEC 61217 angles.

    Args:
        gantry_deg: Gantry angle.
        couch_deg: Patient support angle.
        isocentre_mm: LPS coordinates of the isocentre.
        sad_mm: Source-to-axis distance.
        bixel_mm: Width of a square beamlet in the isocentre plane.
    """

    gantry_deg: float
    couch_deg: float = 0.0
    isocentre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sad_mm: float = 1000.0
    bixel_mm: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Influence:
    """Dose of every beamlet in every voxel.

    Args:
        matrix: Gy per course and unit beamlet weight, shape (rows, beamlets), float32, CSR.
        voxels: Flat index into the grid of every row, ascending.
        beam_of_beamlet: Index of the beam of every beamlet, shape (beamlets,).
        position_mm: Centre of every beamlet in its beam's isocentre plane, shape (beamlets, 2).
        engine: What computed it, for the report: name, version, whether it is commissioned.
    """

    matrix: csr_array
    voxels: NDArray[np.intp]
    beam_of_beamlet: NDArray[np.intp]
    position_mm: Floats
    engine: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A patient or phantom, ready to be planned.

    Args:
        name: Short name, such as ``tg119-prostate``.
        grid: Dose grid.
        density: Mass density relative to water, shape of the grid.
        structures: By name, in the order they are listed to people.
        beams: The beams.
        influence: The dose-influence matrix on the grid.
        prescription_gy: Prescribed dose per course of every target, by structure name.
        fractions: Number of fractions; None if it is not stated.
        title: As people read it.
        source: Where geometry and beams are from, one or two sentences.
        notes: What a reader has to know, such as approximations.
        meta: What an importer found that nobody else needs.
    """

    name: str
    grid: Grid
    density: NDArray[np.float32]
    structures: Mapping[str, Structure]
    beams: tuple[Beam, ...]
    influence: Influence
    prescription_gy: Mapping[str, float]
    fractions: int | None = None
    title: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
