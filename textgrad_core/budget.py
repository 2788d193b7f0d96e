"""What a run may consume: reserved before a call is sent, settled when its answer is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from textgrad_core.errors import BudgetExhausted, UsageError

Resource = Literal["evaluations", "calls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Upper limits of a run; None is no limit.

    Args:
        evaluations: Evaluations, those answered from the journal or the cache included, so that
            a run takes the same course whatever was remembered.
        calls: Model calls, counted the same way.
        seconds: Wall time of this process's part of the run.
    """

    evaluations: int | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that allow nothing."""
        for name in ("evaluations", "calls", "seconds"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise UsageError(
                    f"budget {name}={limit} allows nothing: give more than 0, or None"
                )


class Meter:
    """Counts what a run consumes against its `Budget`.

    Args:
        budget: The limits.
        clock: Seconds from any origin, never going back.
    """

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock."""
        self._budget, self._clock, self._began = budget, clock, clock()
        self._used: dict[Resource, int] = {"evaluations": 0, "calls": 0}
        self._guard = threading.Lock()

    @property
    def used(self) -> Mapping[Resource, int]:
        """What was reserved so far."""
        return dict(self._used)

    @property
    def seconds(self) -> float:
        """Seconds since the meter started."""
        return self._clock() - self._began

    def left(self, resource: Resource) -> int | None:
        """How many are left; None if there is no limit."""
        limit: int | None = getattr(self._budget, resource)
        return None if limit is None else max(0, limit - self._used[resource])

    def out_of_time(self) -> bool:
        """Whether the time is used up."""
        return self._budget.seconds is not None and self.seconds >= self._budget.seconds

    def reserve(self, resource: Resource) -> None:
        """Take one, before the call is sent.

        Raises:
            BudgetExhausted: If none is left; nothing is taken.
        """
        limit: int | None = getattr(self._budget, resource)
        with self._guard:
            if limit is not None and self._used[resource] >= limit:
                raise BudgetExhausted(resource, self._used[resource], limit)
            self._used[resource] += 1

    def give_back(self, resource: Resource) -> None:
        """Settle a reservation whose call did not happen."""
        with self._guard:
            self._used[resource] -= 1
