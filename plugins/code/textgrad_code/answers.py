"""What comes out of the sandbox, read defensively: the sender may be the judged program itself.

Nothing is unpickled, evaluated or looked up by name. An answer becomes plain JSON data in the
forms of `textgrad_code.jail.values`, whoever wrote it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, cast

from textgrad_code.jail.values import EXACT_INT, is_unicode
from textgrad_core.jsondata import JSON

DEEPEST = 250
HEXADECIMAL = re.compile(r"-?0x[0-9a-f]+")
DIGITS_SHOWN = 4000  # Python prints and reads longer numbers only on request
FLOATS = ("nan", "inf", "-inf")
FEW = 10_000  # values: too few to be worth a count
FIRST_LOOK_BYTES = 1 << 17
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


class Violation(Exception):
    """A frame is not what the protocol allows; the message says how."""


class TooManyValues(Violation):
    """A frame has so many more values than were expected that it was not read."""


def _no_constant(name: str) -> None:
    raise Violation(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def parse_frame(body: bytes, most_values: Callable[[], int] = lambda: 0) -> dict[str, Any]:
    """The object in a frame.

    Args:
        body: Its text.
        most_values: How many values, beyond a few, may be in it. A value takes the reader much
            longer than the writer, and as an object thirty times the memory.

    Raises:
        TooManyValues: If there are more, for sure.
        Violation: If it is none.
    """
    if len(body) > FEW and (marks := _marks(body)) > FEW:
        most = most_values() + FEW
        if marks > most and _has_more_values(body, most):
            raise TooManyValues(f"the answer has more than {most} values")
    try:
        frame = _DECODER.decode(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise Violation("a frame is not JSON") from error
    if not isinstance(frame, dict):
        raise Violation("a frame is no object")
    return frame


def _marks(text: bytes) -> int:
    """Outside of strings, at most as many as there are values."""
    containers = text.count(b"[") + text.count(b"{") - text.count(b"[]") - text.count(b"{}")
    return containers + text.count(b",")


def _has_more_values(body: bytes, most: int) -> bool:
    """Whether there are more for sure; looks at no more of the text than that takes."""
    size = FIRST_LOOK_BYTES
    while _marks(STRING.sub(b"0", body[:size])) <= most:
        if size >= len(body):
            return False
        size *= 4
    return True


def decode(form: Any, depth: int = 0) -> JSON:
    """An answer as plain JSON data.

    Integers beyond 2**53 become themselves as long as Python prints them; every other tagged
    form stays as it is.

    Raises:
        Violation: If it is no form that `jail.values.encode` gives.
    """
    kind, plain = type(form), cast(JSON, form)
    if form is None or kind is bool:
        return plain
    if kind is float:
        if not math.isfinite(form):
            raise Violation("a float is not finite and not tagged")
        return plain
    if kind is int:
        if not -EXACT_INT <= form <= EXACT_INT:
            raise Violation("an integer beyond 2**53 is not tagged")
        return plain
    if kind is str:
        return _text(form)
    if depth > DEEPEST:
        raise Violation("an answer is nested too deeply")
    if kind is list:
        if _simple(form):
            return plain
        return [decode(one, depth + 1) if one else one for one in form]  # empty: its own form
    if any(key[:1] == "$" for key in form):
        return _tagged(form, depth)
    return {_text(key): decode(value, depth + 1) for key, value in form.items()}


def _simple(items: list[Any]) -> bool:
    kinds = set(map(type, items))
    if kinds == {int}:
        return bool(min(items) >= -EXACT_INT and max(items) <= EXACT_INT)
    if kinds == {str}:
        return all(map(str.isascii, items))
    return kinds <= {bool}


def _text(text: str) -> str:
    if not is_unicode(text):
        raise Violation("a text has a lone surrogate")
    return text


def _tagged(form: dict[str, Any], depth: int) -> JSON:
    if len(form) != 1:
        raise Violation("a tag is not alone in its object")
    ((tag, value),) = form.items()
    reader = TAGS.get(tag)
    if reader is None:
        raise Violation(f"unknown tag {tag[:40]!r}")
    return reader(tag, value, depth)


def _int(tag: str, value: Any, _depth: int) -> JSON:
    if type(value) is not str or not HEXADECIMAL.fullmatch(value):
        raise Violation("an integer is not hexadecimal")
    if len(value) > DIGITS_SHOWN * 5 // 6:
        return {tag: value}
    return int(value, 16)


def _float(tag: str, value: Any, _depth: int) -> JSON:
    if value not in FLOATS:
        raise Violation("a tagged float is neither nan nor inf")
    return {tag: value}


def _string(tag: str, value: Any, _depth: int) -> JSON:
    if type(value) is not str or not value.isascii():
        raise Violation(f"{tag} holds no ASCII text")
    return {tag: value}


def _items(tag: str, value: Any, depth: int) -> JSON:
    if type(value) is not list:
        raise Violation(f"{tag} holds no list")
    return {tag: decode(value, depth + 1)}


def _pairs(tag: str, value: Any, depth: int) -> JSON:
    if type(value) is not list or any(type(one) is not list or len(one) != 2 for one in value):
        raise Violation(f"{tag} holds no pairs")
    return {tag: decode(value, depth + 1)}


TAGS: dict[str, Callable[[str, Any, int], JSON]] = {
    "$int": _int,
    "$float": _float,
    "$text": _string,
    "$bytes": _string,
    "$set": _items,
    "$deque": _items,
    "$dict": _pairs,
}
