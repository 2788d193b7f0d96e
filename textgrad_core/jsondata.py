"""JSON data and its digest: the only form in which results are stored, keyed or sent."""

from __future__ import annotations

import hashlib
import json
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

_ATOMS = (str, int, bool, type(None))


def canonical_json(value: JSON) -> str:
    """One text per value: sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def as_stored(value: JSON) -> JSON:
    """What a value is after it was written and read: lists for tuples, keys sorted."""
    if isinstance(value, dict) and all(type(held) in _ATOMS for held in value.values()):
        return {key: value[key] for key in sorted(value)}  # the same, in a tenth of the time
    stored: JSON = json.loads(canonical_json(value))
    return stored


def digest(value: JSON) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def seed_from(*parts: JSON) -> int:
    """A 63-bit seed that depends on nothing but its parts."""
    return int(digest(list(parts))[:16], 16) >> 1
