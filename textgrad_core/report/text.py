"""Words and numbers as a person should see them, whoever wrote them."""

from __future__ import annotations

import math
import re

# Control characters, direction overrides, lone surrogates and non-characters: they break XML,
# or make a line look like what it is not.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\ufffe\uffff]"
)

MISSING = "n/a"


def visible(text: str) -> str:
    """The text with every unprintable or direction-changing character written out."""
    return _UNSEEN.sub(_spelled, text.replace("\r\n", "\n"))


def _spelled(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def clipped(text: str, characters: int) -> str:
    """The text, or its beginning and a note of how much is missing."""
    if len(text) <= characters:
        return text
    return f"{text[:characters]} … ({len(text) - characters:,} more characters)"


def headline(text: str, characters: int) -> str:
    """The first line that says something, at most so long."""
    line = next((part for part in text.splitlines() if part.strip()), "").strip()
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"


def number(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """A number with fixed decimals; very large or small ones with an exponent."""
    if value is None or not math.isfinite(value):
        return MISSING if value is None else str(value)
    sign = "+" if signed else ""
    if abs(value) >= 1e9 or 0 < abs(value) < 0.5 * 10.0**-decimals:
        return f"{value:{sign}.{max(decimals, 2)}e}"
    return f"{value + 0.0:{sign}.{decimals}f}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 0.4 s, 12 s, 4 min 05 s, 2 h 03 min."""
    if not math.isfinite(seconds) or seconds < 0:
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
