"""Turns of a conversation from what a program holds: texts, images, other values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textgrad_core.engine.protocol import Image, Message, Role
from textgrad_core.values import ImageURL, is_image, text_of


def message(role: Role, values: Sequence[Any]) -> Message:
    """One turn from texts, images and other values; neighbouring texts become one."""
    content = "".join(text_of(value) for value in values)
    if not any(is_image(value) for value in values):
        return Message(role=role, content=content)
    parts: list[str | Image] = []
    for value in values:
        if is_image(value):
            parts.append(_image(value))
        elif parts and isinstance(parts[-1], str):
            parts[-1] += text_of(value)
        else:
            parts.append(text_of(value))
    return Message(role=role, content=content, parts=tuple(p for p in parts if p != ""))


def _image(value: Any) -> Image:
    return Image(url=str(value)) if isinstance(value, ImageURL) else Image(data=value)
