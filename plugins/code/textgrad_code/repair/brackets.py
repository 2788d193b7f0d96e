"""Brackets and quotes of a text that need not be a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CLOSERS = {"(": ")", "[": "]", "{": "}"}
QUOTES = ("'", '"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Brackets:
    """What does not pair.

    Args:
        open: Offsets of brackets that nothing closes, outermost first.
        extra: Offsets of closing brackets that nothing opened.
        crossed: (opening, closing) offsets of different kinds that stand as a pair.
        quote: Offset of a quote that ends on no line; None if all do.
    """

    open: tuple[int, ...]
    extra: tuple[int, ...]
    crossed: tuple[tuple[int, int], ...]
    quote: int | None


def unpaired(text: str) -> Brackets:
    """Brackets and quotes of a text that do not pair, strings and comments passed over."""
    stack: list[int] = []
    extra: list[int] = []
    crossed: list[tuple[int, int]] = []
    quote = None
    for offset, sign in code_signs(text):
        if sign in QUOTES:
            quote = offset if quote is None else quote
        elif sign in CLOSERS:
            stack.append(offset)
        elif not stack:
            extra.append(offset)
        else:
            opening = stack.pop()
            if CLOSERS[text[opening]] != sign:
                crossed.append((opening, offset))
    return Brackets(open=tuple(stack), extra=tuple(extra), crossed=tuple(crossed), quote=quote)


def code_signs(text: str) -> Iterator[tuple[int, str]]:
    """Brackets in code, and quotes of strings that do not end: (offset, sign)."""
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "#":
            at = line_end(text, at)
        elif sign in QUOTES:
            end = string_end(text, at)
            if end is None:
                yield at, sign
                end = line_end(text, at)
            at = end
        else:
            if sign in "()[]{}":
                yield at, sign
            at += 1


def string_end(text: str, start: int) -> int | None:
    """Offset behind the string that starts at a quote; None if it does not end."""
    mark = text[start]
    triple = text[start : start + 3] == mark * 3
    closing = mark * 3 if triple else mark
    at = start + len(closing)
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(closing, at):
            return at + len(closing)
        elif text[at] in "\r\n" and not triple:
            return None
        else:
            at += 1
    return None


def line_end(text: str, start: int) -> int:
    """Offset of the line end at or behind an offset."""
    found = [at for at in (text.find("\n", start), text.find("\r", start)) if at >= 0]
    return min(found, default=len(text))


def code_end(text: str, start: int) -> int:
    """Offset behind the last code on the line that holds an offset: its comment left out."""
    at = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    end = line_end(text, start)
    last = at
    while at < end:
        if text[at] == "#":
            break
        if text[at] in QUOTES:
            at = min(string_end(text, at) or end, end)
            last = at
            continue
        at += 1
        last = last if text[at - 1].isspace() else at
    return last
