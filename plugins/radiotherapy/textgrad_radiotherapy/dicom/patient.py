"""Whose files they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textgrad_radiotherapy.errors import CaseError


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Personal data, or the name of a phantom; empty is allowed in every DICOM object.

    Args:
        identifier: PatientID, at most 64 characters.
        name: PatientName.
    """

    identifier: str = ""
    name: str = ""


def same_patient(stated: Iterable[tuple[str, str]]) -> str:
    """The one PatientID of files; empty if none states any.

    Args:
        stated: What each file is called in messages, and its PatientID, empty if it has none.

    Raises:
        CaseError: If two differ; both are named.
    """
    first: tuple[str, str] | None = None
    for what, identifier in stated:
        if not identifier:
            continue
        if first is None:
            first = (what, identifier)
        elif identifier != first[1]:
            raise CaseError(
                f"{what} is of the patient with PatientID {identifier!r}, {first[0]} of "
                f"{first[1]!r}: export files of one patient; if it is one, renamed in some of the "
                "files only, give all of them the same PatientID"
            )
    return "" if first is None else first[1]
