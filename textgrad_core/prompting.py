"""Prompts are text files; fields go in by one pass, so braces and dollars in values are safe."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent / "prompts"


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.txt").read_text(encoding="utf-8").strip("\n"))


def render(name: str, **fields: str) -> str:
    """Fill the prompt ``prompts/NAME.txt``; a field that is missing raises KeyError."""
    return _template(name).substitute(fields)
