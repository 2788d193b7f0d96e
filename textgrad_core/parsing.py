"""What a model's answer says: a ladder from the exact form to the merely likely one. Pure.

The form asked for is ``<VALUE-nonce>`` ... ``</VALUE-nonce>``. The nonce is derived from the
request, so nothing inside a value can close it, and the same request has the same nonce. The
rungs, tried in this order after thinking has been removed:

    nonce   the last complete pair of tags with the nonce
    tag     the last complete pair without it, in any case and with blanks, or with a wrong one
    json    the last JSON object that has the field, in a fence or not
    fence   the only fenced block, if the caller allows it
    open    everything after the last opening tag that starts a line or follows a colon,
            unless the answer was cut

Outer line breaks of a value are dropped and nothing else: indentation may carry meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Literal, TypeAlias

from textgrad_core.answer_forms import (
    THINKING_MARKS,
    fenced_blocks,
    json_field,
    without_thinking,
)
from textgrad_core.engine.protocol import FinishReason, Message, Request
from textgrad_core.errors import AnswerError, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.prompting import render

Rung: TypeAlias = Literal["nonce", "tag", "json", "fence", "open"]
Problem: TypeAlias = Literal["absent", "empty", "cut"]

NONCE_CHARS = 8
QUOTED_ANSWER_CHARS = 20_000
_TAGS = ("open", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A value, and the rung of the ladder on which it was found.

    Args:
        value: Its text, without outer line breaks.
        rung: How far from the form asked for the answer was; for the record.
    """

    value: str
    rung: Rung


class AnswerProblem(AnswerError):
    """An answer holds no value; raised by `parse_answer`, and the input of `repair_request`.

    Args:
        reason: What is wrong, in words that a model can act on.
        kind: ``absent``, ``empty``, or ``cut`` if the token limit ended the answer.
    """

    def __init__(self, reason: str, kind: Problem = "absent") -> None:
        """Keep both; the message is the reason."""
        super().__init__(reason)
        self.reason, self.kind = reason, kind

    def __reduce__(self) -> tuple[type[AnswerProblem], tuple[str, Problem]]:
        """Travel between processes with both parts."""
        return type(self), (self.reason, self.kind)


def tag_for(material: str) -> str:
    """The nonce of a request: letters and digits that depend on nothing but its material."""
    return sha256(material.encode("utf-8", "surrogatepass")).hexdigest()[:NONCE_CHARS]


def tags(nonce: str, field: str = "value") -> tuple[str, str]:
    """The opening and the closing tag to ask for."""
    name = f"{field.upper()}-{nonce}" if nonce else field.upper()
    return f"<{name}>", f"</{name}>"


def wrap(value: str, nonce: str, field: str = "value") -> str:
    """A value between its tags, each on its own line, as an answer should hold it.

    `parse_answer` reads the value back exactly, except for outer line breaks.

    Raises:
        UsageError: If the value holds the very tags; choose another nonce.
    """
    opening, closing = tags(nonce, field)
    if nonce and any(m.lastgroup in _TAGS for m in _pattern(field, nonce).finditer(value)):
        raise UsageError(f"the value holds the tag {opening} itself: use another nonce")
    return f"{opening}\n{value}\n{closing}"


def parse_answer(
    text: str,
    field: str = "value",
    nonce: str = "",
    finish_reason: FinishReason = "stop",
    fenced_ok: bool = False,
    own_tags: tuple[str, str] | None = None,
) -> Parsed:
    """Find the value in an answer.

    Args:
        text: What the model wrote.
        field: Name of the tag, and of the JSON field.
        nonce: The nonce that was asked for; empty if none was.
        finish_reason: ``"length"`` if the answer was cut.
        fenced_ok: Whether a lone fenced block is an answer, as for programs.
        own_tags: A pair that was asked for in place of the field's own.

    Raises:
        AnswerProblem: If there is none, it is empty, or it was cut.
    """
    patterns: list[tuple[Rung, re.Pattern[str]]] = [("tag", _pattern(field, None))]
    if own_tags is not None:
        patterns = [("tag", _literal(*own_tags))]
    elif nonce:
        patterns.insert(0, ("nonce", _pattern(field, nonce)))
    bare = text
    for rung, pattern in patterns:
        bare = without_thinking(text, pattern)
        found = _last_pair(bare, pattern, cut=finish_reason == "length")
        if found is not None:
            return _parsed(found, rung)
    found = json_field(bare, field)
    if found is not None:
        return _parsed(found, "json")
    if fenced_ok:
        blocks = fenced_blocks(bare)
        if len(blocks) == 1:
            return _parsed(blocks[0], "fence")
    opening, _ = own_tags or tags(nonce, field)
    return _from_open_tag(text, bare, patterns, opening, finish_reason)


def all_or_nothing(answers: Sequence[Parsed | AnswerProblem]) -> tuple[Parsed, ...]:
    """The values of answers that belong together, so that no half of them is ever used.

    Raises:
        AnswerProblem: If any of them has none; it names each of those, counted from 1.
    """
    problems = [(i, a) for i, a in enumerate(answers, 1) if isinstance(a, AnswerProblem)]
    if problems:
        listed = "; ".join(f"answer {i}: {problem.reason}" for i, problem in problems)
        raise AnswerProblem(listed, problems[0][1].kind)
    return tuple(a for a in answers if isinstance(a, Parsed))


def repair_request(
    bad_answer: str,
    problem: AnswerProblem,
    instructions: str,
    *,
    params: Mapping[str, JSON] | None = None,
    limit_chars: int = QUOTED_ANSWER_CHARS,
) -> Request:
    """The one call that asks for an answer again in the right form.

    Args:
        bad_answer: The answer without a value; quoted, its middle left out if it is too long.
        problem: What was wrong with it.
        instructions: The form to use, in the words of the first request.
        params: Sampling parameters.
        limit_chars: Longest quotation.
    """
    mark = tags(tag_for(f"{bad_answer}\n{instructions}"), "answer")
    prompt = render(
        "repair",
        opening=mark[0],
        closing=mark[1],
        answer=_shortened(bad_answer, limit_chars),
        reason=problem.reason,
        instructions=instructions,
    )
    return Request(
        messages=(Message(role="user", content=prompt),),
        purpose="repair",
        params=dict(params or {}),
    )


@lru_cache(maxsize=256)
def _pattern(field: str, nonce: str | None) -> re.Pattern[str]:
    """Thinking marks and this field's tags; without a nonce, tags with any suffix or none."""
    name = r"[\s_-]".join(re.escape(word) for word in re.split(r"[\s_-]", field))
    suffix = r"(?:[-_:]\w{1,16})?" if nonce is None else rf"\s*[-_:]\s*{re.escape(nonce)}"
    return re.compile(
        rf"{THINKING_MARKS}|(?P<open><\s*{name}{suffix}\s*>)|(?P<close><\s*/\s*{name}{suffix}\s*>)",
        re.IGNORECASE,
    )


@lru_cache(maxsize=64)
def _literal(opening: str, closing: str) -> re.Pattern[str]:
    """Thinking marks and a pair of tags as they are, in any case and with blanks anywhere."""
    either = [
        r"\s*".join(re.escape(part) for part in re.findall(r"\w+|[^\w\s]", tag))
        for tag in (closing, opening)
    ]
    return re.compile(
        rf"{THINKING_MARKS}|(?P<close>{either[0]})|(?P<open>{either[1]})", re.IGNORECASE
    )


def _last_pair(text: str, pattern: re.Pattern[str], *, cut: bool) -> str | None:
    """What the last opening tag that is closed, and its closing tag, enclose."""
    opened: re.Match[str] | None = None
    value: str | None = None
    for mark in pattern.finditer(text):
        if mark.lastgroup == "open":
            opened = mark
        elif mark.lastgroup == "close" and opened is not None:
            value, opened = text[opened.end() : mark.start()], None
    if cut and value is not None and opened is not None:
        raise _cut()  # it was writing a newer value when the limit came
    return value


def _from_open_tag(
    text: str,
    bare: str,
    patterns: Sequence[tuple[Rung, re.Pattern[str]]],
    opening: str,
    finish_reason: FinishReason,
) -> Parsed:
    if finish_reason == "length":
        raise _cut()
    for _, pattern in patterns:
        opened = [m for m in pattern.finditer(bare) if _opens_an_answer(m)]
        if opened:
            return _parsed(bare[opened[-1].end() :], "open")
    if not text.strip():
        raise AnswerProblem("the answer is empty", "empty")
    if not bare.strip():
        raise AnswerProblem("the answer holds thinking only, no value after it")
    raise AnswerProblem(f"the answer holds no {opening}, so no value was found in it")


def _opens_an_answer(mark: re.Match[str]) -> bool:
    """Whether a tag starts its line or follows a colon; elsewhere prose only mentions it."""
    place = mark.start() - 1
    while place >= 0 and mark.string[place] in " \t":
        place -= 1
    return mark.lastgroup == "open" and (place < 0 or mark.string[place] in "\r\n:")


def _parsed(value: str, rung: Rung) -> Parsed:
    if not value.strip():
        raise AnswerProblem("the value is empty", "empty")
    return Parsed(value=value.strip("\r\n"), rung=rung)


def _cut() -> AnswerProblem:
    return AnswerProblem("the answer was cut at the token limit before its value ended", "cut")


def _shortened(text: str, limit_chars: int) -> str:
    if len(text) <= limit_chars:
        return text
    head = limit_chars // 2
    tail = limit_chars - head
    left_out = len(text) - limit_chars
    return f"{text[:head]}\n[... {left_out} characters left out ...]\n{text[len(text) - tail :]}"
