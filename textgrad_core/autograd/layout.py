"""What a model is shown: fixed text and inputs in order, as messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, TypeAlias

from textgrad_core.engine.messages import message
from textgrad_core.engine.protocol import Message, Request
from textgrad_core.errors import UsageError
from textgrad_core.values import is_image, text_of

Piece: TypeAlias = str | int
"""Fixed text, or the place of an input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the inputs of a call become its messages.

    Args:
        runs: The user's message, in order: runs of pieces that belong together. Each is on a line
            of its own, or in parts of its own where there are images.
        places: What each input is in the call, for feedback on it.
        system: Which input is the system prompt; None if there is none.
    """

    runs: tuple[tuple[Piece, ...], ...]
    places: tuple[str, ...]
    system: int | None = None

    def request(self, values: Sequence[Any]) -> Request:
        """What to ask.

        Raises:
            UsageError: If bytes are no image, or the system prompt is one.
        """
        user = message(
            "user", ([p if isinstance(p, str) else values[p] for p in run] for run in self.runs)
        )
        if self.system is None:
            return Request(messages=(user,), purpose="forward")
        if is_image(values[self.system]):
            raise UsageError("the system prompt is an image: give text")
        system = Message(role="system", content=text_of(values[self.system]))
        return Request(messages=(system, user), purpose="forward")


def conversation(request: Request, answer: str) -> str:
    """A conversation as text for prompts; images stand in it as notes."""
    turns = [f"[{m.role}]\n{m.content}" for m in request.messages]
    return "\n\n".join([*turns, f"[assistant]\n{answer}"])


def template_pieces(template: str, places: Mapping[str, int]) -> tuple[Piece, ...]:
    """A template with ``{name}`` for its fields, in pieces.

    A template that `str.format` would accept means what it means there, so ``{{`` is a brace. In
    any other one, as of JSON or code, every brace that is not around a field's name is text.

    Args:
        template: The text.
        places: From the name of each field to the place of its input.
    """
    found = _as_format_string(template, places)
    if found is None:
        found = _as_plain_text(template, places)
    used = {piece for piece in found if isinstance(piece, int)}
    missing = [name for name, place in places.items() if place not in used]
    if missing:
        raise UsageError(
            f"format_string has no place for {', '.join(map(repr, missing))}: write "
            f"{{{missing[0]}}} where it belongs, or leave the field out"
        )
    return tuple(found)


def _as_format_string(template: str, places: Mapping[str, int]) -> list[Piece] | None:
    pieces: list[Piece] = []
    try:
        for literal, name, spec, conversion in Formatter().parse(template):
            if literal:
                pieces.append(literal)
            if name is None:
                continue
            if name not in places or spec or conversion:
                return None
            pieces.append(places[name])
    except ValueError:
        return None
    return pieces


def _as_plain_text(template: str, places: Mapping[str, int]) -> list[Piece]:
    """One pass from left to right, so that nothing is found inside a value."""
    pieces: list[Piece] = []
    start = 0
    while start < len(template):
        hits = [
            (at, -len(name), name)
            for name in places
            if (at := template.find(f"{{{name}}}", start)) >= 0
        ]
        if not hits:
            break
        at, _, name = min(hits)
        if at > start:
            pieces.append(template[start:at])
        pieces.append(places[name])
        start = at + len(name) + 2
    if start < len(template):
        pieces.append(template[start:])
    return pieces
