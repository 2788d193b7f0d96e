"""The average of several pieces of feedback: one text that a model writes, a few at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import UsageError
from textgrad_core.optimizer.bounds import GAP, clip, within
from textgrad_core.optimizer.summarise import FAN_IN, Summarise, by_model
from textgrad_core.run import Run
from textgrad_core.variable import Gradient, Variable

MAX_CONTEXT_CHARS = 60_000
SUMMARY_CHARS = MAX_CONTEXT_CHARS // FAN_IN


Marks: TypeAlias = tuple[int, ...]
"""The aggregates that feedback has come through."""


@dataclass(frozen=True, slots=True)
class Received:
    """One piece of feedback, and the aggregates it has come through."""

    gradient: Gradient
    marks: Marks = ()


def grouped(heard: Iterable[Received]) -> list[list[Received]]:
    """What came through the same aggregates together, everything else by itself."""
    groups: dict[object, list[Received]] = {}
    for number, received in enumerate(heard):
        averaged = received.marks and not received.gradient.verbatim
        groups.setdefault(received.marks if averaged else number, []).append(received)
    return list(groups.values())


def summariser(run: Run, engine: Engine | None, site: str, variable: Variable) -> Summarise:
    """What writes summaries of the feedback on a variable; it refuses if there is no engine."""

    async def refuse(texts: Sequence[str], limit_chars: int, place: str) -> str:
        raise UsageError(
            f"no engine to average {len(texts)} pieces of feedback on "
            f"{variable.role_description!r} that came through aggregate() ({place}, at most "
            f"{limit_chars} characters): pass backward(engine=...), or use sum(), which hands on "
            "all of them"
        )

    if engine is None:
        return refuse
    return by_model(run, engine, site, variable.role_description, {})


async def average(gradients: Sequence[Gradient], summarise: Summarise) -> tuple[Gradient, ...]:
    """One gradient for all of them, and those marked as verbatim beside it.

    Every piece takes part, at most `FAN_IN` in one call; equal texts count once. The average
    keeps the distinct conversations and, if every piece has one, the mean score.
    """
    kept = tuple(g for g in gradients if g.verbatim)
    loose = [g for g in gradients if not g.verbatim]
    texts = list(dict.fromkeys(g.text for g in loose))
    if not loose:
        return kept
    level = 0
    while len(texts) > 1:
        level += 1
        groups = [texts[i : i + FAN_IN] for i in range(0, len(texts), FAN_IN)]
        texts = await _level(groups, summarise, level)
    scores = [g.score for g in loose if g.score is not None]
    merged = Gradient(
        text=texts[0],
        source=" and ".join(dict.fromkeys(g.source for g in loose if g.source)),
        context=GAP.join(dict.fromkeys(g.context for g in loose if g.context)),
        score=math.fsum(scores) / len(scores) if len(scores) == len(loose) else None,
    )
    return (*kept, merged)


async def _level(groups: Sequence[list[str]], summarise: Summarise, level: int) -> list[str]:
    import asyncio

    async def one(group: Sequence[str], number: int) -> str:
        if len(group) == 1:
            return group[0]
        pieces = [clip(text, SUMMARY_CHARS) for text in group]
        written = await summarise(pieces, SUMMARY_CHARS, f"{level}.{number}")
        # an empty summary must not make feedback vanish
        return clip(written, SUMMARY_CHARS) if written.strip() else within(pieces, SUMMARY_CHARS)

    written = await asyncio.gather(
        *(one(group, number) for number, group in enumerate(groups, 1)),
        return_exceptions=True,  # so that every answer that is paid for is recorded
    )
    for text in written:
        if isinstance(text, BaseException):
            raise text
    return [text for text in written if isinstance(text, str)]
