"""Cases by name or path, the dose of a fluence, and the grid a plan is judged on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Beam, Case, Influence, Structure
from textgrad_radiotherapy.case_checks import (
    check_case,
    check_density,
    check_fluence,
    check_structure,
    named_once,
)
from textgrad_radiotherapy.case_folder import save_case
from textgrad_radiotherapy.direct import DirectDose
from textgrad_radiotherapy.engine import Beamlets, choose_beamlets, influence_of
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.influence_cache import cached, digest_of
from textgrad_radiotherapy.judging import judging_case
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.notice import FLUENCE_ONLY
from textgrad_radiotherapy.phantoms.catalogue import DESCRIPTIONS, phantom_named
from textgrad_radiotherapy.phantoms.phantom import Phantom
from textgrad_radiotherapy.rows import structure_rows
from textgrad_radiotherapy.steps import check_steps

__all__ = [
    "build_case",
    "case_names",
    "dose",
    "doses_of",
    "judging_case",
    "load_case",
    "save_case",
    "structure_rows",
]

MARGIN_MM = 5.0


def case_names() -> Mapping[str, str]:
    """Names of the cases that ship with the plugin, each with one line about it."""
    return dict(DESCRIPTIONS)


def load_case(
    name_or_path: str | Path,
    *,
    grid_mm: float = 3.0,
    bixel_mm: float = 5.0,
    cache: Path | None = None,
) -> Case:
    """A case that ships with the plugin, or a user's own.

    Args:
        name_or_path: One of `case_names`; or a folder written by `save_case`, a folder of DICOM
            files, a ``.mat`` file of matRad, or an ``.npz`` file of arrays
            (`imports.arrays_file`).
        grid_mm: Voxel size where the influence is computed, 0.5 to 20; a saved one has its own.
        bixel_mm: Width of the beamlets, likewise, 1 to 50.
        cache: Folder of influence matrices (`cache_folder.default_folder`); None computes
            without keeping anything.

    Raises:
        CaseError: If there is no such case, it cannot be planned, or a width is out of bounds.
    """
    from textgrad_radiotherapy.own_case import own_case  # its importers build cases, too

    check_steps(grid_mm, bixel_mm)
    phantom = phantom_named(str(name_or_path))
    if phantom is not None:
        return _phantom_case(phantom, grid_mm, bixel_mm, cache)
    return own_case(Path(name_or_path), grid_mm=grid_mm, bixel_mm=bixel_mm, cache=cache)


def build_case(
    *,
    name: str,
    grid: Grid,
    density: NDArray[np.float32],
    structures: Sequence[Structure],
    beams: Sequence[Beam],
    prescription_gy: Mapping[str, float],
    margin_mm: float = MARGIN_MM,
    kernel: Kernel | None = None,
    cache: Path | None = None,
    fractions: int | None = None,
    title: str = "",
    source: str = "",
    notes: tuple[str, ...] = (),
    meta: Mapping[str, str] | None = None,
) -> Case:
    """A case whose influence the embedded engine computes.

    Beamlets cover the targets a dose is prescribed to, widened by the margin. Voxels of all
    structures get a row where a beamlet reaches them.

    Args:
        name: Short name.
        grid: Dose grid.
        density: Relative to water, shape of the grid.
        structures: In the order they are listed to people.
        beams: The beams.
        prescription_gy: Dose per course by target.
        margin_mm: Margin of the beamlets around the targets, in the isocentre plane.
        kernel: Parameters of the engine; None for its own.
        cache: Folder of influence matrices; None keeps nothing.
        fractions: Number of fractions, if stated.
        title: As people read it.
        source: Where geometry and beams are from.
        notes: What a reader has to know.
        meta: What an importer found.

    Raises:
        CaseError: If something of it cannot be planned.
    """
    by_name, kernel = named_once(structures), kernel or Kernel()
    check_density(density, grid)
    for structure in structures:
        check_structure(structure, grid)
    targets = [by_name[key].voxels for key in prescription_gy if key in by_name]
    if not targets or not beams:
        raise CaseError(
            f"case {name!r} needs a beam and a structure that dose is prescribed to; it has "
            f"{len(beams)} beams, structures {', '.join(by_name)}, and doses for "
            f"{', '.join(prescription_gy) or 'none'}"
        )
    beamlets = choose_beamlets(
        beams,
        grid.centres_mm(np.unique(np.concatenate(targets))),
        reach_mm=max(grid.spacing_mm) / 2,
        margin_mm=margin_mm,
    )
    voxels = _voxels_of(structures, grid)
    density = np.ascontiguousarray(density, dtype=np.float32)
    digest = digest_of(density, grid, voxels, beams, beamlets, kernel)
    influence = cached(
        cache,
        digest,
        grid,
        lambda: influence_of(density, grid, voxels, beams, beamlets, kernel),
    )
    return check_case(
        Case(
            name=name,
            grid=grid,
            density=density,
            structures=by_name,
            beams=tuple(beams),
            influence=influence,
            prescription_gy=dict(prescription_gy),
            fractions=fractions,
            title=title,
            source=source,
            notes=(*notes, FLUENCE_ONLY),
            meta=dict(meta or {}),
        )
    )


def dose(case: Case, fluence: Floats) -> Floats:
    """Dose of a fluence in Gy per course, flat over the case's grid; 0 where nothing reaches.

    A case without matrix rows (one to judge on) is computed by the engine directly.

    Args:
        case: The case.
        fluence: Weight of every beamlet, shape (n,).

    Raises:
        CaseError: If the fluence does not fit, or is negative or not finite.
    """
    influence = case.influence
    fluence = np.asarray(fluence, dtype=np.float64)
    check_fluence(fluence, influence.matrix.shape[1])
    kernel = Kernel.described(influence.engine)
    if influence.voxels.size == 0 and kernel is not None:
        return _direct(case, kernel)(fluence)
    total = np.zeros(case.grid.voxels)
    total[influence.voxels] = influence.matrix @ fluence
    return total


def doses_of(case: Case) -> Callable[[Floats], Floats]:
    """`dose` of one fluence of a case after another, faster than one by one.

    Args:
        case: The case.
    """
    influence, kernel = case.influence, Kernel.described(case.influence.engine)
    if influence.voxels.size or kernel is None:
        return lambda fluence: dose(case, fluence)
    prepared, beamlets = _direct(case, kernel), int(influence.matrix.shape[1])

    def direct(fluence: Floats) -> Floats:
        fluence = np.asarray(fluence, dtype=np.float64)
        check_fluence(fluence, beamlets)
        return prepared(fluence)

    return direct


def _voxels_of(structures: Iterable[Structure], grid: Grid) -> NDArray[np.intp]:
    """Flat indices of the voxels that any of the structures reaches into, ascending."""
    inside = np.zeros(grid.voxels, dtype=bool)
    for structure in structures:
        inside[structure.voxels] = True
    return np.flatnonzero(inside)


def _direct(case: Case, kernel: Kernel) -> DirectDose:
    influence: Influence = case.influence
    voxels = _voxels_of(case.structures.values(), case.grid)
    beamlets = Beamlets(
        beam_of_beamlet=influence.beam_of_beamlet, position_mm=influence.position_mm
    )
    return DirectDose(case.density, case.grid, voxels, case.beams, beamlets, kernel)


def _phantom_case(phantom: Phantom, grid_mm: float, bixel_mm: float, cache: Path | None) -> Case:
    grid = phantom.grid(grid_mm)
    structures, density = phantom.realise(grid)
    case = build_case(
        name=phantom.name,
        grid=grid,
        density=density,
        structures=list(structures.values()),
        beams=[Beam(gantry_deg=angle, bixel_mm=bixel_mm) for angle in phantom.gantry_deg],
        prescription_gy=phantom.prescription_gy,
        cache=cache,
        fractions=phantom.fractions,
        title=phantom.title,
        source=phantom.source,
        notes=phantom.notes,
    )
    return replace(case, meta={"phantom": phantom.name})
