"""Differences between an expected answer and the program's, in words of bounded length."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from textgrad_code.untrusted import clean, shortened

SHOWN = 60
NAMES = {"$set": "a set", "$deque": "a deque", "$dict": "a dict", "$bytes": "bytes"}


def tag_of(value: Any) -> str:
    """The tag of a tagged value, else an empty text."""
    if type(value) is dict and len(value) == 1:
        ((key, _),) = value.items()
        return str(key) if key in NAMES else ""
    return ""


def items(values: Sequence[Any]) -> str:
    """How many there are."""
    return "1 item" if len(values) == 1 else f"{len(values)} items"


def at(path: str) -> str:
    """The beginning of a sentence about a place."""
    return f"at {shortened(path, 120)}: " if path else ""


def told(path: str, expected: Any, answer: Any) -> str:
    """What was expected and what was there."""
    one, other = shown(expected), shown(answer)
    if isinstance(answer, dict) and tag_of(answer) and tag_of(answer) != tag_of(expected):
        other = f"{NAMES[tag_of(answer)]}: {other}"
    return f"{at(path)}expected {one}, got {other}"


def text_difference(path: str, expected: Any, answer: Any) -> str:
    """Two texts, or two constants."""
    if not isinstance(expected, str) or max(len(expected), len(answer)) <= SHOWN // 2:
        return told(path, expected, answer)
    place = next(
        (i for i, pair in enumerate(zip(expected, answer, strict=False)) if pair[0] != pair[1]),
        min(len(expected), len(answer)),
    )
    start = max(0, place - 10)
    parts = (shown(text[start : start + 2 * SHOWN]) for text in (expected, answer))
    one, other = parts
    return (
        f"{at(path)}texts of {len(expected)} and {len(answer)} characters differ from character "
        f"{place} on: expected ...{one}, got ...{other}"
    )


def shown(value: Any) -> str:
    """A value in a message: JSON, cut."""
    if type(value) is int and value.bit_length() > 1000:
        return f"an integer of {value.bit_length()} bits"
    if type(value) in (list, dict) and len(value) > SHOWN:
        value = (
            list(value)[:SHOWN]
            if type(value) is list
            else {k: value[k] for k in list(value)[:SHOWN]}
        )
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__} that is too large to show"
    return clean(text, SHOWN)
