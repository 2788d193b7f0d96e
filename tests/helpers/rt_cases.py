"""Small radiotherapy cases made by hand: structures with partial volumes on a plain grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from textgrad_radiotherapy.case import Case, Influence, Structure, StructureKind
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.terms import Term

Inside = Callable[[Floats, Floats, Floats], NDArray[np.bool_]]


def centred_grid(
    half_mm: float, spacing_mm: float, offset_mm: tuple[float, float, float] = (0, 0, 0)
) -> Grid:
    """A cubic grid around an offset that reaches at least `half_mm` to every side."""
    n = int(np.ceil(half_mm / spacing_mm)) + 1
    x, y, z = (o - n * spacing_mm for o in offset_mm)
    return Grid(origin_mm=(x, y, z), spacing_mm=(spacing_mm,) * 3, shape=(2 * n + 1,) * 3)


def occupied(
    name: str, kind: StructureKind, inside: Inside, grid: Grid, samples: int = 5
) -> Structure:
    """A structure whose occupancy is counted at samples^3 points of every voxel."""
    centres = grid.centres_mm()
    shifts = (np.arange(samples) + 0.5) / samples - 0.5
    share = np.zeros(grid.voxels)
    for shift in product(shifts, repeat=3):
        x, y, z = (centres + np.asarray(shift) * np.asarray(grid.spacing_mm)).T
        share += inside(x, y, z)
    share /= samples**3
    voxels = np.flatnonzero(share)
    return Structure(name=name, kind=kind, voxels=voxels, occupancy=share[voxels])


def ball(radius_mm: float, centre_mm: tuple[float, float, float] = (0, 0, 0)) -> Inside:
    """Points inside a sphere."""
    cx, cy, cz = centre_mm
    return lambda x, y, z: (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 <= radius_mm**2


def shell(inner_mm: float, outer_mm: float) -> Inside:
    """Points between two spheres about the origin."""
    return lambda x, y, z: (
        (x**2 + y**2 + z**2 <= outer_mm**2) & (x**2 + y**2 + z**2 >= inner_mm**2)
    )


def box(half_mm: tuple[float, float, float]) -> Inside:
    """Points inside a box about the origin."""
    hx, hy, hz = half_mm
    return lambda x, y, z: (np.abs(x) <= hx) & (np.abs(y) <= hy) & (np.abs(z) <= hz)


def case_of(
    grid: Grid,
    *structures: Structure,
    prescription_gy: Mapping[str, float] | None = None,
    fractions: int | None = None,
) -> Case:
    """A case of these structures; its one beamlet gives no dose."""
    everywhere = np.arange(grid.voxels)
    return Case(
        name="by-hand",
        grid=grid,
        density=np.ones(grid.shape, dtype=np.float32),
        structures={s.name: s for s in structures},
        beams=(),
        influence=Influence(
            matrix=csr_array((grid.voxels, 1), dtype=np.float32),
            voxels=everywhere,
            beam_of_beamlet=np.zeros(1, dtype=np.intp),
            position_mm=np.zeros((1, 2)),
            engine="none",
        ),
        prescription_gy=dict(prescription_gy or {}),
        fractions=fractions,
    )


def listed_case(
    occupancy: Floats | list[float],
    *,
    name: str = "PTV",
    kind: StructureKind = "target",
    spacing_mm: tuple[float, float, float] = (10.0, 10.0, 10.0),
    prescription_gy: float | None = None,
) -> Case:
    """One structure of voxels in a row, 1 cc each by default, for doses given voxel by voxel.

    Rows of voxels that touch no structure lie between them, so the dose varies inside none.
    """
    share = np.asarray(occupancy, dtype=np.float64)
    grid = Grid(origin_mm=(0, 0, 0), spacing_mm=spacing_mm, shape=(1, 1, 2 * share.size + 1))
    held = share > 0
    structure = Structure(
        name=name,
        kind=kind,
        voxels=2 * np.flatnonzero(held) + 1,
        occupancy=share[held],
    )
    given = {} if prescription_gy is None else {name: prescription_gy}
    return case_of(grid, structure, prescription_gy=given)


def listed_dose(dose_gy: Floats | list[float]) -> Floats:
    """The dose for `listed_case`: no dose between the voxels, so each is an extremum."""
    doses = np.asarray(dose_gy, dtype=np.float64)
    flat = np.zeros(2 * doses.size + 1)
    flat[1::2] = doses
    return flat


def terms(*structures: str) -> list[Term]:
    """The mean dose of each structure as a term."""
    return [Term(name=f"{s} mean", structure=s, kind="mean-dose") for s in structures]


def fluence_of(case: Case) -> Floats:
    """Weights between 0.5 and 1.5 for every beamlet, always the same."""
    beamlets = int(case.influence.matrix.shape[1])
    return np.random.default_rng(7).uniform(0.5, 1.5, beamlets)


def mean_gy(case: Case, name: str, dose_gy: Floats) -> float:
    """Mean dose of a structure."""
    structure = case.structures[name]
    return float(np.average(dose_gy[structure.voxels], weights=structure.occupancy))


def same_influence(first: Influence, second: Influence) -> bool:
    """Whether two influences are equal to the last bit."""
    return (
        np.array_equal(first.matrix.toarray(), second.matrix.toarray())
        and np.array_equal(first.voxels, second.voxels)
        and np.array_equal(first.beam_of_beamlet, second.beam_of_beamlet)
        and np.array_equal(first.position_mm, second.position_mm)
        and first.engine == second.engine
    )
