"""What is tried next, and how much may be tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from textgrad_code.repair.edits import Edited


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """How edits are ordered; see `ranked_edits`."""

    seed: int
    uniform: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent: candidates, and seconds since ``begun`` on ``clock``."""

    most: int
    begun: float
    seconds: float
    clock: Callable[[], float]

    def allows(self, tried: int) -> bool:
        """Whether one more candidate fits in."""
        return tried < self.most and self.clock() - self.begun < self.seconds


class Stream:
    """Edits of one program in order, with what was edited before.

    Args:
        edits: Best first.
        weight: Factor of their scores.
        words: What was edited to get to the program.
    """

    def __init__(self, *, edits: Iterator[Edited], weight: float, words: str = "") -> None:
        self.edits = edits
        self.weight = weight
        self.words = words
        self.head = next(edits, None)

    @property
    def promise(self) -> float:
        """Score of the next edit; below zero if there is none."""
        return self.weight * self.head.score if self.head else -1.0

    def next(self) -> Edited | None:
        """The next edit; None if there is none."""
        head, self.head = self.head, next(self.edits, None)
        return head
