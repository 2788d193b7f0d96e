"""Programs out of the Markdown that models write around them."""

from __future__ import annotations

import re

from textgrad_core.answer_forms import fenced_blocks

MARK = re.compile(r"^[ \t]*(?:`{3,}|~{3,})(?P<info>[^`\n]*)$", re.MULTILINE)
_FENCE = re.compile(
    r"\A\s*(?P<mark>`{3,}|~{3,})[^\n`]*\n(?P<body>.*?)\n?(?P=mark)\s*\Z", re.DOTALL
)


def without_fence(answer: str) -> str:
    """A text out of the Markdown fence that it stands in, if it does."""
    fence = _FENCE.match(answer)
    return fence["body"] if fence else answer


def fenced_program(answer: str) -> str | None:
    """The program in a text that is no program, if it is clear which part that is.

    It is what stands in the only fence. A mark without its other half closes the fence if text
    stands before it and no language is named at it; otherwise it opens one that was cut off.
    """
    marks = list(MARK.finditer(answer))
    if len(marks) == 1:
        (mark,) = marks
        before, after = answer[: mark.start()], answer[mark.end() :].removeprefix("\n")
        return before if before.strip() and not mark["info"].strip() else after
    blocks = fenced_blocks(answer)
    return blocks[0] if len(marks) == 2 and len(blocks) == 1 else None
