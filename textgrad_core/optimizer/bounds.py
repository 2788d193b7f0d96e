"""Texts held within a number of characters, with a visible mark where something went. Pure."""

from __future__ import annotations

from collections.abc import Sequence

MIN_PIECE_CHARS = 200
GAP = "\n\n"


def within(pieces: Sequence[str], limit_chars: int) -> str:
    """The pieces as one text that never exceeds the limit.

    If there is too much, the longest pieces are cut first; if even their beginnings are too
    many, some pieces go.
    """
    whole = GAP.join(pieces)
    if len(whole) <= limit_chars:
        return whole
    kept = min(len(pieces), max(1, limit_chars // MIN_PIECE_CHARS))
    chosen = [pieces[i * len(pieces) // kept] for i in range(kept)]  # from all over the batch
    if kept < len(pieces):
        chosen.append(f"[... {len(pieces) - kept} more pieces of feedback left out ...]")
    room = limit_chars - len(GAP) * (len(chosen) - 1)
    level = even_level([len(piece) for piece in chosen], room)
    return GAP.join(clip(piece, level) for piece in chosen)[: max(0, limit_chars)]


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
