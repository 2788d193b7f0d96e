"""Feedback that is too long for one prompt, brought down by a tree of summaries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from textgrad_core.answer_forms import said
from textgrad_core.effects import all_of
from textgrad_core.engine.protocol import Engine, Message, Request
from textgrad_core.jsondata import JSON
from textgrad_core.optimizer.bounds import GAP, clip, within
from textgrad_core.optimizer.feedback import feedback_block, pieces
from textgrad_core.parsing import tag_for
from textgrad_core.prompting import render
from textgrad_core.run import Run
from textgrad_core.variable import Gradient

FAN_IN = 8
MIN_SUMMARY_CHARS = 600

Summarise: TypeAlias = Callable[[Sequence[str], int, str], Awaitable[str]]
"""From texts, the length wanted and a place in the tree, such as ``1.3``, to one text."""


async def condensed(
    gradients: Sequence[Gradient], limit_chars: int, summarise: Summarise, fan_in: int = FAN_IN
) -> tuple[Gradient, ...]:
    """The same feedback, or summaries of it if it does not fit.

    What is marked as verbatim (violations, rejections) is never summarised.

    Args:
        gradients: The feedback, in order.
        limit_chars: What has to hold all of it.
        summarise: Makes one text of several.
        fan_in: How many texts go into one summary.
    """
    if len(feedback_block(gradients, -1)) <= limit_chars:
        return tuple(gradients)
    kept = tuple(g for g in gradients if g.verbatim)
    loose = [g for g in gradients if not g.verbatim]
    share = max(MIN_SUMMARY_CHARS, limit_chars // fan_in)
    leaves = pieces(loose, share)
    if len(leaves) < 2:
        return tuple(gradients)
    room = max(limit_chars // 2, limit_chars - len(feedback_block(kept, -1)))
    texts = await tree(leaves, room, summarise, fan_in)
    return (*(replace(g, context="") for g in kept), *(Gradient(text=text) for text in texts))


async def tree(
    texts: Sequence[str], limit_chars: int, summarise: Summarise, fan_in: int = FAN_IN
) -> tuple[str, ...]:
    """Summarise groups of texts, and groups of the summaries, until they fit together.

    Every text counts once. A single one is left as it is, however long.
    """
    left = tuple(dict.fromkeys(texts))
    level = 0
    while len(left) > 1 and len(GAP.join(left)) > limit_chars:
        level += 1
        groups = [left[i : i + fan_in] for i in range(0, len(left), fan_in)]
        room = max(MIN_SUMMARY_CHARS, limit_chars // len(groups) - len(GAP))
        left = tuple(
            await all_of(
                _one(group, room, limit_chars, summarise, f"{level}.{number}")
                for number, group in enumerate(groups, 1)
            )
        )
    return left


async def _one(
    group: Sequence[str], room: int, limit_chars: int, summarise: Summarise, place: str
) -> str:
    if len(group) == 1:
        return clip(group[0], room)
    share = max(MIN_SUMMARY_CHARS, limit_chars // len(group))
    written = await summarise([clip(text, share) for text in group], room, place)
    if written.strip():
        return clip(written, room)
    return within(group, room)  # an empty summary must not make feedback vanish


def by_model(
    run: Run, engine: Engine, site: str, role: str, params: Mapping[str, JSON]
) -> Summarise:
    """Summaries written by a model; each is one recorded call.

    Args:
        run: Where the calls are recorded and counted.
        engine: The model.
        site: Place in the program; that of a summary is beside it.
        role: What the value is for.
        params: Sampling parameters to send.
    """

    async def summarise(texts: Sequence[str], limit_chars: int, place: str) -> str:
        request = summary_request(texts, limit_chars, role, params)
        reply = await run.ask(engine, request, f"{site} summary {place}")
        return said(reply.text)

    return summarise


def summary_request(
    texts: Sequence[str], limit_chars: int, role: str, params: Mapping[str, JSON]
) -> Request:
    """What to ask about several pieces of feedback."""
    mark = tag_for("\n".join(texts))
    told = GAP.join(f"<PIECE-{mark}>\n{text}\n</PIECE-{mark}>" for text in texts)
    user = render("summarise", role=role, pieces=told, limit=str(limit_chars))
    return Request(
        messages=(
            Message(role="system", content=render("summarise_system")),
            Message(role="user", content=user),
        ),
        purpose="summary",
        params=params,
    )
