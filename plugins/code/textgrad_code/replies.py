"""What one frame to a child brought back: an answer, or the end of the child."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textgrad_code.verdict import Verdict

VIOLATION = "protocol violation"  # messages that begin so blame the program for what it sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A frame that answers the one sent.

    Args:
        frame: Its fields; written by the program's process, so checked by whoever reads them.
        seconds: From sending to having it, without `waited_s`.
        waited_s: How long the child could not run for want of a processor, where that is known.
        output: What was printed meanwhile, capped.
        size: Bytes of the frame.
    """

    frame: dict[str, Any]
    seconds: float
    output: bytes
    size: int = 0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The child gave no answer and never will.

    Args:
        verdict: What that means.
        message: Why, in one line.
        seconds: From sending to the end, without `waited_s`.
        output: What was printed meanwhile, capped.
        waited_s: How long the child could not run for want of a processor, where that is known.
    """

    verdict: Verdict
    message: str
    seconds: float
    output: bytes
    waited_s: float = 0.0
