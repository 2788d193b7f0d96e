"""Where the beams of a matRad file aim.

Since matRad counts in world coordinates, ``isoCenter`` is in LPS, as ``ct.x``, ``ct.y`` and
``ct.z`` are. Before, it counted from the corner of the cube: a voxel of index i, from 1, was at i
times the resolution, whatever ``ct.x`` said. No field tells which is meant, so the places do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.imports.matrad_parts import field, several

Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Isocentres:
    """Isocentres in LPS, one per beam or one for all, and how they were found."""

    places_mm: tuple[Place, ...]
    note: str


def isocentres_of(stf: Any, pln: Any, grid: Grid, middle_mm: Place) -> Isocentres:
    """The isocentres that stf, or else pln, states; without any the middle of the targets.

    Args:
        stf: Steering of the beams; None if the file has none.
        pln: Plan; None if the file has none.
        grid: That of the ct.
        middle_mm: Middle of the targets, which matRad aims at unless told otherwise.

    Raises:
        CaseError: If an isocentre is not three finite numbers.
    """
    source, stated = _stated(stf, pln)
    if stated is None:
        return Isocentres(
            places_mm=(middle_mm,),
            note="The file states no isocentre: the beams aim at the middle of the targets.",
        )
    corner = np.asarray(grid.origin_mm) - np.asarray(grid.spacing_mm)
    places, note = stated, f"Isocentre: {_told(stated)} of {source}"
    if np.abs(corner).max() > 1e-6:
        if _in_cube(stated, stated + corner, grid, np.asarray(middle_mm)):
            places = stated + corner
            note += (
                f", taken to count from the corner of the cube, as older matRad does: "
                f"{_told(places)} in LPS"
            )
        else:
            note += f", taken to be in LPS; from the cube's corner it is {_told(stated + corner)}"
    return Isocentres(
        places_mm=tuple((float(x), float(y), float(z)) for x, y, z in places), note=f"{note}."
    )


def _stated(stf: Any, pln: Any) -> tuple[str, Floats | None]:
    """What the file says, shape (1 or beams, 3), and where."""
    beams = [field(beam, "isoCenter") for beam in several(stf)]
    if beams and all(np.size(place) == 3 for place in beams):
        return "stf.isoCenter", _numbers("stf.isoCenter", beams)
    for name, holder in (("pln.propStf", field(pln, "propStf")), ("pln", pln)):
        place = field(holder, "isoCenter")
        if place is not None and np.size(place):
            return f"{name}.isoCenter", _numbers(f"{name}.isoCenter", place)
    return "", None


def _numbers(name: str, stated: Any) -> Floats:
    try:
        places = np.asarray(stated, dtype=np.float64).reshape(-1, 3)
    except (TypeError, ValueError):
        places = np.full((1, 3), np.nan)
    if not np.isfinite(places).all():
        raise CaseError(f"{name} is {stated}: three finite numbers x y z in mm are needed")
    return places


def _in_cube(as_lps: Floats, as_cube: Floats, grid: Grid, middle: Floats) -> bool:
    """Whether isocentres are counted from the corner of the cube.

    They are where only so they lie in the ct; and where only so they lie within a voxel of the
    middle of the targets, where matRad puts them itself. Otherwise they are in LPS.
    """
    inside = [_inside(places, grid) for places in (as_cube, as_lps)]
    if inside[0] != inside[1]:
        return inside[0]
    voxel = np.asarray(grid.spacing_mm)
    near = [bool((np.abs(places - middle) <= voxel).all()) for places in (as_cube, as_lps)]
    return near[0] and not near[1]


def _inside(places: Floats, grid: Grid) -> bool:
    half = np.asarray(grid.spacing_mm) / 2
    low, high = (np.array([axis[end] for axis in grid.axes_mm()]) for end in (0, -1))
    return bool(((places >= low - half) & (places <= high + half)).all())


def _told(places: Floats) -> str:
    different = np.unique(places.round(3), axis=0)
    return "; ".join("(" + ", ".join(f"{v:g}" for v in place) + ") mm" for place in different)
