"""What a domain has to know of a case before it is loaded: its structures, not its matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from textgrad_core.jsondata import digest
from textgrad_radiotherapy.cache_folder import cache_folder
from textgrad_radiotherapy.case import Case, Influence
from textgrad_radiotherapy.cases import load_case
from textgrad_radiotherapy.errors import GoalError
from textgrad_radiotherapy.own_case import check_own, own_digest
from textgrad_radiotherapy.phantoms.catalogue import phantom_named

DEFAULT_PROTOCOLS = {
    "tg119-multitarget": "tg119-multitarget",
    "tg119-prostate": "tg119-prostate",
    "tg119-head-neck": "tg119-head-neck",
    "tg119-cshape": "tg119-cshape-easy",
    "tg119-cshape-easy": "tg119-cshape-easy",
    "tg119-cshape-hard": "tg119-cshape-hard",
    "adult": "textgrad-70.2-39",
    "adult_hard": "textgrad-70.2-39",
}


def anatomy_of(
    case: str, grid_mm: float = 3.0, bixel_mm: float = 5.0, cache: str | None = None
) -> Case:
    """The case with its structures, quickly: an embedded one has no influence rows.

    Args:
        case: Name of an embedded case, or the path of a user's own.
        grid_mm: Voxel size, as `load_case`.
        bixel_mm: Width of the beamlets, likewise.
        cache: Folder of influence matrices, as `cache_folder.cache_folder`.

    Raises:
        CaseError: If there is no such case.
    """
    phantom = phantom_named(case)
    if phantom is None:
        return load_case(case, grid_mm=grid_mm, bixel_mm=bixel_mm, cache=cache_folder(cache))
    grid = phantom.grid(grid_mm)
    structures, density = phantom.realise(grid)
    return Case(
        name=phantom.name,
        grid=grid,
        density=density,
        structures=structures,
        beams=(),
        influence=Influence(
            matrix=csr_array((0, 0), dtype=np.float32),
            voxels=np.zeros(0, dtype=np.intp),
            beam_of_beamlet=np.zeros(0, dtype=np.intp),
            position_mm=np.zeros((0, 2)),
            engine="none",
        ),
        prescription_gy=dict(phantom.prescription_gy),
        fractions=phantom.fractions,
    )


def default_protocol(case: str) -> str:
    """Name of the protocol that an embedded case is planned by unless a user says otherwise.

    Raises:
        CaseError: If there is no such case.
        GoalError: If the case is a user's own.
    """
    found = DEFAULT_PROTOCOLS.get(case)
    if found is None:
        check_own(Path(case))
        raise GoalError(
            f"case {Path(case).resolve().name!r} has no protocol of its own: name one with "
            "--protocol ('textgrad radiotherapy protocols' lists them)"
        )
    return found


def case_digest(case: str) -> str:
    """Digest of everything a case is made from: a phantom's description, or a user's files."""
    phantom = phantom_named(case)
    if phantom is not None:
        return digest(repr(phantom))
    return own_digest(Path(case))
