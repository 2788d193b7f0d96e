"""The rows the inner optimiser sees of every structure, and what is held back for judging.

A voxel of an organ at risk counts for the organ only as far as no target takes it, a voxel of
the body only as far as nothing else does. The dose of whole structures is judged; overlap is
left out of the objective alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.case_checks import structure_of
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.terms import StructureRows, Term

BODY_EVERY = 5
SHELL_MM = 15.0
HELD_OUT_EVERY = 8
FEWEST = 64  # voxels; smaller structures hold none back
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
LEAST_SHARE = 1e-6


def structure_rows(
    case: Case,
    terms: Sequence[Term],
    *,
    body_every: int = BODY_EVERY,
    hold_out: bool | None = None,
) -> Mapping[str, StructureRows]:
    """Optimisation rows of every structure that a term names.

    Targets keep all their voxels. Organs at risk lose what targets take, the external structure
    what everything else takes; of the latter, voxels farther than 15 mm from all targets are
    sampled evenly and stand for the others.

    Args:
        case: The case.
        terms: The terms.
        body_every: One of so many far voxels of the external structure is kept; 1 for all.
        hold_out: Whether voxels are held back for `judging_case`; None for cases that cannot be
            computed on a finer grid.

    Returns:
        Rows by structure; their weights add up to 1 where every voxel has a row.

    Raises:
        CaseError: If a structure is unknown, or nothing of it is left.
    """
    if body_every < 1:
        raise CaseError(f"body_every is {body_every}, it has to be 1 or more")
    if hold_out is None:
        hold_out = Kernel.described(case.influence.engine) is None
    rows: dict[str, StructureRows] = {}
    for name in dict.fromkeys(term.structure for term in terms):
        structure = structure_of(case, name)
        share = _share_left(case, structure)
        if hold_out:
            share = _without(share, held_out_of(structure))
        if structure.kind == "external" and body_every > 1:
            share = _sampled(case, structure.voxels, share, body_every)
        rows[name] = _rows(case, structure, share)
    return rows


def inside_targets(case: Case) -> tuple[str, ...]:
    """Structures of which targets leave nothing to optimise; no term can look at them."""
    return tuple(
        structure.name
        for structure in case.structures.values()
        if structure.kind != "target" and _not_taken(case, structure).max() < LEAST_SHARE
    )


def held_out_of(structure: Structure) -> NDArray[np.bool_]:
    """Which voxels of a structure are held back, evenly spread; none of a small one."""
    return sample_of(structure, 0)


def sample_of(structure: Structure, part: int) -> NDArray[np.bool_]:
    """One of `HELD_OUT_EVERY` evenly spread samples of a structure's voxels; none of a small one.

    Args:
        structure: What is sampled.
        part: 0 for the voxels held back; the others are samples of as many that are planned on.
    """
    if structure.voxels.size < FEWEST:
        return np.zeros(structure.voxels.size, dtype=np.bool_)
    return _every(structure.voxels, HELD_OUT_EVERY, part)


def _every(voxels: NDArray[np.intp], count: int, part: int = 0) -> NDArray[np.bool_]:
    """One of `count` voxels, spread by the golden ratio: the same ones in every structure."""
    place = np.floor((voxels * GOLDEN) % 1.0 * count)
    return np.asarray(place == part)


def _share_left(case: Case, structure: Structure) -> Floats:
    """Occupancy of a structure's voxels that those before it leave over."""
    left = _not_taken(case, structure)
    if left.max() < LEAST_SHARE:
        raise CaseError(
            f"structure {structure.name!r} lies inside targets altogether: nothing of it is left "
            "to optimise, leave its terms out"
        )
    return np.where(left < LEAST_SHARE, 0.0, left)


def _not_taken(case: Case, structure: Structure) -> Floats:
    """The same before anything is checked."""
    if structure.kind == "target":
        return structure.occupancy
    taken = np.zeros(case.grid.voxels)
    for other in case.structures.values():
        before = other.kind == "target" or (structure.kind == "external" and other.kind == "oar")
        if before:
            taken[other.voxels] += other.occupancy
    free = 1.0 - np.minimum(taken[structure.voxels], 1.0)
    return np.minimum(structure.occupancy, free)


def _without(share: Floats, held: NDArray[np.bool_]) -> Floats:
    """Shares with held voxels at 0 and the others scaled so that the sum stays."""
    kept = np.where(held, 0.0, share)
    return kept * (share.sum() / kept.sum()) if kept.sum() > 0 else share


def _sampled(case: Case, voxels: NDArray[np.intp], share: Floats, every: int) -> Floats:
    """Shares with the far voxels thinned out and those that stay scaled."""
    outside = np.ones(case.grid.voxels, dtype=np.bool_)
    for target in (s for s in case.structures.values() if s.kind == "target"):
        outside[target.voxels] = False
    sx, sy, sz = case.grid.spacing_mm
    away = distance_transform_edt(outside.reshape(case.grid.shape), sampling=(sz, sy, sx))
    far = away.ravel()[voxels] > SHELL_MM
    kept = np.where(far & ~_every(voxels, every), 0.0, share)
    rest, stand_ins = share[far].sum(), kept[far].sum()
    if not rest or not stand_ins:
        return share
    return np.where(far, kept * (rest / stand_ins), kept)


def _rows(case: Case, structure: Structure, share: Floats) -> StructureRows:
    """The rows of the voxels with a share; those no beamlet reaches have none."""
    influence = case.influence
    wanted = np.flatnonzero(share)
    voxels = structure.voxels[wanted]
    place = np.searchsorted(influence.voxels, voxels)
    place[place == influence.voxels.size] = 0
    found = np.zeros(voxels.size, dtype=np.bool_)
    if influence.voxels.size:
        found = influence.voxels[place] == voxels
    if not found.any():
        raise CaseError(
            f"no beamlet reaches a voxel of structure {structure.name!r}: leave it, or its goals, "
            "out, or add beams that do"
        )
    return StructureRows(
        matrix=influence.matrix[place[found]],
        weights=share[wanted][found] / share.sum(),
        voxels=voxels[found],
    )
