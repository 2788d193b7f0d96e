"""Feedback as text for a prompt: everything once, within a hard limit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textgrad_core.optimizer.bounds import GAP, within
from textgrad_core.parsing import tag_for
from textgrad_core.variable import Gradient


def feedback_block(gradients: Sequence[Gradient], limit_chars: int) -> str:
    """All feedback as one text: each distinct text and each distinct conversation once.

    It never exceeds the limit; a limit below 0 is none. What is marked as verbatim is cut last.
    """
    told = [piece for one in _by_context(gradients) for piece in one]
    whole = GAP.join(told)
    if limit_chars < 0 or len(whole) <= limit_chars:
        return whole
    kept = list(dict.fromkeys(g.text for g in gradients if g.verbatim))
    if not kept:
        return within(told, limit_chars)
    first = within(kept, limit_chars)
    rest = _by_context([g for g in gradients if not g.verbatim])
    loose = [piece for one in rest for piece in one]
    room = limit_chars - len(first) - len(GAP)
    return f"{first}{GAP}{within(loose, room)}" if loose and room > 0 else first


def without_repeats(gradients: Sequence[Gradient], current: str) -> tuple[Gradient, ...]:
    """The same feedback; where a conversation holds the whole value, it refers to it instead.

    A system prompt stands in the conversation of every sample of a batch, so that it alone would
    fill the context.
    """
    if len(current) < REPEATED_CHARS:
        return tuple(gradients)
    return tuple(
        replace(g, context=g.context.replace(current, REFERENCE)) if current in g.context else g
        for g in gradients
    )


def pieces(gradients: Sequence[Gradient], limit_chars: int) -> tuple[str, ...]:
    """One text per distinct conversation, with all that was said about it; each within a limit.

    Feedback without a conversation is a piece of its own.
    """
    found: list[str] = []
    for one in _by_context(gradients):
        apart = [one] if one[0].startswith(_TALK) else [[text] for text in one]
        found.extend(within(texts, limit_chars) for texts in apart)
    return tuple(dict.fromkeys(found))


REPEATED_CHARS = 200  # shorter values are as quick to read as a reference
REFERENCE = "(here stands the current value, as it is given above)"
_TALK = "In this conversation:\n"


def _by_context(gradients: Sequence[Gradient]) -> list[list[str]]:
    """The texts about each conversation, the conversation itself first; each between marks."""
    said: dict[str, dict[str, None]] = {}
    for gradient in gradients:
        said.setdefault(gradient.context, {})[gradient.text] = None
    mark = tag_for("\n".join([*said, *(text for texts in said.values() for text in texts)]))
    return [
        [
            *([f"{_TALK}<TALK-{mark}>\n{context}\n</TALK-{mark}>"] if context else []),
            *(f"<FEEDBACK-{mark}>\n{text}\n</FEEDBACK-{mark}>" for text in texts),
        ]
        for context, texts in said.items()
    ]
