"""Where the dose is highest: places to look at, never goals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.geometry import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class HotSpot:
    """The voxel with the highest dose of a structure, or outside of all targets.

    Args:
        structure: What it lies in.
        dose_gy: Gy per course at the voxel's centre.
        position_mm: LPS coordinates of the centre.
        distance_mm: To the centre of the nearest voxel of a target; 0 inside one.
    """

    structure: str
    dose_gy: float
    position_mm: tuple[float, float, float]
    distance_mm: float

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return {
            "structure": self.structure,
            "dose_gy": self.dose_gy,
            "position_mm": list(self.position_mm),
            "distance_mm": self.distance_mm,
        }


def hot_spots(case: Case, dose_gy: Floats) -> tuple[HotSpot, ...]:
    """The hottest voxel of all targets and the hottest outside of them."""
    targets = [s for s in case.structures.values() if s.kind == "target"]
    inside = np.zeros(case.grid.voxels, dtype=np.bool_)
    for target in targets:
        inside[target.voxels] = True
    near = case.grid.centres_mm(np.flatnonzero(inside))
    outside = np.zeros(case.grid.voxels, dtype=np.bool_)
    for structure in case.structures.values():
        outside[structure.voxels] = True
    spots = []
    for region in (inside, outside & ~inside):
        voxels = np.flatnonzero(region)
        if not voxels.size:
            continue
        voxel = int(voxels[int(dose_gy[voxels].argmax())])
        (x, y, z), *_ = case.grid.centres_mm(np.array([voxel])).tolist()
        away = np.linalg.norm(near - np.array([x, y, z]), axis=1).min(initial=np.inf)
        spots.append(
            HotSpot(
                structure=_holder(case, voxel),
                dose_gy=float(dose_gy[voxel]),
                position_mm=(x, y, z),
                distance_mm=float(away) if np.isfinite(away) else 0.0,
            )
        )
    return tuple(spots)


def _holder(case: Case, voxel: int) -> str:
    """The structure a voxel lies in: targets before organs before the body."""
    order = {"target": 0, "oar": 1, "external": 2}
    ranked = sorted(case.structures.values(), key=lambda s: order[s.kind])
    return next((s.name for s in ranked if _holds(s, voxel)), "no structure")


def _holds(structure: Structure, voxel: int) -> bool:
    at = int(np.searchsorted(structure.voxels, voxel))
    return at < structure.voxels.size and int(structure.voxels[at]) == voxel
