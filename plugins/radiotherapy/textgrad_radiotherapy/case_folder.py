"""A user's case in a folder: ``case.json`` to read, ``arrays.npz`` for the numbers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from textgrad_radiotherapy.case import Beam, Case, Influence, Structure
from textgrad_radiotherapy.case_words import check_words
from textgrad_radiotherapy.course_dose import whole_fractions
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.once import json_once
from textgrad_radiotherapy.stored_arrays import DAMAGE, read_npz

WORDS, NUMBERS = "case.json", "arrays.npz"
FORMAT = "textgrad-radiotherapy case 1"


def is_case_folder(folder: Path) -> bool:
    """Whether both files are there."""
    return (folder / WORDS).is_file() and (folder / NUMBERS).is_file()


def save_case(case: Case, folder: Path) -> Path:
    """Write a case so that `load_case` reads it; the folder is made.

    Args:
        case: The case.
        folder: Where to.

    Returns:
        The folder.

    Raises:
        CaseError: If `load_case` would refuse its words; nothing is written.
    """
    words = {
        "format": FORMAT,
        "name": case.name,
        "title": case.title,
        "source": case.source,
        "notes": list(case.notes),
        "meta": dict(case.meta),
        "grid": asdict(case.grid),
        "beams": [asdict(beam) for beam in case.beams],
        "prescription_gy": dict(case.prescription_gy),
        "fractions": None
        if case.fractions is None
        else whole_fractions(case.fractions, f"case {case.name!r}: fractions"),
        "engine": case.influence.engine,
        "structures": [
            {"name": s.name, "kind": s.kind, "colour": s.colour} for s in case.structures.values()
        ],
    }
    text = json.dumps(words, indent=1)
    check_words(json.loads(text), f"case {case.name!r} cannot be saved: {WORDS}")
    folder.mkdir(parents=True, exist_ok=True)
    matrix = case.influence.matrix
    arrays: dict[str, NDArray[Any]] = {
        "density": case.density,
        "shape": np.array(matrix.shape),
        "data": matrix.data,
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "voxels": case.influence.voxels,
        "beam_of_beamlet": case.influence.beam_of_beamlet,
        "position_mm": case.influence.position_mm,
    }
    for index, structure in enumerate(case.structures.values()):
        arrays[f"voxels_{index}"] = structure.voxels
        arrays[f"occupancy_{index}"] = structure.occupancy
    with (folder / NUMBERS).open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    (folder / WORDS).write_text(text, encoding="utf-8")
    return folder


def read_case(folder: Path) -> Case:
    """The case in a folder, not checked yet.

    Raises:
        CaseError: If its files are damaged or not of this format.
    """
    try:
        words: Any = json_once((folder / WORDS).read_text(encoding="utf-8"))
        if words.get("format") != FORMAT:
            raise CaseError(
                f"{folder / WORDS} says format {words.get('format')!r}, not {FORMAT!r}"
            )
        check_words(words, f"the case in {folder} cannot be read: {WORDS}")
        return _assembled(words, read_npz(folder / NUMBERS))
    except DAMAGE as fault:
        if isinstance(fault, CaseError):
            raise
        raise CaseError(
            f"the case in {folder} cannot be read ({type(fault).__name__}: {fault}); save it again"
        ) from fault


def _assembled(words: dict[str, Any], numbers: dict[str, NDArray[Any]]) -> Case:
    matrix = csr_array(
        (numbers["data"], numbers["indices"], numbers["indptr"]),
        shape=tuple(numbers["shape"].tolist()),
    )
    matrix.check_format(full_check=True)
    structures = {
        entry["name"]: Structure(
            **entry, voxels=numbers[f"voxels_{index}"], occupancy=numbers[f"occupancy_{index}"]
        )
        for index, entry in enumerate(words["structures"])
    }
    return Case(
        name=words["name"],
        grid=Grid(**{key: tuple(value) for key, value in words["grid"].items()}),
        density=numbers["density"],
        structures=structures,
        beams=tuple(
            Beam(**{**beam, "isocentre_mm": tuple(beam["isocentre_mm"])})
            for beam in words["beams"]
        ),
        influence=Influence(
            matrix=matrix,
            voxels=numbers["voxels"],
            beam_of_beamlet=numbers["beam_of_beamlet"],
            position_mm=numbers["position_mm"],
            engine=words["engine"],
        ),
        prescription_gy=words["prescription_gy"],
        fractions=None if words["fractions"] is None else int(words["fractions"]),
        title=words["title"],
        source=words["source"],
        notes=tuple(words["notes"]),
        meta=words["meta"],
    )
