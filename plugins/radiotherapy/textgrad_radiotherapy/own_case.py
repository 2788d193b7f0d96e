"""A user's own case by its path: a saved case, DICOM files, a matRad file, a file of arrays."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.case_checks import check_case
from textgrad_radiotherapy.case_folder import NUMBERS, WORDS, is_case_folder, read_case
from textgrad_radiotherapy.course_dose import check_prescription
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.imports.arrays_file import read_arrays_file
from textgrad_radiotherapy.imports.matrad import read_matrad
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.phantoms.catalogue import DESCRIPTIONS

GRID_MM, BIXEL_MM = 3.0, 5.0  # unless asked otherwise
Source = Literal["saved", "dicom", "matrad", "arrays"]


def own_case(path: Path, *, grid_mm: float, bixel_mm: float, cache: Path | None) -> Case:
    """The case at a path.

    Args:
        path: A folder that `save_case` wrote, a folder of DICOM files, a matRad ``.mat`` file,
            or an ``.npz`` file of arrays.
        grid_mm: Dose grid, where the influence is computed here; otherwise it has its own.
        bixel_mm: Width of the beamlets; likewise.
        cache: Folder of influence matrices; None keeps nothing.

    Raises:
        CaseError: If nothing is there, or it cannot be planned.
    """
    match _source(path):
        case "saved":
            found = _saved_case(path)
        case "dicom":
            found = _dicom_case(path, grid_mm, bixel_mm, cache)
        case "matrad":
            found = read_matrad(path, grid_mm=grid_mm, cache=cache)
        case "arrays":
            found = read_arrays_file(path)
    try:
        check_prescription(dict(found.prescription_gy), found.fractions)
    except GoalError as error:
        raise CaseError(f"case {path}: {error}") from error
    return found


def unused_steps(path: Path, case: Case, grid_mm: float, bixel_mm: float) -> tuple[str, ...]:
    """What is asked of voxels and beamlets but a case at a path has of its own, in words.

    Args:
        path: As `own_case`.
        case: What was found there.
        grid_mm: Dose grid that was asked for; the default asks for nothing.
        bixel_mm: Width of the beamlets, likewise.
    """
    source = _source(path)
    computed = source in ("dicom", "matrad") and Kernel.described(case.influence.engine)
    asked = [("grid_mm", grid_mm, GRID_MM, bool(computed)),
             ("bixel_mm", bixel_mm, BIXEL_MM, bool(computed) and source == "dicom")]  # fmt: skip
    spacing = " x ".join(f"{step:.3g}" for step in case.grid.spacing_mm)
    return tuple(
        f"{name} = {given:g} is not used: the case brings its own voxels of {spacing} mm and "
        f"{case.influence.matrix.shape[1]} beamlets."
        for name, given, default, used in asked
        if given != default and not used
    )


def own_digest(path: Path) -> str:
    """Digest of the files a case is made from.

    Raises:
        CaseError: If nothing is there.
    """
    match _source(path):
        case "saved":
            files = [path / WORDS, path / NUMBERS]
        case "dicom":
            files = sorted(found for found in path.rglob("*") if found.is_file())
        case "matrad" | "arrays":
            files = [path]
    hashed = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            hashed.update(hashlib.file_digest(stream, "sha256").digest())
    return hashed.hexdigest()


def check_own(path: Path) -> None:
    """Refuse a path where no case can be.

    Raises:
        CaseError: If there is no folder, and no file of a known kind.
    """
    _source(path)


def _source(path: Path) -> Source:
    if is_case_folder(path):
        return "saved"
    if path.is_dir():
        if not any(path.iterdir()):
            raise CaseError(f"the folder {path} is empty: give one with a case or DICOM files")
        return "dicom"
    if path.is_file():
        suffixes: dict[str, Source] = {".mat": "matrad", ".npz": "arrays"}
        found = suffixes.get(path.suffix.lower())
        if found is not None:
            return found
        raise CaseError(
            f"{path} is no case: give a .mat file of matRad, an .npz file of arrays, a case "
            "folder, or the folder (not one file) with the DICOM files"
        )
    raise CaseError(
        f"there is no case {str(path)!r}: give a path that exists (a case folder, a folder of "
        f"DICOM files, a .mat or an .npz file), or one of {', '.join(DESCRIPTIONS)}"
    )


def _saved_case(path: Path) -> Case:
    found = read_case(path)
    try:
        return check_case(found)
    except CaseError as error:
        raise CaseError(f"case {path}: {error}") from error


def _dicom_case(path: Path, grid_mm: float, bixel_mm: float, cache: Path | None) -> Case:
    from textgrad_radiotherapy.dicom import case_of, read_folder

    parts = read_folder(path, dose="none", grid_mm=grid_mm, bixel_mm=bixel_mm)
    try:
        return case_of(parts, name=path.resolve().name, cache=cache)
    except CaseError as error:
        raise CaseError(
            f"{error}; 'textgrad radiotherapy import-dicom {path} --out CASE' has options for "
            "beams, prescription and fractions, and the case folder it writes can be planned"
        ) from error
