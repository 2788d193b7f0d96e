"""A case from one ``.npz`` file of arrays, as `numpy.savez` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from textgrad_radiotherapy.case import Beam, Case, StructureKind
from textgrad_radiotherapy.course_dose import whole_fractions
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.imports.arrays import case_from_arrays
from textgrad_radiotherapy.stored_arrays import Unreadable, read_npz

SPARSE = ("data", "indices", "indptr", "shape", "format")
NEEDED = ("origin_mm", "spacing_mm")
OPTIONAL = ("influence", *SPARSE, "voxels", "density", "fractions", "gantry_deg",
            "beam_of_beamlet", "position_mm")  # fmt: skip
KINDS: tuple[StructureKind, ...] = get_args(StructureKind)
PRESCRIPTION = "prescription_gy"
NUMBERS = "biuf"  # kinds of numpy that are real numbers, or True and False


def read_arrays_file(path: Path) -> Case:
    """The case in a file of arrays. Axes are along LPS, lengths in mm, doses Gy per course.

    The file holds by name:

    * ``target:NAME``, ``oar:NAME``, ``external:NAME``: the mask of a structure, shape
      (nz, ny, nx), True and False or the share of each voxel that is inside;
    * ``prescription_gy:NAME``: dose of a target;
    * ``origin_mm``, ``spacing_mm``: centre of the first voxel and distances, each (x, y, z);
    * ``influence``, dense of shape (rows, beamlets); or the five arrays of a sparse matrix in
      the format ``csr`` or ``csc`` as `scipy.sparse.save_npz` names them;
    * perhaps ``voxels`` (flat grid index of every row; left out, there is a row per voxel),
      ``density``, ``fractions``, ``gantry_deg`` (per beam), ``beam_of_beamlet`` (from 0) and
      ``position_mm``.

    Args:
        path: The file.

    Raises:
        CaseError: If it cannot be read, or lacks, misnames or misshapes anything.
    """
    arrays = _read(path)
    named, structures, doses = _sorted(arrays, path)
    shapes = {mask.shape for _, _, mask in structures}
    if len(shapes) > 1:
        told = ", ".join(f"{name} {mask.shape}" for _, name, mask in structures)
        raise CaseError(f"{path}: the masks have different shapes: {told}; put them on one grid")
    shape = shapes.pop()
    if len(shape) != 3:
        raise CaseError(f"{path}: the masks have shape {shape}; it has to be (nz, ny, nx)")
    gantry = np.atleast_1d(named.get("gantry_deg", np.zeros(0)))
    if gantry.ndim != 1:
        raise CaseError(f"{path}: gantry_deg has shape {gantry.shape}; it has to be (beams,)")
    return case_from_arrays(
        name=path.stem,
        title=path.stem,
        source=f"file of arrays {path.name}",
        grid=Grid(
            origin_mm=_three(named, "origin_mm", path),
            spacing_mm=_three(named, "spacing_mm", path),
            shape=(shape[0], shape[1], shape[2]),
        ),
        masks=[(name, mask) for _, name, mask in structures],
        kinds={name: kind for kind, name, _ in structures},
        prescription_gy=doses,
        influence=_influence(named, path),
        voxels=named.get("voxels"),
        density=named.get("density"),
        fractions=_fractions(named, path),
        beams=[Beam(gantry_deg=float(angle)) for angle in gantry],
        beam_of_beamlet=named.get("beam_of_beamlet"),
        position_mm=named.get("position_mm"),
    )


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        found = read_npz(path)
    except (FileNotFoundError, Unreadable) as fault:
        raise CaseError(
            f"{path} cannot be read as .npz ({fault}): write it with numpy.savez, without objects"
        ) from fault
    for key, array in found.items():
        if array.dtype.kind not in NUMBERS and key != "format":
            raise CaseError(
                f"{path}: {key} has values of the type {array.dtype}; they have to be real "
                "numbers, or True and False: convert them before saving, with array.astype(float)"
            )
    return found


def _sorted(
    arrays: Mapping[str, NDArray[Any]], path: Path
) -> tuple[
    dict[str, NDArray[Any]], list[tuple[StructureKind, str, NDArray[Any]]], dict[str, float]
]:
    """Plain arrays, structures and prescriptions."""
    named: dict[str, NDArray[Any]] = {}
    structures: list[tuple[StructureKind, str, NDArray[Any]]] = []
    doses: dict[str, float] = {}
    for key, array in arrays.items():
        first, _, name = key.partition(":")
        kind = next((k for k in KINDS if k == first), None)
        if kind is not None and name:
            structures.append((kind, name, array))
        elif first == PRESCRIPTION and name:
            doses[name] = _scalar(arrays, key, path)
        elif key in (*NEEDED, *OPTIONAL):
            named[key] = array
        else:
            raise CaseError(
                f"{path}: unknown array {key!r}; known are target:NAME, oar:NAME, external:NAME, "
                f"{PRESCRIPTION}:NAME, {', '.join((*NEEDED, *OPTIONAL))}"
            )
    missing = [key for key in NEEDED if key not in named]
    missing += [] if structures else ["target:NAME"]
    missing += [] if doses else [f"{PRESCRIPTION}:NAME"]
    if missing:
        raise CaseError(f"{path} lacks {', '.join(missing)}")
    return named, structures, doses


def _influence(named: Mapping[str, NDArray[Any]], path: Path) -> Any:
    if "influence" in named:
        return named["influence"]
    missing = [key for key in SPARSE if key not in named]
    if missing:
        raise CaseError(
            f"{path} lacks the influence: save it as 'influence', or if it is sparse as "
            f"{', '.join(SPARSE)} (missing: {', '.join(missing)})"
        )
    if named["format"].size != 1:
        raise CaseError(f"{path}: format has shape {named['format'].shape}; it has to be one text")
    kind = named["format"].item()
    text = kind.decode() if isinstance(kind, bytes) else str(kind)
    makers: dict[str, Any] = {"csr": csr_array, "csc": csc_array}
    if text not in makers:
        raise CaseError(f"{path}: format is {text!r}; it has to be 'csr' or 'csc'")
    try:
        matrix = makers[text](
            (named["data"], named["indices"], named["indptr"]),
            shape=tuple(int(n) for n in named["shape"]),
        )
        matrix.check_format(full_check=True)
    except (ValueError, TypeError, OverflowError) as fault:
        raise CaseError(f"{path}: the sparse influence is damaged: {fault}") from fault
    return matrix


def _three(named: Mapping[str, NDArray[Any]], key: str, path: Path) -> tuple[float, float, float]:
    array = named[key]
    if array.shape != (3,) or array.dtype.kind not in "fiu":
        raise CaseError(f"{path}: {key} has shape {array.shape}; it has to be three numbers x y z")
    x, y, z = (float(v) for v in array)
    return x, y, z


def _fractions(named: Mapping[str, NDArray[Any]], path: Path) -> int | None:
    if "fractions" not in named:
        return None
    return whole_fractions(_scalar(named, "fractions", path), f"{path}: fractions")


def _scalar(named: Mapping[str, NDArray[Any]], key: str, path: Path) -> float:
    array = named[key]
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise CaseError(f"{path}: {key} has shape {array.shape}; it has to be one number")
    return float(array.item())
