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
MIN_PIECE_CHARS = 200
_GAP = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTask:
    """Everything the model that writes a new value is told.

    Args:
        role: What the value is for.
        current: The value, always shown in full.
        feedback: What should change.
        rules: What every value must obey, in words.
        record: What was tried before, one line each.
        place: Number of this proposal and how many are asked for at the same time.
        max_context_chars: Limit for feedback and conversations together.
    """

    role: str
    current: str
    feedback: tuple[Gradient, ...]
    rules: tuple[str, ...] = ()
    record: tuple[str, ...] = ()
    place: tuple[int, int] = (1, 1)
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
        variation=_variation(*task.place),
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

    It never exceeds the limit. If there is too much, the longest pieces are cut first; if even
    their beginnings are too many, some pieces go. Both leave a visible mark.
    """
    texts: dict[str, dict[str, None]] = {}
    for gradient in gradients:
        texts.setdefault(gradient.context, {})[gradient.text] = None
    pieces: list[str] = []
    for context, said in texts.items():
        if context:
            pieces.append(f"In this conversation:\n{context}")
        pieces.extend(said)
    return _within(pieces, limit_chars)


def _within(pieces: Sequence[str], limit_chars: int) -> str:
    whole = _GAP.join(pieces)
    if len(whole) <= limit_chars:
        return whole
    kept = min(len(pieces), max(1, limit_chars // MIN_PIECE_CHARS))
    chosen = [pieces[i * len(pieces) // kept] for i in range(kept)]  # from all over the batch
    if kept < len(pieces):
        chosen.append(f"[... {len(pieces) - kept} more pieces of feedback left out ...]")
    room = limit_chars - len(_GAP) * (len(chosen) - 1)
    level = even_level([len(piece) for piece in chosen], room)
    return _GAP.join(clip(piece, level) for piece in chosen)


def even_level(sizes: Sequence[int], room: int) -> int:
    """The highest size to cut all larger ones down to, so that their sum fits the room."""
    left, level = room, 0
    for done, size in enumerate(sorted(sizes)):
        level = left // (len(sizes) - done)
        if size > level:
            return max(0, level)
        left -= size
    return max(sizes, default=0)


def clip(text: str, limit_chars: int) -> str:
    """The beginning and the end of a text that is too long, with a mark between them."""
    if len(text) <= limit_chars:
        return text
    room = limit_chars - len(_left_out(len(text)))
    if room <= 0:
        return text[:limit_chars]
    head = room * 2 // 3
    return text[:head] + _left_out(len(text) - room) + text[len(text) - (room - head) :]


def _left_out(chars: int) -> str:
    return f"\n[... {chars} characters left out ...]\n"


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join(["", title, *(f"- {line}" for line in lines), ""]) if lines else ""


def _variation(number: int, of: int) -> str:
    """Tells proposals that are asked for at the same time apart, so that they differ."""
    if of == 1:
        return ""
    return f"This is proposal {number} of {of}, written independently; make it one of its own.\n"
