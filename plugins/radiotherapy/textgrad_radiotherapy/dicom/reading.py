"""A folder of DICOM files as the parts of a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Beam, Structure, StructureKind
from textgrad_radiotherapy.dicom.belonging import check_belonging
from textgrad_radiotherapy.dicom.ct import CtVolume, read_ct
from textgrad_radiotherapy.dicom.density import AIR, HU_TABLE, DensityTable, density_of
from textgrad_radiotherapy.dicom.folder import Inventory, choose, scan
from textgrad_radiotherapy.dicom.patient import Patient
from textgrad_radiotherapy.dicom.rtdose import DoseVolume, read_dose
from textgrad_radiotherapy.dicom.rtplan import PlanGeometry, check_position, read_plan
from textgrad_radiotherapy.dicom.rtstruct import Region, StructureSet, read_structures
from textgrad_radiotherapy.dicom.stack import occupancy, slabs
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.overlap import averaged, covering

POSITION = "dicom.patient_position"  # of the CT, in `DicomParts.meta` and `Case.meta`


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DicomParts:
    """What a folder of DICOM files says about a case: everything but the influence matrix.

    Args:
        grid: Dose grid.
        density: Mass density relative to water, shape of the grid.
        structures: By ROI name, in the order of the file; those without contours are left out.
        beams: Beams of the RT plan; empty without one.
        prescription_gy: Prescribed dose per course by target; empty if it is not stated.
        fractions: Number of fractions; None if it is not stated.
        dose: The dose distribution in the folder, to compare with; None if there is none.
        notes: What was left out, guessed or ignored, for the reader of a report.
        meta: UIDs and labels of the source for `Case.meta`; no personal data.
        patient: Whose files they are: personal data.
    """

    grid: Grid
    density: NDArray[np.float32]
    structures: Mapping[str, Structure]
    beams: tuple[Beam, ...]
    prescription_gy: Mapping[str, float]
    fractions: int | None
    dose: DoseVolume | None
    notes: tuple[str, ...]
    meta: Mapping[str, str]
    patient: Patient


def read_folder(
    folder: Path,
    *,
    ct: str | None = None,
    structures: str | None = None,
    plan: str | None = None,
    dose: str | None = None,
    kinds: Mapping[str, StructureKind] | None = None,
    grid: Grid | None = None,
    grid_mm: float | None = 3.0,
    bixel_mm: float = 5.0,
    table: DensityTable = HU_TABLE,
) -> DicomParts:
    """Read a CT series, a structure set and, if they are there, an RT plan and an RT dose.

    Args:
        folder: Looked through at any depth; files of other kinds are counted and ignored.
        ct: SeriesInstanceUID of the CT, where there are several.
        structures: SOPInstanceUID of the structure set, where there are several.
        plan: SOPInstanceUID of the RT plan, or ``none`` to leave plans out.
        dose: SOPInstanceUID of the RT dose, or ``none`` to leave doses out.
        kinds: What structures are, by ROI name, where the file's word misleads.
        grid: Dose grid; otherwise voxels of ``grid_mm`` around the external outline, those of
            the CT if they are as wide.
        grid_mm: Spacing of that grid; None for the voxels of the CT.
        bixel_mm: Width of the beamlets.
        table: Hounsfield units and densities.

    Raises:
        CaseError: If something needed is missing, several candidates could be meant, patients or
            frames of reference differ, or a file is not as it should be.
    """
    inventory = scan(folder)
    volume = _ct(inventory, ct)
    regions = _regions(inventory, structures, kinds)
    chosen_plan = choose(inventory.plan, plan, "RT plan", "--plan ")
    if chosen_plan is not None:
        check_position(volume.patient_position)
    geometry = read_plan(chosen_plan.files[0], bixel_mm=bixel_mm) if chosen_plan else None
    chosen_dose = choose(inventory.dose, dose, "RT dose", "dose=")
    compared = read_dose(chosen_dose.files[0]) if chosen_dose else None
    check_belonging(volume, regions, geometry, compared)
    notes = [*regions.notes, *(geometry.notes if geometry else ())]
    if inventory.ignored:
        notes.append(f"{inventory.ignored} other file(s) in the folder were ignored")
    if compared is not None and compared.summation != "PLAN":
        notes.append(f"the RT dose is a sum over {compared.summation or 'nothing'}, not PLAN")
    dose_grid = grid or _grid(volume, regions, grid_mm)
    found = _structures(volume, regions, dose_grid, notes)
    return DicomParts(
        grid=dose_grid,
        density=_density(volume, dose_grid, found, table, notes),
        structures=found,
        beams=geometry.beams if geometry else (),
        prescription_gy=_prescription(geometry, regions, found, notes) if geometry else {},
        fractions=geometry.fractions if geometry else None,
        dose=compared,
        notes=tuple(notes),
        meta=_meta(volume, regions, geometry),
        patient=volume.patient,
    )


def _ct(inventory: Inventory, wanted: str | None) -> CtVolume:
    chosen = choose(inventory.ct, wanted, "CT series", "--ct ", optional=False)
    if chosen is None:
        raise CaseError(
            f"no CT series in {inventory.folder} ({inventory.ignored} other file(s) there): "
            "single-frame CT images are needed"
        )
    return read_ct(chosen.files)


def _regions(
    inventory: Inventory, wanted: str | None, kinds: Mapping[str, StructureKind] | None
) -> StructureSet:
    chosen = choose(
        inventory.structures, wanted, "RT structure set", "--structures ", optional=False
    )
    if chosen is None:
        raise CaseError(f"no RT structure set in {inventory.folder}: export contours with the CT")
    return read_structures(chosen.files[0], kinds)


def _grid(volume: CtVolume, regions: StructureSet, grid_mm: float | None) -> Grid:
    """Voxels around the external outline, or around the CT, no larger than the CT."""
    if grid_mm is None:
        return volume.grid
    axes, widths = volume.grid.axes_mm(), np.asarray(volume.grid.spacing_mm)
    low = np.array([a[0] for a in axes]) - widths / 2
    high = np.array([a[-1] for a in axes]) + widths / 2
    outline = [c for r in regions.regions if r.kind == "external" for c in r.contours]
    if outline:
        points = np.concatenate([c.points_mm for c in outline])
        reach = slabs([c.z_mm for c in outline], volume.grid.spacing_mm[2])
        low = np.maximum(low, [*points.min(axis=0), reach.low_mm[0]])
        high = np.minimum(high, [*points.max(axis=0), reach.high_mm[-1]])
    if np.allclose(widths, grid_mm, rtol=0.0, atol=1e-6):
        return _voxels_of(volume.grid, low, high)
    return covering(low, high, (grid_mm, grid_mm, grid_mm))


def _voxels_of(images: Grid, low: Floats, high: Floats) -> Grid:
    """The voxels of the CT that a box touches: nothing is blurred by moving it between grids."""
    spacing = np.asarray(images.spacing_mm)
    edge = np.asarray(images.origin_mm) - spacing / 2
    first = np.floor((low - edge) / spacing + 1e-6).astype(int)
    after = np.maximum(np.ceil((high - edge) / spacing - 1e-6).astype(int), first + 1)
    x, y, z = (np.asarray(images.origin_mm) + first * spacing).tolist()
    nx, ny, nz = (after - first).tolist()
    return Grid(origin_mm=(x, y, z), spacing_mm=images.spacing_mm, shape=(nz, ny, nx))


def _structures(
    volume: CtVolume, regions: StructureSet, grid: Grid, notes: list[str]
) -> dict[str, Structure]:
    found = {}
    for region in regions.regions:
        if region.kind is None:
            notes.append(f"{region.name} is left out: its type is {region.said}")
            continue
        if not region.contours:
            notes.append(f"{region.name} is left out: it has no contours")
            continue
        stack = slabs([c.z_mm for c in region.contours], volume.grid.spacing_mm[2])
        notes.extend(_remarks(region, stack.z_mm.tolist(), stack.gaps, volume.grid))
        voxels, share = occupancy(region.contours, stack, grid)
        if not voxels.size:
            notes.append(f"{region.name} is left out: it lies outside the dose grid, {grid}")
            continue
        found[region.name] = Structure(
            name=region.name,
            kind=region.kind,
            voxels=voxels,
            occupancy=share,
            colour=region.colour,
        )
    if not found:
        raise CaseError(
            f"no structure of the set {regions.label!r} can be planned: {'; '.join(notes)}"
        )
    return found


def _remarks(
    region: Region, planes: list[float], gaps: tuple[tuple[float, float], ...], images: Grid
) -> list[str]:
    """What a reader has to know about the planes of a structure."""
    z, dz = images.axes_mm()[2], images.spacing_mm[2]
    off = [p for p in planes if np.abs(z - p).min() > 0.05 * dz]
    remarks = [
        f"{region.name}: nothing between its contours at z {a:g} and {b:g} mm" for a, b in gaps
    ]
    if off:
        shown = ", ".join(f"{p:g}" for p in off[:3]) + (", ..." if len(off) > 3 else "")
        remarks.append(f"{region.name}: {len(off)} contour plane(s) on no CT slice (z {shown} mm)")
    return remarks


def _density(
    volume: CtVolume,
    grid: Grid,
    structures: Mapping[str, Structure],
    table: DensityTable,
    notes: list[str],
) -> NDArray[np.float32]:
    """Density of every voxel: the CT's inside the external outlines, air elsewhere."""
    density = averaged(density_of(volume.hu, table), volume.grid, grid, AIR)
    outlines = [s for s in structures.values() if s.kind == "external"]
    if not outlines:
        notes.append("no external outline: the density of the couch and of the air is the CT's")
        return density.astype(np.float32)
    inside = np.zeros(grid.voxels, dtype=bool)
    for outline in outlines:
        inside[outline.voxels] = True
    notes.append(f"outside {', '.join(s.name for s in outlines)} the density is that of air")
    return np.where(inside.reshape(grid.shape), density, AIR).astype(np.float32)


def _prescription(
    plan: PlanGeometry,
    regions: StructureSet,
    structures: Mapping[str, Structure],
    notes: list[str],
) -> dict[str, float]:
    """Prescribed dose of the targets that were read."""
    by_number = {r.number: r.name for r in regions.regions}
    found: dict[str, float] = {}
    for roi, dose in plan.prescribed_gy.items():
        name = by_number.get(roi) if roi is not None else _only_target(structures)
        if name is None or name not in structures:
            where = "no region" if roi is None else f"region {roi}"
            notes.append(f"the plan prescribes {dose:g} Gy to {where}: name its target")
        elif roi is not None or name not in found:
            found[name] = dose
    return found


def _only_target(structures: Mapping[str, Structure]) -> str | None:
    targets = [s.name for s in structures.values() if s.kind == "target"]
    ptvs = [name for name in targets if name.upper().startswith("PTV")]
    only = ptvs or targets
    return only[0] if len(only) == 1 else None


def _meta(volume: CtVolume, regions: StructureSet, plan: PlanGeometry | None) -> dict[str, str]:
    found = {
        "dicom.frame_of_reference_uid": volume.frame_of_reference_uid,
        "dicom.study_uid": volume.study_uid,
        "dicom.ct_series_uid": volume.series_uid,
        POSITION: volume.patient_position,
        "dicom.structure_set_uid": regions.uid,
        "dicom.structure_set_label": regions.label,
        "dicom.plan_uid": plan.uid if plan else "",
        "dicom.plan_label": plan.label if plan else "",
    }
    return {key: value for key, value in found.items() if value}
