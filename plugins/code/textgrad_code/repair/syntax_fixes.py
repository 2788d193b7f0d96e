"""Small changes that may turn a text into a program, one syntax error at a time."""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from textgrad_code.repair.brackets import CLOSERS, code_end, unpaired

HEADER = re.compile(
    r"\s*(?:async\s+)?(?:if|elif|else|for|while|def|class|try|except|finally|with|match|case)\b"
)
FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[^\n]*\n(.*?)^[ \t]*(?:`{3,}|~{3,})", re.M | re.S)
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
GAP = re.compile(r"(?<=[\w)\]}'\"])(\s+)(?=[\w(\[{'\"])")
STARTS = ("import ", "from ", "class ", "def ", "@")
OTHER_SIGNS = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-"}
    | {"\u2212": "-", "\uff08": "(", "\uff09": ")", "\uff1a": ":", "\uff0c": ",", "\u00a0": " "}
    | {"\ufeff": None, "\u200b": None, "\x00": None}
)
FOREIGN = (
    (re.compile(r"\belse\s+if\b"), "elif"),
    (re.compile(r"\b(?:elseif|elsif)\b"), "elif"),
    (re.compile(r"\s*&&\s*"), " and "),
    (re.compile(r"\s*\|\|\s*"), " or "),
    (re.compile(r"!(?!=)\s*(?=[\w(])"), "not "),
    (re.compile(r"([\w\])])\+\+"), r"\1 += 1"),
    (re.compile(r"([\w\])])--"), r"\1 -= 1"),
    (re.compile(r"==="), "=="),
    (re.compile(r"!=="), "!="),
    (re.compile(r"<>"), "!="),
    (re.compile(r"=<"), "<="),
    (re.compile(r"=>"), ">="),
    (re.compile(r"\bprint\s+(?!\()(.+)"), r"print(\1)"),
    (re.compile(r"\b(?:var|let|const)\s+"), ""),
)
UNIT = "    "


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A changed text.

    Args:
        text: The whole new text.
        words: What was changed.
        prior: How likely that is right, 0 to 1.
    """

    text: str
    words: str
    prior: float


def fixes(text: str, message: str, line: int | None) -> Iterator[Fix]:
    """Changes near an error.

    Args:
        text: What does not compile.
        message: What the compiler said.
        line: Where, from 1; None if it did not say.
    """
    yield from whole_text(text)
    lines = LINE.findall(text)[:-1]
    at = min(max((line or 1) - 1, 0), len(lines) - 1)
    before = next((i for i in range(at - 1, -1, -1) if lines[i].strip()), None)
    near = [i for i in (at, before) if i is not None]
    yield from bracket_fixes(text)
    for index in near:
        for new, words, prior in line_fixes(lines[index], message):
            yield _with(lines, {index: new}, f"line {index + 1}: {words}", prior)
    yield from indentation_fixes(lines, at, before, message)
    blank = _indent(lines[at]) + "pass" + _ending(lines[at])
    yield _with(lines, {at: blank}, f"line {at + 1} is left out", 0.1)


def whole_text(text: str) -> Iterator[Fix]:
    """Fences, talk around the program, typographic signs, tabs among spaces."""
    blocks = FENCE.findall(text)
    for block in sorted(blocks, key=len, reverse=True)[:2]:
        yield Fix(text=block, words="only the fenced program is kept", prior=1.0)
    plain = text.translate(OTHER_SIGNS)
    if plain != text:
        yield Fix(text=plain, words="typographic signs become plain ones", prior=1.0)
    lines = LINE.findall(text)[:-1]
    first = next((i for i, line in enumerate(lines) if line.startswith(STARTS)), 0)
    if first and not lines[0].startswith("#"):
        kept = "".join(lines[first:])
        yield Fix(text=kept, words=f"{first} lines before the program are left out", prior=0.5)
    if any("\t" in _indent(line) for line in lines):
        for width in (4, 8):
            spaced = [
                _indent(line).expandtabs(width) + line.removeprefix(_indent(line))
                for line in lines
            ]
            if spaced != lines:
                words = f"tabs become {width} spaces"
                yield Fix(text="".join(spaced), words=words, prior=0.5)


def bracket_fixes(text: str) -> Iterator[Fix]:
    """A closing bracket or quote added, dropped or made the right kind."""
    found = unpaired(text)
    for opening, closing in found.crossed[:2]:
        sign = CLOSERS[text[opening]]
        swapped = text[:closing] + sign + text[closing + 1 :]
        yield Fix(text=swapped, words=f"{text[closing]} becomes {sign}", prior=0.8)
        yield Fix(text=text[:closing] + sign + text[closing:], words=f"{sign} is added", prior=0.8)
    for offset in found.extra[:2]:
        words = f"the extra {text[offset]} is dropped"
        yield Fix(text=text[:offset] + text[offset + 1 :], words=words, prior=0.8)
    for opening in found.open[::-1][:2] + tuple(o for o, _ in found.crossed[:2]):
        sign = CLOSERS[text[opening]]
        for end, prior in _closing_places(text, opening):
            yield Fix(text=text[:end] + sign + text[end:], words=f"{sign} is added", prior=prior)
    if found.quote is not None:
        mark = text[found.quote]
        for end, prior in _closing_places(text, found.quote):
            yield Fix(text=text[:end] + mark + text[end:], words=f"{mark} is added", prior=prior)


def _closing_places(text: str, opening: int) -> Iterator[tuple[int, float]]:
    """Where something opened on a line may be closed: before a colon, at the end, further in."""
    start = max(text.rfind("\n", 0, opening), text.rfind("\r", 0, opening)) + 1
    end = code_end(text, opening)
    if text[start:end].endswith(":") and HEADER.match(text[start:end]):
        yield end - 1, 0.95
    yield end, 0.9
    for at in range(end - 1, opening, -1):
        if text[at] in ")]},:":
            yield at, 0.5


def line_fixes(line: str, message: str) -> Iterator[tuple[str, str, float]]:
    """(new line, words, prior) for one line."""
    end = code_end(line, 0)
    code, rest = line[:end], line[end:]
    if HEADER.match(code) and not code.endswith(":"):
        yield code + ":" + rest, "a colon is added", 1.0 if "':'" in message else 0.6
    if code.endswith((":", ";")) and not HEADER.match(code):
        yield code[:-1] + rest, f"{code[-1]} is dropped", 0.4
    for pattern, new in FOREIGN:
        if pattern.search(code):
            changed = pattern.sub(new, code)
            old = pattern.search(code)
            yield changed + rest, f"{old[0].strip() if old else ''} becomes Python", 0.9
    if re.match(r"\s*(?:if|elif|while)\b", code):
        changed = re.sub(r"(?<![=!<>:+\-*/%&|^])=(?!=)", "==", code)
        if changed != code:
            yield changed + rest, "= becomes ==", 0.9
    for word in re.findall(r"[A-Za-z]+", code)[:6]:
        if keyword.iskeyword(word):
            continue
        for right in difflib.get_close_matches(word, keyword.kwlist, 1, 0.7):
            changed = re.sub(rf"\b{word}\b", right, code, count=1)
            yield changed + rest, f"{word} becomes {right}", 0.5
    for gap in list(GAP.finditer(code))[:8]:
        prior = 0.5 if "comma" in message else 0.15
        yield code[: gap.start()] + "," + code[gap.start() :] + rest, "a comma is added", prior


def indentation_fixes(
    lines: list[str], at: int, before: int | None, message: str
) -> Iterator[Fix]:
    """Lines moved to another level; an empty block filled."""
    if not lines:
        return
    own = _indent(lines[at])
    last = _block_end(lines, at, own)
    block = range(at, last)
    previous = _indent(lines[before]) if before is not None else ""
    wanted = [previous + UNIT, previous] if "expected an indented" in message else [previous]
    levels = dict.fromkeys(_indent(line) for line in lines[:at] if line.strip())
    nearest = sorted(levels, key=lambda level: abs(len(level) - len(own)))
    prior = 0.9 if "indent" in message else 0.25
    if "outside" in message:
        wanted, prior = [own + UNIT, previous], 0.8
    for nth, level in enumerate(dict.fromkeys([*wanted, *nearest[:4]])):
        if level == own:
            continue
        whole = {i: level + lines[i].removeprefix(own) for i in block if lines[i].strip()}
        share = prior * 0.9**nth
        words = f"line {at + 1} is indented by {len(level)}"
        yield _with(lines, {at: whole[at]} if at in whole else {}, words, share)
        if len(whole) > 1:
            words = f"lines {at + 1} to {last} are indented by {len(level)}"
            yield _with(lines, whole, words, share * 0.95)
    if "expected an indented" in message and before is not None:
        filled = lines[before] + previous + UNIT + "pass" + (_ending(lines[before]) or "\n")
        yield _with(lines, {before: filled}, f"pass is added after line {before + 1}", 0.5)


def _block_end(lines: list[str], at: int, indent: str) -> int:
    """Index behind the lines from ``at`` on that are indented at least as far."""
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]).startswith(indent)):
        end += 1
    while end > at + 1 and not lines[end - 1].strip():
        end -= 1
    return end if indent else at + 1


def _with(lines: list[str], new: dict[int, str], words: str, prior: float) -> Fix:
    text = "".join(new.get(i, line) for i, line in enumerate(lines))
    return Fix(text=text, words=words, prior=prior)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _ending(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]
