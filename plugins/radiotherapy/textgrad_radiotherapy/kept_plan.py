"""A plan on disk: which case, which protocol, and the fluence, so that any tool finds the dose."""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from textgrad_core.report import json_text, write_atomically
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import load_case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.protocols import load_protocol, protocol_data
from textgrad_radiotherapy.stored_arrays import read_npy

SETTINGS, PROTOCOL, FLUENCE = "plan_of.json", "protocol.json", "fluence.npy"
FLUENCE_DIGEST = "fluence_digest"
FORMAT = 1
REAL = "fiu"  # kinds of numpy that are real numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOf:
    """What a plan belongs to.

    Args:
        case: Name of a case, or the folder of a saved one.
        grid_mm: Dose grid.
        bixel_mm: Width of the beamlets.
        case_digest: Digest of what the case was made from (`outline.case_digest`); empty in
            folders of versions that did not keep it.
        engine: What computed its influence; empty likewise.
    """

    case: str
    grid_mm: float = 3.0
    bixel_mm: float = 5.0
    case_digest: str = ""
    engine: str = ""

    def load(self, cache: Path | None) -> Case:
        """The case, on the planning grid.

        Raises:
            CaseError: If there is none any more.
        """
        return load_case(self.case, grid_mm=self.grid_mm, bixel_mm=self.bixel_mm, cache=cache)


def keep_plan(
    plan_of: PlanOf, protocol: Protocol, fluence: Floats, folder: Path
) -> tuple[str, ...]:
    """Write case, protocol and the fluence after normalisation; returns the file names.

    Raises:
        OSError: If the folder cannot be written; no half-written file is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    np.save(packed, np.asarray(fluence, dtype=np.float64), allow_pickle=False)
    part = folder / f".{FLUENCE}.{os.getpid()}"
    try:
        part.write_bytes(packed.getvalue())
        part.replace(folder / FLUENCE)
    finally:
        part.unlink(missing_ok=True)
    record = {
        "format": FORMAT,
        **asdict(plan_of),
        FLUENCE_DIGEST: fluence_digest(fluence),
        "notice": NOTICE,
    }
    write_atomically(folder / PROTOCOL, json_text(protocol_data(protocol)))
    write_atomically(folder / SETTINGS, json_text(record))
    return SETTINGS, PROTOCOL, FLUENCE


def kept_plan(folder: Path) -> tuple[PlanOf, Protocol, Floats]:
    """What `keep_plan` wrote.

    Raises:
        CaseError: If the folder holds no plan, a damaged one, or another fluence than was
            planned (folders of versions that kept no digest are taken as they are).
    """
    try:
        record = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise CaseError(
                f"{folder / SETTINGS} is of format {record['format']}, this version reads {FORMAT}"
            )
        plan_of = PlanOf(
            case=str(record["case"]),
            grid_mm=float(record["grid_mm"]),
            bixel_mm=float(record["bixel_mm"]),
            case_digest=str(record.get("case_digest", "")),
            engine=str(record.get("engine", "")),
        )
        fluence = _fluence(folder / FLUENCE, str(record.get(FLUENCE_DIGEST, "")))
    except FileNotFoundError as error:
        raise CaseError(
            f"{folder} holds no plan ({error.filename} is missing): give the folder that "
            "'textgrad radiotherapy plan --out' or 'textgrad run radiotherapy --out' wrote"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CaseError(f"the plan in {folder} cannot be read: {error}") from error
    return plan_of, load_protocol(folder / PROTOCOL), fluence


def fluence_digest(fluence: Floats) -> str:
    """Hexadecimal SHA-256 of the weights of all beamlets, whatever file they are in."""
    return hashlib.sha256(np.ascontiguousarray(fluence, dtype="<f8").tobytes()).hexdigest()


def _fluence(path: Path, digest: str) -> Floats:
    """The fluence in a file; it has to have the digest, unless that is empty."""
    remedy = "plan it again, or put back a copy"
    try:
        found = read_npy(path)
    except ValueError as error:  # numpy's words are about pickled objects
        raise CaseError(f"{path} is damaged, it cannot be read as numbers: {remedy}") from error
    if found.dtype.kind not in REAL:
        raise CaseError(
            f"{path} is damaged, its values are of the type {found.dtype}, not real numbers: "
            f"{remedy}"
        )
    if found.ndim != 1:
        raise CaseError(f"{path} has shape {found.shape}; it has to be (beamlets,): {remedy}")
    if digest and fluence_digest(found) != digest:
        raise CaseError(
            f"{path} is not the fluence that was planned: its {found.size} beamlets have the "
            f"digest {fluence_digest(found)[:12]}, those of the plan {digest[:12]}: {remedy}"
        )
    return np.asarray(found, dtype=np.float64)
