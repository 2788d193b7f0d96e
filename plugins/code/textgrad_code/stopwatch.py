"""The program's own time: wall time without what it waited for a processor, or for the judge."""

from __future__ import annotations

import math
from time import monotonic

from textgrad_code.sandbox.protocol import Child

QUICK_S = 0.01  # in less, nothing waits long enough to be worth a look


class Stopwatch:
    """Times one answer of a child after the other.

    Args:
        child: Who answers.

    Attributes:
        waited_s: What was waited for, when `own_s` was last asked.
    """

    def __init__(self, child: Child) -> None:
        self.child = child
        self._waited_before, self._cpu_before = child.at_rest or (0.0, 0.0)
        self._looked_at = monotonic() if child.at_rest else -math.inf
        self._begin()

    def start(self) -> None:
        """A question is about to be put.

        What was seen a moment ago still holds: since then nothing can have waited for long.
        """
        now = monotonic()
        if now - self._looked_at > QUICK_S:
            self._waited_before, self._cpu_before = self.child.waited_s(), self.child.cpu_s()
            self._looked_at = now
        self._begin()

    def _begin(self) -> None:
        self.waited_s = self._queued_s = self._stalled_s = self._used_s = 0.0
        self._started = self._looked_for_answer_at = monotonic()

    def wall_s(self) -> float:
        """Since the start."""
        return monotonic() - self._started

    def own_s(self, *, ended: bool) -> float:
        """Wall time since the start, without waiting.

        It is never less than the CPU time that was used, as far as that took no longer: what
        the first thread of a program waits for may be its other threads.

        Args:
            ended: Whether the child has: what was known of it remains so.
        """
        seconds = self.wall_s()
        if seconds > QUICK_S:
            if not ended:
                queued_s = self.child.waited_s() - self._waited_before
                used_s = self.child.cpu_s() - self._cpu_before
                self._queued_s = max(self._queued_s, queued_s)
                self._used_s = max(self._used_s, used_s)
            waited_s = max(self._queued_s, self._stalled_s)
            self.waited_s = max(min(waited_s, seconds - self._used_s), 0.0)
        return max(seconds - self.waited_s, 0.0)

    def looked(self, patience_s: float) -> None:
        """This thread has looked for an answer; one may have been there since it could before.

        Args:
            patience_s: How long it meant to wait for that.
        """
        now = monotonic()
        late_s = now - self._looked_for_answer_at - patience_s
        if late_s > QUICK_S:
            self._stalled_s += late_s
        self._looked_for_answer_at = now
