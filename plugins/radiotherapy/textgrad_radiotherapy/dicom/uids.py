"""Unique identifiers that are the same whenever the same thing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

_NAMESPACE = UUID("8f0b6a52-3c0e-5d2b-9f57-6a4f0d9c1e73")


def uid(*parts: str) -> str:
    """A UID under the root 2.25, from a name-based UUID (DICOM PS3.5, annex B.2).

    Args:
        parts: What it identifies; other parts give another UID.
    """
    return f"2.25.{uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def digest(arrays: Iterable[NDArray[np.generic]]) -> str:
    """Hexadecimal SHA-256 of arrays: their types, shapes and values."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
