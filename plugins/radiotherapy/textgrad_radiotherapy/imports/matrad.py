"""A case from a matRad file (``.mat``, any version from 5): ct and cst, and dij, stf, pln if kept.

matRad's cubes are (y, x, z) and counted by columns from 1; they are turned here. Its dose is per
fraction, so its influence is multiplied by the number of fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.sparse import csc_array, issparse

from textgrad_core.errors import install_command
from textgrad_radiotherapy.case import Beam, Case, Structure
from textgrad_radiotherapy.cases import build_case
from textgrad_radiotherapy.course_dose import whole_fractions
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.imports.arrays import COLOURS, case_from_arrays, kind_of
from textgrad_radiotherapy.imports.mat73 import read_mat73
from textgrad_radiotherapy.imports.matrad_isocentre import isocentres_of
from textgrad_radiotherapy.imports.matrad_parts import (
    beams_of,
    entries,
    field,
    grid_of,
    positions_of,
    prescribed,
    turned,
)
from textgrad_radiotherapy.overlap import averaged
from textgrad_radiotherapy.resample import cubes_over, moved_structure

WANTED = ("ct", "cst", "dij", "stf", "pln")


def read_matrad(
    path: Path,
    *,
    prescription_gy: Mapping[str, float] | None = None,
    beams: Sequence[Beam] = (),
    grid_mm: float | None = None,
    cache: Path | None = None,
) -> Case:
    """The case in a matRad file.

    With a ``dij`` its influence matrix is used; without, the embedded engine computes one.

    Args:
        path: The file.
        prescription_gy: Dose per course by target; None for the dose levels of the targets'
            deviation or underdosing objectives.
        beams: Beams to compute; none for those of ``stf`` or ``pln``.
        grid_mm: Dose grid of a case that is computed; None for the grid of the CT.
        cache: Folder of influence matrices, for a case that is computed.

    Raises:
        CaseError: If the file cannot be read or lacks what a case needs.
    """
    file = _loaded(path)
    ct_grid = grid_of(file["ct"], "ct")
    structures = [
        _structure(entry.name, entry.label, entry.voxels, ct_grid, COLOURS[n % len(COLOURS)])
        for n, entry in enumerate(entries(file["cst"]))
    ]
    doses = dict(prescription_gy or prescribed(file["cst"]))
    if not doses:
        raise CaseError(f"{path} names no dose of a target: pass prescription_gy")
    fractions = field(file.get("pln"), "numOfFractions")
    common: dict[str, Any] = {
        "name": path.stem,
        "title": path.stem,
        "source": f"matRad file {path.name}",
        "prescription_gy": doses,
        "fractions": None
        if fractions is None
        else whole_fractions(fractions, f"{path}: pln.numOfFractions"),
    }
    found, common["notes"] = (list(beams), ()) if beams else _aimed(file, structures, ct_grid)
    density = _density(file["ct"], ct_grid)
    if file.get("dij") is not None and not beams:
        return _with_dij(file, structures, density, ct_grid, found, common)
    if not found:
        raise CaseError(f"{path} holds neither dij nor the angles of beams: pass beams")
    grid = ct_grid if grid_mm is None else cubes_over(ct_grid, grid_mm)
    if grid_mm is not None:
        density = averaged(density, ct_grid, grid, outside=0.0)
        structures = [moved_structure(s, ct_grid, grid) for s in structures]
    return build_case(
        grid=grid,
        density=density.astype(np.float32),
        structures=structures,
        beams=found,
        cache=cache,
        **common,
    )


def _aimed(
    file: Mapping[str, Any], structures: Sequence[Structure], grid: Grid
) -> tuple[list[Beam], tuple[str, ...]]:
    """The file's own beams, if any, and a note on where they aim."""
    stf, pln = file.get("stf"), file.get("pln")
    aimed = isocentres_of(stf, pln, grid, _centre(structures, grid))
    beams = beams_of(stf, pln, aimed.places_mm)
    return beams, (aimed.note,) if beams else ()


def _loaded(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = loadmat(
            path, squeeze_me=True, struct_as_record=False, variable_names=list(WANTED)
        )
    except NotImplementedError:  # of scipy: this is version 7.3
        found = _loaded73(path)
    except Exception as fault:
        raise CaseError(
            f"{path} cannot be read as a MATLAB file ({type(fault).__name__}: {fault})"
        ) from fault
    for key in ("ct", "cst"):
        if key not in found:
            raise CaseError(f"{path} has no {key!r}: save ct and cst, and dij, stf, pln if known")
    return found


def _loaded73(path: Path) -> dict[str, Any]:
    try:
        return read_mat73(path, WANTED)
    except ImportError as absent:
        raise CaseError(
            f"{path} is a MATLAB file of version 7.3 (HDF5), which needs h5py: in your clone run "
            f"{install_command('radiotherapy')}; or save it with '-v7'"
        ) from absent
    except Exception as fault:
        raise CaseError(
            f"{path} is a MATLAB file of version 7.3 that cannot be read ({type(fault).__name__}: "
            f"{fault}): save it again, with '-v7' if nothing in it exceeds 2 GB"
        ) from fault


def _structure(
    name: str, label: str, columns: NDArray[np.intp], grid: Grid, colour: str
) -> Structure:
    if not columns.size:
        raise CaseError(f"structure {name!r} has no voxel: take it out of cst")
    if columns.min() < 0 or columns.max() >= grid.voxels:
        raise CaseError(
            f"structure {name!r} names voxels {columns.min() + 1} to {columns.max() + 1}, the ct "
            f"has {grid.voxels}: {grid}"
        )
    voxels = np.unique(turned(columns, grid))
    return Structure(
        name=name,
        kind=kind_of(name, label),
        voxels=voxels,
        occupancy=np.ones(voxels.size),
        colour=colour,
    )


def _centre(structures: Sequence[Structure], grid: Grid) -> tuple[float, float, float]:
    """Middle of the targets, matRad's own choice of an isocentre."""
    targets = [s.voxels for s in structures if s.kind == "target"]
    if not targets:
        raise CaseError("cst has no structure of type TARGET")
    x, y, z = grid.centres_mm(np.unique(np.concatenate(targets))).mean(axis=0).tolist()
    return x, y, z


def _density(ct: Any, grid: Grid) -> Floats:
    """Relative electron density as matRad keeps it, (z, y, x)."""
    cube = field(ct, "cube")
    if cube is None:
        raise CaseError("ct has no cube of relative electron densities: load it into matRad once")
    if isinstance(cube, np.ndarray) and cube.dtype == object:
        cube = cube.flat[0]
    values = np.asarray(cube, dtype=np.float64)
    nz, ny, nx = grid.shape
    if values.size != grid.voxels:
        raise CaseError(f"ct.cube has shape {values.shape}, ct says {grid}")
    return np.ascontiguousarray(values.reshape(ny, nx, nz).transpose(2, 0, 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Columns:
    """What dij says of its columns."""

    beam: NDArray[np.intp]
    position_mm: Floats


def _columns(dij: Any, stf: Any, count: int) -> _Columns:
    numbers = field(dij, "beamNum")
    beam = np.zeros(count, np.intp) if numbers is None else np.atleast_1d(numbers).astype(int) - 1
    return _Columns(beam=beam, position_mm=positions_of(stf, count))


def _with_dij(
    file: Mapping[str, Any],
    structures: list[Structure],
    density: Floats,
    ct_grid: Grid,
    beams: list[Beam],
    common: dict[str, Any],
) -> Case:
    """A case around matRad's own matrix, on its dose grid."""
    dij = file["dij"]
    dose_grid = field(dij, "doseGrid")
    grid = ct_grid if dose_grid is None else grid_of(dose_grid, "dij.doseGrid")
    if grid != ct_grid:
        density = averaged(density, ct_grid, grid, outside=0.0)
        structures = [moved_structure(s, ct_grid, grid) for s in structures]
    matrix = field(dij, "physicalDose")
    if isinstance(matrix, np.ndarray) and matrix.dtype == object:
        matrix = next(_filled(matrix), None)
    if matrix is None or matrix.shape[0] != grid.voxels:
        shape = None if matrix is None else matrix.shape
        raise CaseError(f"dij.physicalDose has shape {shape}, its grid is {grid}")
    matrix = csc_array(matrix) if issparse(matrix) else csc_array(np.asarray(matrix))
    per_course = 1 if common["fractions"] is None else common["fractions"]
    columns = _columns(dij, file.get("stf"), matrix.shape[1])
    shares = {s.name: _over(s, grid) for s in structures}
    return case_from_arrays(
        influence=csc_array(
            (matrix.data * per_course, turned(matrix.indices, grid), matrix.indptr),
            shape=matrix.shape,
        ),
        grid=grid,
        masks=[(s.name, shares[s.name]) for s in structures],
        kinds={s.name: s.kind for s in structures},
        density=density,
        beams=beams,
        beam_of_beamlet=columns.beam,
        position_mm=columns.position_mm,
        engine="matRad's influence matrix",
        **common,
    )


def _filled(cells: NDArray[Any]) -> Iterator[Any]:
    return (cell for cell in cells.flat if getattr(cell, "shape", (0,)) != (0,))


def _over(structure: Structure, grid: Grid) -> Floats:
    share = np.zeros(grid.voxels)
    share[structure.voxels] = structure.occupancy
    return share.reshape(grid.shape)
