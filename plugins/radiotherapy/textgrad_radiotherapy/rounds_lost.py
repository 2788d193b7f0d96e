"""How long a planner has been going on from the same plan in vain."""

from __future__ import annotations

from collections.abc import Sequence

from textgrad_core.search.result import Trial


def rounds_lost(parent: Trial, history: Sequence[Trial]) -> int:
    """Rounds that started from a candidate and brought nothing better.

    A trial may be kept as one of several parents without being better, so scalars are compared.
    """
    if parent.scalar is None:
        return 0
    tried = {t.step for t in history if t.parent == parent.canonical}
    gained = {
        t.step
        for t in history
        if t.parent == parent.canonical and t.scalar is not None and t.scalar < parent.scalar
    }
    return len(tried - gained)
