"""Texts that a judged program wrote: capped, and without anything a terminal would obey."""

from __future__ import annotations

import re
import unicodedata

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
KEPT = "\n\t"
REMOVED = (
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
)  # controls, invisible, directional, unassigned


def clean(text: str, most: int) -> str:
    """The text without control codes, invisible and directional characters, cut in the middle.

    Args:
        text: Anything.
        most: How many characters may remain.
    """
    if len(text) > 4 * most + 64:  # no work on what is cut anyway
        text = text[: 2 * most] + text[-2 * most :]
        return shortened(_visible(text), most)
    return shortened(_visible(text), most)


def shortened(text: str, most: int) -> str:
    """At most so many characters: the beginning and the end of a longer text."""
    if len(text) <= most:
        return text
    mark = f" ...({len(text)} characters)... "
    kept = max(most - len(mark), 0)
    head = kept - kept // 3
    return (text[:head] + mark + text[len(text) - kept // 3 :])[:most]


def _visible(text: str) -> str:
    text = ANSI.sub("", text).replace("\r\n", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(one for one in text if one in KEPT or unicodedata.category(one) not in REMOVED)
