"""What a variable may hold, and how it is shown in a prompt and stored. Pure.

Text, numbers, JSON data, the bytes of an image, or any object of the program's own. A scalar of
an array library becomes the plain number it stands for.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON, canonical_json

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
# how state is stored that JSON cannot hold as it is
_BYTES, _URL, _VALUE = "$bytes", "$image_url", "$value"
_MARKS = frozenset({_BYTES, _URL, _VALUE})


class ImageURL(str):
    """The address of an image; the model's server fetches it, this package never does.

    An engine of a user's own gets it among the parts of a prompt, where
    ``isinstance(part, ImageURL)`` tells it from text.
    """

    __slots__ = ()


def is_address(path: str) -> bool:
    """Whether an image path is a web address."""
    return path.lower().startswith(("http://", "https://"))


def is_image(value: object) -> bool:
    """Whether a value goes to a model as an image."""
    return isinstance(value, bytes | ImageURL)


def media_type(data: bytes) -> str:
    """What kind of image these bytes are, by how they begin.

    Raises:
        UsageError: If they are none that chat models read.
    """
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise UsageError(
        f"{len(data)} bytes starting {data[:8]!r} are no PNG, JPEG, GIF or WebP image: "
        "give an image, or text as str"
    )


def plain(value: Any) -> Any:
    """The value itself; for a scalar of an array library the number it stands for."""
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        return value.item()
    return value


def text_of(value: object) -> str:
    """A value as a prompt shows it: JSON data as JSON, an image as a note that it is one."""
    match value:
        case ImageURL():
            return f"[image at {str.__str__(value)}]"
        case str():
            return value
        case bytes():
            return f"[image of {len(value)} bytes]"
        case dict() | list() | tuple():
            try:
                return json.dumps(value, ensure_ascii=False)
            except (TypeError, ValueError):
                return str(value)
    return str(value)


def to_json(value: object) -> JSON:
    """A value as JSON data that `from_json` turns back into it.

    Raises:
        UsageError: If it is neither JSON data, bytes nor an `ImageURL`.
    """
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    if isinstance(value, ImageURL):
        return {_URL: str.__str__(value)}
    if isinstance(value, dict) and not _MARKS.isdisjoint(value):
        return {_VALUE: value}
    given: Any = value
    try:
        canonical_json(given)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"a {type(value).__name__} cannot be stored: {error}; hold text, JSON data or bytes"
        ) from error
    stored: JSON = json.loads(json.dumps(given, ensure_ascii=False))
    return stored


def from_json(stored: JSON) -> Any:
    """The inverse of `to_json`."""
    if isinstance(stored, Mapping) and set(stored) == {_BYTES}:
        try:
            return base64.b64decode(str(stored[_BYTES]), validate=True)
        except binascii.Error as error:
            raise UsageError(f"stored bytes are damaged: {error}") from error
    if isinstance(stored, Mapping) and set(stored) == {_URL}:
        return ImageURL(stored[_URL])
    if isinstance(stored, Mapping) and set(stored) == {_VALUE}:
        return stored[_VALUE]
    return stored


def ends_of(text: str, words: int) -> str:
    """The first and the last words of a text, with a mark for what stands between them."""
    found = list(re.finditer(r"\S+", text))
    if len(found) <= 2 * words or words < 1:
        return text
    return f"{text[: found[words - 1].end()]} (...) {text[found[-words].start() :]}"
