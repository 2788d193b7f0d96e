"""What a user says, or a program shows, about what shapes the answers of a function."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON, as_stored


def as_data(what: str, given: Mapping[str, JSON]) -> dict[str, JSON]:
    """A copy of it as JSON data.

    Raises:
        UsageError: If it is something else.
    """
    try:
        stored = as_stored(dict(given))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{what} is no JSON data ({error}): give texts, numbers, truth values, None, and "
            "lists and dicts of these"
        ) from error
    return stored if isinstance(stored, dict) else {}


def bound_in(target: object) -> dict[str, JSON]:
    """Arguments that ``functools.partial`` binds, as far as they are JSON data."""
    found: dict[str, JSON] = {}
    while isinstance(target, partial):
        given = {f"argument {n}": value for n, value in enumerate(target.args)}
        for name, value in {**given, **target.keywords}.items():
            try:
                found.setdefault(name, as_stored(value))
            except (TypeError, ValueError):  # a client or the like: no setting
                continue
        target = target.func
    return found
