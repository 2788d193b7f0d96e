"""Differences between an expected answer and the program's, in words, and what they rest on."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from textgrad_code.untrusted import shortened

SHOWN = 60
TAGGED_FLOAT = re.compile(r'\{"\$float": "(nan|inf|-inf)"\}')
TAGGED_INT = re.compile(r'\{"\$int": "(-?0x[0-9a-f]+)"\}')
SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
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


def shown(value: Any, most: int = SHOWN) -> str:
    """A value as people and models see it: JSON, cut in the middle.

    What cannot be seen, or looks like a plain space and is none, is written as an escape.

    Args:
        value: JSON data.
        most: How many characters it may take.
    """
    if type(value) is int and value.bit_length() > 1000:
        return f"an integer of {value.bit_length()} bits"
    if type(value) is dict and len(value) > most:
        value = {key: value[key] for key in list(value)[:most]}
    if type(value) is list and len(value) > most:  # no work on what is cut anyway
        half = max(most - 40, 0) // 2
        head, tail = _json(value[:most])[:half], _json(value[-most:])
        return f"{head} ...({items(value)})... {tail[len(tail) - half :]}"
    return shortened(_json(value), most)


def _json(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} that is too large to show"
    if '{"$' in text:  # never inside a text: there, quotes are escaped
        text = TAGGED_FLOAT.sub(r"\1", TAGGED_INT.sub(_bits, text))
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _bits(tagged: re.Match[str]) -> str:
    return f"(an integer of {int(tagged[1], 16).bit_length()} bits)"


def unmatched(expected: Iterable[str], answer: Iterable[str]) -> tuple[list[int], list[int]]:
    """Positions of the keys that the other side lacks."""
    left, right = list(expected), list(answer)
    return _lacking(left, Counter(right)), _lacking(right, Counter(left))


def _lacking(keys: list[str], others: Counter[str]) -> list[int]:
    lacking = []
    for index, key in enumerate(keys):
        others[key] -= 1
        if others[key] < 0:
            lacking.append(index)
    return lacking


def size_of(value: Any) -> int:
    """How many values there are inside, and one."""
    if isinstance(value, list):
        return 1 + sum(map(size_of, value))
    if isinstance(value, dict):
        return 1 + sum(map(size_of, value.values()))
    return 1


def size_within(value: Any, most: int) -> bool:
    """Whether there are no more values inside; does not look at much more than that."""
    rest, count = [value], 1
    while rest and count <= most:
        one = rest.pop()
        if isinstance(one, (list, dict)):
            count += len(one)
            if count <= most:
                inside = one.values() if isinstance(one, dict) else one
                rest += (inner for inner in inside if isinstance(inner, (list, dict)))
    return count <= most


def untagged(value: Any) -> Any:
    """The number a tag stands for; everything else as it is."""
    if type(value) is dict and len(value) == 1:
        if "$float" in value:
            return SPECIAL.get(value["$float"], value)
        if "$int" in value:
            return int(value["$int"], 16)
    return value


def is_number(value: Any) -> bool:
    """Whether it is an int or a float, and no bool."""
    return type(value) in (int, float)


def same_text(expected: Any, answer: Any) -> bool:
    """Whether they are the same in every detail; the usual case, found without a walk."""
    try:
        text = json.dumps(expected)
    except (ValueError, RecursionError):  # an integer of too many digits, for one
        return False
    return text == json.dumps(answer) and "NaN" not in text and '"nan"' not in text
