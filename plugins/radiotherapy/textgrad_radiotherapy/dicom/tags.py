"""Attributes of a DICOM dataset, by keyword; what is missing or no number is named."""

from __future__ import annotations

import math
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from textgrad_radiotherapy.errors import CaseError


def tag_name(keyword: str) -> str:
    """Keyword and number of an attribute, such as ``Rows (0028,0010)``."""
    number = tag_for_keyword(keyword)
    return keyword if number is None else f"{keyword} {Tag(number)}"


def required(dataset: Dataset, keyword: str, where: str) -> Any:
    """The value of an attribute that has to be there.

    Args:
        dataset: Dataset or sequence item.
        keyword: DICOM keyword.
        where: File and item, for the message.

    Raises:
        CaseError: If the attribute is missing or empty; it is named by keyword and number.
    """
    value = getattr(dataset, keyword, None)
    if value is None or (hasattr(value, "__len__") and len(value) == 0):
        raise CaseError(f"{where} has no {tag_name(keyword)}: export it again with that attribute")
    return value


def number(dataset: Dataset, keyword: str, where: str) -> float:
    """A finite number that has to be there.

    Raises:
        CaseError: If it is missing, no number, or not finite.
    """
    return numbers(dataset, keyword, where, 1)[0]


def numbers(dataset: Dataset, keyword: str, where: str, count: int) -> tuple[float, ...]:
    """Finite numbers that have to be there.

    Raises:
        CaseError: If they are missing, not ``count`` many, no numbers, or not finite.
    """
    value = required(dataset, keyword, where)
    listed = [value] if isinstance(value, str | int | float) else list(value)
    try:
        found = tuple(float(v) for v in listed)
    except (TypeError, ValueError):
        found = ()
    if len(found) != count or not all(map(math.isfinite, found)):
        shown = repr([str(v) for v in listed[:8]])
        raise CaseError(
            f"{where}: {tag_name(keyword)} is {shown}, {count} finite number(s) needed"
        )
    return found


def text(dataset: Dataset, keyword: str) -> str:
    """An attribute as text; empty where it is missing."""
    value = getattr(dataset, keyword, None)
    return "" if value is None else str(value).strip()
