"""What earlier steps saw, as far as later prompts are to show it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textgrad_core.optimizer.bounds import GAP, within


@dataclass(frozen=True, slots=True, kw_only=True)
class PastStep:
    """One variable in one earlier step.

    Args:
        value: Its value before that step.
        feedback: What was said about that value, each text once.
    """

    value: str
    feedback: tuple[str, ...]


def past_block(
    past: Sequence[PastStep], limit_chars: int, nonce: str, *, values: bool, feedback: bool
) -> str:
    """Earlier steps as text, the oldest first, within a hard limit.

    Args:
        past: The steps, the oldest first.
        limit_chars: Longest text; a limit below 0 is none.
        nonce: Marks the values.
        values: Whether to show the values.
        feedback: Whether to show the feedback.
    """
    told: list[str] = []
    for place, step in enumerate(past):
        ago = len(past) - place
        when = "1 step ago" if ago == 1 else f"{ago} steps ago"
        if values:
            told.append(f"The value {when}:\n<PAST-{nonce}>\n{step.value}\n</PAST-{nonce}>")
        if feedback and step.feedback:
            told.append(f"Feedback {when}:\n{GAP.join(step.feedback)}")
    return GAP.join(told) if limit_chars < 0 else within(told, limit_chars)


def shares(limit_chars: int, feedback_chars: int, past_chars: int) -> tuple[int, int]:
    """How much of a limit the feedback and the past may take; the past at most a quarter if tight.

    The two never add up to more than the limit.
    """
    past = min(past_chars, max(limit_chars // 4, limit_chars - feedback_chars))
    return limit_chars - past, past
