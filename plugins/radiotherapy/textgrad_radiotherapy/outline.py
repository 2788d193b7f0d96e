"""What a domain has to know of a case before it is loaded: its structures, not its matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from textgrad_core.jsondata import digest
from textgrad_radiotherapy.case import StructureKind
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


def structure_kinds(case: str) -> Mapping[str, StructureKind]:
    """Kind of every structure by name, in the case's order.

    Raises:
        CaseError: If there is no such case.
    """
    phantom = phantom_named(case)
    if phantom is not None:
        return {part.name: part.kind for part in phantom.parts}
    return {structure.name: structure.kind for structure in load_case(case).structures.values()}


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
            f"case {Path(case).name!r} has no protocol of its own: name one with --protocol "
            "('textgrad radiotherapy protocols' lists them)"
        )
    return found


def case_digest(case: str) -> str:
    """Digest of everything a case is made from: a phantom's description, or a user's files."""
    phantom = phantom_named(case)
    if phantom is not None:
        return digest(repr(phantom))
    return own_digest(Path(case))
