"""Whose files they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Personal data, or the name of a phantom; empty is allowed in every DICOM object.

    Args:
        identifier: PatientID, at most 64 characters.
        name: PatientName.
    """

    identifier: str = ""
    name: str = ""
