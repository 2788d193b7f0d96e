"""What stands in the box of a variable. Pure."""

from __future__ import annotations

import textwrap
from typing import Literal, NamedTuple
from unicodedata import combining, east_asian_width

from textgrad_core.report.text import number
from textgrad_core.view.glance import Glance

COLUMNS = 30  # of a box, in characters of a fixed width
VALUE_LINES = 2
FEEDBACK_LINES = 3


Look = Literal["", "role", "small"]


class Line(NamedTuple):
    """One line of a box, at most `COLUMNS` wide."""

    text: str
    look: Look = ""


def box_lines(node: Glance, *, show_feedback: bool = False) -> list[Line]:
    """Role, value, and what it is."""
    heard = feedback_lines(node) if show_feedback else ()
    return [
        Line(fitted(" ".join(node.role.split())), "role"),
        *(Line(text) for text in value_lines(node)),
        Line(fitted(summary(node)), "small"),
        *(Line(text, "small") for text in heard),
    ]


def value_lines(node: Glance) -> list[str]:
    """The beginning of the value."""
    if node.state == "under way":
        return ["(under way)"]
    words = " ".join(node.value.split())
    if not words:
        return ["(empty)"]
    lines = textwrap.wrap(words, COLUMNS) or [words]
    kept = lines[:VALUE_LINES]
    if len(lines) > VALUE_LINES:
        kept[-1] = f"{kept[-1]} …" if columns(kept[-1]) <= COLUMNS - 2 else f"{kept[-1][:-1]}…"
    return [fitted(line) for line in kept]


def summary(node: Glance) -> str:
    """Kind, score and how much feedback, in one line."""
    parts = [node.kind if node.state != "failed" else f"{node.kind} failed"]
    if node.score is not None:
        parts.append(number(node.score, 3))
    if node.feedback:
        parts.append(f"feedback: {len(node.feedback)}")
    return " · ".join(parts)


def feedback_lines(node: Glance) -> list[str]:
    """The beginnings of the first feedbacks."""
    lines = [fitted(f"← {' '.join(text.split())}") for text in node.feedback[:FEEDBACK_LINES]]
    more = len(node.feedback) - FEEDBACK_LINES
    return [*lines, f"← {more:,} more"] if more > 0 else lines


def fill_of(node: Glance) -> str:
    """The colour of the box."""
    if node.state == "failed":
        return "#fdecea"
    if node.operation:
        return "#ffffff"
    return "#e3f0fb" if node.requires_grad else "#eeeeee"


def columns(text: str) -> int:
    """How wide a text is, in characters of a fixed width."""
    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def fitted(text: str) -> str:
    """The text, cut to the width of a box."""
    if columns(text) <= COLUMNS:
        return text
    kept, width = [], 0
    for character in text:
        width += columns(character)
        if width > COLUMNS - 1:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"
