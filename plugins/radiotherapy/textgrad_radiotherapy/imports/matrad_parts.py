"""The parts of a matRad file: grids, structures, beams, prescriptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Beam
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid

SAD_MM = 1000.0
BIXEL_MM = 5.0
LEVELS = ("squareddeviation", "squaredunderdosing", "square deviation", "square underdosing")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """A row of cst: name, type, and voxels counted by columns from 0."""

    name: str
    label: str
    voxels: NDArray[np.intp]


def field(struct: Any, name: str) -> Any:
    """A field of a struct, or None if it or the struct is absent."""
    return getattr(struct, name, None)


def turned(columns: NDArray[Any], grid: Grid) -> NDArray[np.intp]:
    """Flat (z, y, x) indices of voxels counted by columns over (y, x, z), from 0."""
    _, ny, nx = grid.shape
    counted = np.asarray(columns, dtype=np.intp)
    y, x, z = counted % ny, (counted // ny) % nx, counted // (ny * nx)
    return np.asarray((z * ny + y) * nx + x)


def grid_of(holder: Any, what: str) -> Grid:
    """The grid that ct or dij.doseGrid describes.

    Raises:
        CaseError: If its resolution or dimensions are missing.
    """
    resolution = field(holder, "resolution")
    dimensions = field(holder, "cubeDim")
    if dimensions is None:
        dimensions = field(holder, "dimensions")
    if resolution is None or np.size(dimensions) != 3:
        raise CaseError(f"{what} has no resolution or no three dimensions: {dimensions}")
    ny, nx, nz = (int(n) for n in np.asarray(dimensions).tolist())
    steps = [float(getattr(resolution, axis)) for axis in "xyz"]
    first = [
        step if field(holder, axis) is None else float(np.atleast_1d(field(holder, axis))[0])
        for axis, step in zip("xyz", steps, strict=True)
    ]
    return Grid(
        origin_mm=(first[0], first[1], first[2]),
        spacing_mm=(steps[0], steps[1], steps[2]),
        shape=(nz, ny, nx),
    )


def entries(cst: Any) -> Iterator[Entry]:
    """Structures of cst in their order, without those matRad ignores."""
    for row in _rows(cst):
        name, label, cells = str(row[1]), str(row[2]), row[3]
        if label.upper() == "IGNORED":
            continue
        if isinstance(cells, np.ndarray) and cells.dtype == object:
            cells = cells.flat[0]
        yield Entry(
            name=name, label=label, voxels=np.atleast_1d(np.asarray(cells)).astype(np.intp) - 1
        )


def prescribed(cst: Any) -> dict[str, float]:
    """Highest dose level of each target's deviation and underdosing objectives, Gy per course."""
    found: dict[str, float] = {}
    for row in _rows(cst):
        if str(row[2]).upper() != "TARGET" or len(row) < 6:
            continue
        levels = [gy for objective in several(row[5]) if (gy := _level(objective)) is not None]
        if levels:
            found[str(row[1])] = max(levels)
    return found


def beams_of(
    stf: Any, pln: Any, isocentres_mm: Sequence[tuple[float, float, float]]
) -> list[Beam]:
    """Beams of stf, or of pln, around one isocentre or one each; none if neither names an angle.

    Raises:
        CaseError: If there are several isocentres, but not one per beam.
    """
    if stf is not None:
        steered = several(stf)
        return [
            _beam(
                field(beam, "gantryAngle"),
                field(beam, "couchAngle"),
                field(beam, "SAD"),
                field(beam, "bixelWidth"),
                place,
            )
            for beam, place in zip(steered, _each(isocentres_mm, len(steered)), strict=True)
        ]
    steering = field(pln, "propStf")
    holder = pln if steering is None else steering
    angles = field(holder, "gantryAngles")
    if angles is None:
        return []
    gantry = np.atleast_1d(angles).tolist()
    couch = field(holder, "couchAngles")
    turns = [0.0] * len(gantry) if couch is None else np.atleast_1d(couch).tolist()
    width = field(holder, "bixelWidth")
    return [
        _beam(g, c, None, width, place)
        for g, c, place in zip(gantry, turns, _each(isocentres_mm, len(gantry)), strict=True)
    ]


def _each(
    isocentres_mm: Sequence[tuple[float, float, float]], beams: int
) -> Sequence[tuple[float, float, float]]:
    if len(isocentres_mm) not in (1, beams):
        raise CaseError(
            f"{len(isocentres_mm)} isocentres for {beams} beams: state one, or one each"
        )
    return list(isocentres_mm) * (beams // len(isocentres_mm))


def positions_of(stf: Any, count: int) -> Floats:
    """Centres of the beamlets in the isocentre plane; zeros if stf does not tell them all."""
    found: list[list[float]] = []
    for beam in several(stf) if stf is not None else []:
        for ray in several(field(beam, "ray")):
            x, _, z = np.asarray(field(ray, "rayPos_bev"), dtype=np.float64).tolist()
            found.append([x, z])
    return np.array(found) if len(found) == count else np.zeros((count, 2))


def _beam(
    gantry: Any, couch: Any, sad: Any, width: Any, isocentre_mm: tuple[float, float, float]
) -> Beam:
    return Beam(
        gantry_deg=float(gantry),
        couch_deg=0.0 if couch is None else float(couch),
        isocentre_mm=isocentre_mm,
        sad_mm=SAD_MM if sad is None else float(sad),
        bixel_mm=BIXEL_MM if width is None else float(width),
    )


def _rows(cst: Any) -> NDArray[Any]:
    table = np.asarray(cst, dtype=object)
    table = table[None, :] if table.ndim == 1 else table
    if table.ndim != 2 or table.shape[1] < 4:
        raise CaseError(f"cst has shape {table.shape}; it needs a row of 4 columns per structure")
    return table


def several(cell: Any) -> list[Any]:
    """A struct array as a list, however few there are."""
    if isinstance(cell, np.ndarray):
        return list(cell.flat)
    return [] if cell is None else [cell]


def _level(objective: Any) -> float | None:
    """Dose level of an objective that a target has to reach."""
    kind = field(objective, "className") or field(objective, "type")
    level = field(objective, "parameters")
    level = field(objective, "dose") if level is None else level
    if isinstance(level, np.ndarray):
        level = level.flat[0] if level.size else None
    if not isinstance(kind, str) or level is None:
        return None
    plain = kind.lower().replace("doseobjectives.matrad_", "")
    return float(level) if plain in LEVELS else None
