"""Members of lists, tagged sets and tagged dicts, one by one."""

from __future__ import annotations

from typing import Any


class Entry(dict[str, Any]):
    """A key and its value, each in its place, whatever lists may be ordered as."""


def entries(tagged: Any) -> list[Any]:
    """The pairs of a tagged dict; what is no pair is like none."""
    return [
        Entry(key=one[0], value=one[1]) if isinstance(one, list) and len(one) == 2 else one
        for one in tagged["$dict"]
    ]


def members(value: Any) -> list[Any]:
    """What is in a list, a tagged set or a tagged dict."""
    if isinstance(value, list):
        return value
    return entries(value) if "$dict" in value else list(value["$set"])


def as_shown(member: Any) -> Any:
    """As it is shown."""
    return list(member.values()) if type(member) is Entry else member
