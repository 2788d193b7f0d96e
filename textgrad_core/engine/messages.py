"""Turns of a conversation from what a program holds: texts, images, other values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textgrad_core.engine.protocol import Image, Message, Role
from textgrad_core.values import ImageURL, is_image, text_of


def message(role: Role, runs: Iterable[Sequence[Any]], between: str = "\n") -> Message:
    """One turn from runs of texts, images and other values.

    Within a run neighbouring texts become one. As text the runs stand apart; where there are
    images, every run has parts of its own, so nothing needs to stand between them.

    Args:
        role: Who speaks.
        runs: What is said.
        between: What stands between two runs in the text of the turn.
    """
    known = [tuple(run) for run in runs]
    if len(known) == 1 and len(known[0]) == 1 and type(known[0][0]) is str:
        return Message(role=role, content=known[0][0])
    content = between.join("".join(text_of(value) for value in run) for run in known)
    if not any(is_image(value) for run in known for value in run):
        return Message(role=role, content=content)
    parts = tuple(part for run in known for part in _parts(run) if part != "")
    return Message(role=role, content=content, parts=parts)


def _parts(run: Sequence[Any]) -> list[str | Image]:
    parts: list[str | Image] = []
    for value in run:
        if is_image(value):
            parts.append(_image(value))
        elif parts and isinstance(parts[-1], str):
            parts[-1] += text_of(value)
        else:
            parts.append(text_of(value))
    return parts


def _image(value: Any) -> Image:
    return Image(url=str(value)) if isinstance(value, ImageURL) else Image(data=value)
