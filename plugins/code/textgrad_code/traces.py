"""What a traced program says about the lines it ran, read defensively."""

from __future__ import annotations

from textgrad_code.replies import Ended, Reply
from textgrad_code.verdict import TestTrace, Verdict


def _is_count(value: object) -> bool:
    """Whether it may be a line or how often one ran: nothing that sums beyond what is printed."""
    return type(value) is int and 0 < value < 1 << 53


def test_trace(
    index: int, verdict: Verdict, told: Reply | Ended | None, most_lines: int
) -> TestTrace:
    """The trace in a reply, as far as the program has such lines; empty if it is no trace."""
    sent = told.frame.get("trace") if isinstance(told, Reply) else None
    lines: dict[int, int] = {}
    pairs = sent.get("lines") if isinstance(sent, dict) else None
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and all(map(_is_count, pair)):
            line, count = pair
            if line <= most_lines:
                lines[line] = count
    return TestTrace(index=index, verdict=verdict, lines=lines, steps=sum(lines.values()))
