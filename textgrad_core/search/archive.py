"""Which candidates become parents."""

from __future__ import annotations

from typing import Protocol

from textgrad_core.errors import UsageError
from textgrad_core.search.result import Trial


class Archive(Protocol):
    """The candidates a search builds upon."""

    def offer(self, trial: Trial) -> bool:
        """Whether a measured candidate got in."""
        ...

    @property
    def parents(self) -> tuple[Trial, ...]:
        """What may be built upon, best first."""
        ...


class Beam:
    """The best few candidates. One that is not worse than the worst of them gets in.

    With width 1 this is a hill climb that moves on plateaus.

    Args:
        width: How many are kept.
    """

    def __init__(self, width: int) -> None:
        """Start empty."""
        if width < 1:
            raise UsageError(f"parents={width}: keep at least 1 candidate")
        self._width = width
        self._kept: list[tuple[float, int, int, Trial]] = []

    def offer(self, trial: Trial) -> bool:
        """Whether the candidate got in; among equals the newer one goes first."""
        if trial.scalar is None:
            return False
        entry = (trial.scalar, -trial.step, -trial.index, trial)
        self._kept.append(entry)
        self._kept.sort(key=lambda e: e[:3])
        dropped = self._kept[self._width :]
        del self._kept[self._width :]
        return entry not in dropped

    @property
    def parents(self) -> tuple[Trial, ...]:
        """The kept candidates, best first."""
        return tuple(entry[3] for entry in self._kept)
