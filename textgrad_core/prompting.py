"""Prompts are text files; fields go in by one pass, so braces and dollars in values are safe."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "prompts"
_FIELD = re.compile(r"\$\{?([a-z_]+)\}?")


@cache
def _pieces(name: str) -> tuple[tuple[str, str], ...]:
    """A prompt as pairs of fixed text and the field after it; the last one has no field."""
    text = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").strip("\n")
    pieces, start = [], 0
    for found in _FIELD.finditer(text):
        pieces.append((text[start : found.start()], found[1]))
        start = found.end()
    return (*pieces, (text[start:], ""))


def render(name: str, **fields: str) -> str:
    """Fill the prompt ``prompts/NAME.txt``; a field that is missing raises KeyError."""
    return "".join(f"{text}{fields[field]}" if field else text for text, field in _pieces(name))
