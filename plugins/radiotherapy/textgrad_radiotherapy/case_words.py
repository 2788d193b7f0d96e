"""What ``case.json`` of a case folder has to hold, checked before a case is made from it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from textgrad_radiotherapy.case import StructureKind
from textgrad_radiotherapy.errors import CaseError

Check = Callable[[Any, str], None]
COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
SHOWN = 60  # characters of a value in a message


def check_words(words: Any, where: str) -> None:
    """Refuse words of a case that are missing, unknown or of another type than they are saved as.

    Args:
        words: What the file holds.
        where: The file, for the message.

    Raises:
        CaseError: Naming the file, the field, what it is and what it has to be.
    """
    _object(_FIELDS, others=True)(words, where)
    names = [structure["name"] for structure in words["structures"]]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CaseError(f"{where}: two structures are named {twice!r}; rename one")


def _refuse(value: Any, where: str, needed: str) -> CaseError:
    text = json.dumps(value, default=str)
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return CaseError(
        f"{where} is {shown}; it has to be {needed}: put it back as it was, or save the case again"
    )


def _text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise _refuse(value, where, "a text")


def _number(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise _refuse(value, where, "a finite number")


def _positive(value: Any, where: str) -> None:
    _number(value, where)
    if value <= 0:
        raise _refuse(value, where, "a number above 0")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number above the largest float
        return False


def _whole(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**9:
        raise _refuse(value, where, "a whole number from 1 to 10^9")


def _fractions(value: Any, where: str) -> None:
    if value is not None:
        _whole(int(value) if isinstance(value, float) and value.is_integer() else value, where)


def _kind(value: Any, where: str) -> None:
    if value not in get_args(StructureKind):
        raise _refuse(value, where, f"one of {', '.join(get_args(StructureKind))}")


def _colour(value: Any, where: str) -> None:
    if not isinstance(value, str) or not COLOUR.fullmatch(value):
        raise _refuse(value, where, "a colour such as #1f77b4")


def _three(check: Check) -> Check:
    def checked(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) != 3:
            raise _refuse(value, where, "a list of three numbers")
        for index, part in enumerate(value):
            check(part, f"{where}[{index}]")

    return checked


def _list(check: Check) -> Check:
    def checked(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise _refuse(value, where, "a list")
        for index, part in enumerate(value):
            check(part, f"{where}[{index}]")

    return checked


def _by_name(check: Check) -> Check:
    def checked(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _refuse(value, where, "an object with names")
        for name, part in value.items():
            check(part, f"{where} of {name}")

    return checked


def _object(
    needed: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    *,
    others: bool = False,
) -> Check:
    """An object with the needed fields and perhaps the optional ones; `others` are let pass."""
    fields = {**needed, **(optional or {})}

    def checked(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _refuse(value, where, f"an object with {', '.join(needed)}")
        for name, check in fields.items():
            if name in value:
                check(value[name], f"{where}: {name}")
            elif name in needed:
                raise CaseError(f"{where} lacks {name}: put it back, or save the case again")
        unknown = next((name for name in value if name not in fields), None)
        if unknown is not None and not others:
            raise CaseError(
                f"{where} has an unknown field {unknown!r}; known are {', '.join(fields)}"
            )

    return checked


_FIELDS: dict[str, Check] = {
    "format": _text,
    "name": _text,
    "title": _text,
    "source": _text,
    "notes": _list(_text),
    "meta": _by_name(_text),
    "grid": _object(
        {"origin_mm": _three(_number), "spacing_mm": _three(_positive), "shape": _three(_whole)}
    ),
    "beams": _list(
        _object(
            {"gantry_deg": _number, "isocentre_mm": _three(_number)},
            {"couch_deg": _number, "sad_mm": _number, "bixel_mm": _number},
        )
    ),
    "prescription_gy": _by_name(_number),
    "fractions": _fractions,
    "engine": _text,
    "structures": _list(_object({"name": _text, "kind": _kind}, {"colour": _colour})),
}
