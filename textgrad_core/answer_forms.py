"""Forms a model's answer may take besides tags: thinking, JSON, Markdown fences. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

JSON_TRIES = 200
THINKING_MARKS = (
    r"(?P<think_open><\s*think(?:ing)?\s*>)|(?P<think_close><\s*/\s*think(?:ing)?\s*>)"
)
_THINKING = re.compile(THINKING_MARKS, re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")


def without_thinking(text: str, marks: re.Pattern[str]) -> str:
    """The text without thinking, closed or not; what stands between a pair of tags is kept.

    Args:
        text: The answer.
        marks: Finds `THINKING_MARKS`, and the groups ``open`` and ``close`` of a tag.
    """
    found = list(marks.finditer(text))
    kept: list[str] = []
    start, thinking, value_ends = 0, False, -1
    for place, mark in enumerate(found):
        kind = mark.lastgroup
        if mark.start() < value_ends:
            continue
        if thinking:
            if kind == "think_close":
                start, thinking = mark.end(), False
        elif kind == "open":
            value_ends = _pair_end(found, place)
        elif kind == "think_open":
            kept.append(text[start : mark.start()])
            thinking = True
        elif kind == "think_close":  # its opening mark was part of the prompt
            kept.clear()
            start = mark.end()
    if not thinking:
        kept.append(text[start:])
    return "".join(kept)


def said(text: str) -> str:
    """What an answer in plain words says, without thinking and outer blanks."""
    return without_thinking(text, _THINKING).strip()


def json_field(text: str, field: str) -> str | None:
    """The field of the last JSON object that has it, whatever stands around the object."""
    decoder = json.JSONDecoder()
    found: str | None = None
    place = text.find("{")
    for _ in range(JSON_TRIES):
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            held = {key.lower(): item for key, item in value.items()}
            if field.lower() in held:
                found = _as_text(held[field.lower()])
        place = text.find("{", end)
    return found


def fenced_blocks(text: str) -> tuple[str, ...]:
    """The contents of complete Markdown fences, in order."""
    blocks: list[str] = []
    inside: list[str] | None = None
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line.rstrip("\r\n"))
        if inside is None:
            if mark:
                fence, inside = mark["fence"], []
        elif mark and mark["fence"].startswith(fence) and not mark["info"].strip():
            blocks.append("".join(inside))
            inside = None
        else:
            inside.append(line)
    return tuple(blocks)


def _pair_end(marks: Sequence[re.Match[str]], place: int) -> int:
    """Where the pair opened by mark ``place`` ends; -1 if another opens first, or none closes."""
    for later in range(place + 1, len(marks)):
        mark = marks[later]
        if mark.lastgroup == "close":
            return mark.start()
        if mark.lastgroup == "open":
            return -1
    return -1


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
