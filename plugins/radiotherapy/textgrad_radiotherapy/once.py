"""JSON whose objects name nothing twice: of two values nobody knows which one is meant."""

from __future__ import annotations

import json

from textgrad_core.jsondata import JSON


class GivenTwice(ValueError):
    """A name that an object gives more than one value.

    Args:
        name: The name.
    """

    def __init__(self, name: str) -> None:
        shown = name if len(name) <= 60 else f"{name[:60]}..."
        super().__init__(f"{shown!r} is given twice: give every name once")
        self.name = name


def json_once(text: str) -> JSON:
    """The value of a JSON text.

    Raises:
        GivenTwice: If an object at any depth has a name twice.
        ValueError: If it is no JSON.
    """
    data: JSON = json.loads(text, object_pairs_hook=_once)
    return data


def _once(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for name, value in pairs:
        if name in found:
            raise GivenTwice(name)
        found[name] = value
    return found
