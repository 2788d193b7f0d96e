"""From a text that does not compile to programs that do, by few small changes."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from textgrad_code.repair.edits import Edited
from textgrad_code.repair.source import BYTE_ORDER_MARK, UNREADABLE, check_syntax
from textgrad_code.repair.syntax_fixes import fixes

MOST_CHANGES = 4
MOST_TEXTS = 400  # texts looked at: some 0.1 ms each
NEXT_CHANGE = 0.9  # factor for each further change


def syntax_repairs(text: str) -> Iterator[Edited]:
    """Programs near a text that is none, the most likely first; nothing if it compiles.

    A change counts for more the further down it moves the first error.
    """
    first = syntax_error(text)
    if first is None:
        return
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    seen = {text}
    queue: list[tuple[float, int, str, tuple[str, ...], float]] = [(-1.0, 0, text, (), 1.0)]
    order = 0
    looked = 0
    while queue and looked < MOST_TEXTS:
        _, _, current, words, prior = heapq.heappop(queue)
        error = syntax_error(current)
        if error is None:
            yield Edited(
                program=mark + current, words="; ".join(words), score=prior, operators=("syntax",)
            )
            continue
        if len(words) >= MOST_CHANGES:
            continue
        message, line = error
        for fix in fixes(current, message, line):
            looked += 1
            if fix.text in seen:
                continue
            seen.add(fix.text)
            value = prior * fix.prior * (NEXT_CHANGE if words else 1.0)
            order += 1
            promise = value * _progress(fix.text, line)
            heapq.heappush(queue, (-promise, order, fix.text, (*words, fix.words), value))


def syntax_error(text: str) -> tuple[str, int | None] | None:
    """Message and line of the first error; None if the text compiles."""
    try:
        check_syntax(text)
    except SyntaxError as error:
        return error.msg or "", error.lineno
    except UNREADABLE as error:
        return str(error), None
    return None


def _progress(text: str, line: int | None) -> float:
    """1 for a program, less for a text whose first error is no further down than before."""
    error = syntax_error(text)
    if error is None:
        return 1.0
    _, now = error
    return 0.7 if now is not None and line is not None and now > line else 0.3
