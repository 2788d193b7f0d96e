"""A program as a reviewer looks at it: a tile per test, and its lines tinted by suspicion."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from textgrad_code.jail.failures import source_lines
from textgrad_code.verdict import WORDS, Verdict
from textgrad_core.jsondata import JSON
from textgrad_core.report.text import visible

LINES = 60
COLUMNS = 88
_CHAR, _LINE, _TOP, _GUTTER, _PAD = 7.3, 17, 44, 44, 10
_PASS, _FAIL = "#2e7d32", "#c62828"


def program_svg(program: str, data: Mapping[str, JSON]) -> str:
    """An SVG of a program and its verdicts; as little of each as fits.

    Args:
        program: Its text.
        data: From `textgrad_code.evidence.evidence` or `summary`.
    """
    source = [visible(line.expandtabs(4)) for line in source_lines(program)]
    shown = source[:LINES]
    longest = min(COLUMNS, max((len(line) for line in shown), default=0))
    width = max(420.0, _GUTTER + 2 * _PAD + _CHAR * longest)
    height = _TOP + _LINE * (len(shown) + (len(source) > LINES)) + _PAD
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'width="{width:.0f}" height="{height}" role="img" font-family="monospace" '
        'font-size="12"><title>' + escape(_title(data)) + "</title>",
        f'<rect width="{width:.0f}" height="{height}" fill="#ffffff"/>',
        *_tiles(data, width),
    ]
    tints = _tints(data)
    for number, line in enumerate(shown, 1):
        y = _TOP + _LINE * (number - 1)
        if number in tints:
            parts.append(
                f'<rect x="{_GUTTER}" y="{y}" width="{width - _GUTTER - _PAD:.0f}" '
                f'height="{_LINE}" fill="{_FAIL}" fill-opacity="{0.3 * tints[number]:.2f}"/>'
            )
        parts.append(
            f'<text x="{_GUTTER - 8}" y="{y + 13}" text-anchor="end" fill="#78909c">'
            f"{number}</text>"
        )
        text = line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"
        parts.append(
            f'<text x="{_GUTTER + 4}" y="{y + 13}" xml:space="preserve" fill="#263238">'
            f"{escape(text)}</text>"
        )
    if len(source) > LINES:
        y = _TOP + _LINE * LINES + 13
        told = f"{len(source) - LINES} more lines"
        parts.append(f'<text x="{_GUTTER + 4}" y="{y}" fill="#78909c">{told}</text>')
    return "\n".join([*parts, "</svg>"])


def _title(data: Mapping[str, JSON]) -> str:
    return (
        f"{data['verdict']}: passes {data['tests_passed']} of {data['tests_count']} "
        f"{data['judged_on']} tests"
    )


def _tiles(data: Mapping[str, JSON], width: float) -> list[str]:
    """The verdict in words, and a tile per test as long as they fit."""
    verdict = Verdict(str(data["verdict"]))
    colour = _PASS if verdict is Verdict.AC else _FAIL
    parts = [
        f'<text x="{_PAD}" y="16" font-weight="bold" fill="{colour}">'
        f"{escape(_title(data))} ({WORDS[verdict]})</text>"
    ]
    found = data.get("tests")
    tests: list[Any] = found if isinstance(found, list) else []
    for index, test in enumerate(tests[: int((width - 2 * _PAD) // 30)]):
        passed = test["verdict"] == Verdict.AC
        x = _PAD + 30 * index
        parts.append(
            f'<rect x="{x}" y="22" width="27" height="16" rx="3" '
            f'fill="{_PASS if passed else _FAIL}"/>'
            f'<text x="{x + 13.5}" y="34" text-anchor="middle" font-size="10" fill="#ffffff">'
            f"{escape(str(test['verdict']))}</text>"
        )
    return parts


def _tints(data: Mapping[str, JSON]) -> dict[int, float]:
    """How suspicious each line is, where that tells lines apart."""
    found = data.get("suspicion")
    ranked: list[Any] = found if isinstance(found, list) else []
    scores = {int(line): float(score) for line, score in ranked}
    return scores if len(set(scores.values())) > 1 else {}
