"""What to ask for a new value: one request, with a hard limit on its length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textgrad_core.engine.protocol import Message, Request
from textgrad_core.jsondata import JSON
from textgrad_core.parsing import tag_for
from textgrad_core.prompting import render
from textgrad_core.variable import Gradient

MAX_CONTEXT_CHARS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTask:
    """Everything the model that writes a new value is told.

    Args:
        role: What the value is for.
        current: The value, always shown in full.
        feedback: What should change.
        rules: What every value must obey, in words.
        record: What was tried before, one line each.
        max_context_chars: Limit for feedback and conversations together.
    """

    role: str
    current: str
    feedback: tuple[Gradient, ...]
    rules: tuple[str, ...] = ()
    record: tuple[str, ...] = ()
    max_context_chars: int = MAX_CONTEXT_CHARS


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedUpdate:
    """The request for a new value, and the mark its answer carries."""

    request: Request
    nonce: str


def update_request(
    task: UpdateTask, sample: int = 0, params: Mapping[str, JSON] | None = None
) -> AskedUpdate:
    """What to ask.

    Args:
        task: What the model is told.
        sample: Number of this sample, when several are asked for.
        params: Sampling parameters to send.
    """
    feedback = feedback_block(task.feedback, task.max_context_chars)
    nonce = tag_for("\n".join([task.role, task.current, feedback, *task.rules, *task.record]))
    marks = {"open": f"<VALUE-{nonce}>", "close": f"</VALUE-{nonce}>"}
    user = render(
        "update_user",
        role=task.role,
        current=f"<CURRENT-{nonce}>\n{task.current}\n</CURRENT-{nonce}>",
        feedback=feedback or "(none)",
        rules=_listed("Rules every value must obey:", task.rules),
        record=_listed("What was tried before:", task.record),
        **marks,
    )
    request = Request(
        messages=(
            Message(role="system", content=render("update_system", **marks)),
            Message(role="user", content=user),
        ),
        purpose="proposal",
        params=params or {},
        sample=sample,
    )
    return AskedUpdate(request=request, nonce=nonce)


def feedback_block(gradients: Sequence[Gradient], limit_chars: int) -> str:
    """All feedback as one text: each distinct text and each distinct conversation once.

    Items share the limit evenly; what is cut off leaves a visible mark.
    """
    texts: dict[str, list[str]] = {}
    for gradient in gradients:
        said = texts.setdefault(gradient.context, [])
        if gradient.text not in said:
            said.append(gradient.text)
    share = limit_chars // max(1, sum(bool(c) + len(t) for c, t in texts.items()))
    blocks = []
    for context, said in texts.items():
        if context:
            blocks.append(f"In this conversation:\n{clip(context, share)}")
        blocks.extend(clip(text, share) for text in said)
    return "\n\n".join(blocks)


def clip(text: str, limit_chars: int) -> str:
    """The beginning and the end of a text that is too long, with a mark between them."""
    if len(text) <= limit_chars:
        return text
    head = limit_chars * 2 // 3
    tail = limit_chars - head
    return (
        f"{text[:head]}\n[... {len(text) - limit_chars} characters left out ...]\n{text[-tail:]}"
    )


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join(["", title, *(f"- {line}" for line in lines), ""]) if lines else ""
