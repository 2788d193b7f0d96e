"""What a run may consume: reserved before a call is sent, settled when its answer is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from textgrad_core.errors import BudgetExhausted, UsageError
from textgrad_core.jsondata import JSON

Resource = Literal["evaluations", "calls", "tokens", "cost", "retries"]
Countable = Literal["evaluations", "calls", "tokens", "retries"]
Amount: TypeAlias = int | Decimal
RESOURCES: tuple[Resource, ...] = ("evaluations", "calls", "tokens", "cost", "retries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Upper limits of a run; None is no limit.

    Args:
        evaluations: Evaluations, those answered from the journal or the cache included, so that
            a run takes the same course whatever was remembered.
        calls: Model calls, counted the same way.
        seconds: Wall time of this process's part of the run; then no model call is sent, and
            one that is under way is given up.
        tokens: Tokens of all model calls, sent and received. Before a call our estimate counts,
            after it what the server says, or the estimate if it says nothing.
        cost: Money, in the currency of the run's prices; counted like tokens.
        retries: Requests repeated after a failure, in this process's part of the run.
    """

    evaluations: int | None = None
    calls: int | None = None
    seconds: float | None = None
    tokens: int | None = None
    cost: float | None = None
    retries: int | None = None

    def __post_init__(self) -> None:
        """Refuse limits that allow nothing."""
        for name in self.__slots__:
            limit = getattr(self, name)
            least = 0 if name == "retries" else None
            if limit is not None and not (limit > 0 or limit == least):
                raise UsageError(
                    f"budget {name}={limit} allows nothing: give more than 0, or None"
                )

    def to_json(self) -> dict[str, JSON]:
        """Plain data; limits that came with later versions only where they are set."""
        first = ("evaluations", "calls", "seconds")
        given: dict[str, JSON] = {name: getattr(self, name) for name in first}
        later = {n: getattr(self, n) for n in self.__slots__ if n not in first}
        return {**given, **{n: v for n, v in later.items() if v is not None}}


class Hold:
    """Amounts reserved for one call, until they are settled or given back."""

    def __init__(self, meter: Meter, amounts: Mapping[Resource, Amount]) -> None:
        """Made by `Meter.hold`."""
        self._meter, self._amounts = meter, dict(amounts)

    def settle(self, **actual: Amount | None) -> None:
        """The call happened: put the actual amounts in place of the reserved ones.

        Args:
            **actual: By resource; what is left out, or None because nobody knows, stays as it
                was reserved.
        """
        changes: dict[Resource, Amount] = {}
        for resource, reserved in self._amounts.items():
            known = actual.get(resource)
            if known is not None:
                changes[resource] = known - reserved
        self._meter._change(changes)
        self._amounts = {}

    def release(self) -> None:
        """The call did not happen; does nothing once settled."""
        self._meter._change({resource: -amount for resource, amount in self._amounts.items()})
        self._amounts = {}


class Meter:
    """Counts what a run consumes against its `Budget`.

    Args:
        budget: The limits.
        clock: Seconds from any origin, never going back.

    Attributes:
        refusal: The first refusal for want of tokens, money or time; None if there was none.
    """

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock."""
        self._budget, self._clock, self._began = budget, clock, clock()
        self._used: dict[Resource, Amount] = dict.fromkeys(RESOURCES, 0)
        self._guard = threading.Lock()
        self.refusal: BudgetExhausted | None = None

    @property
    def budget(self) -> Budget:
        """The limits."""
        return self._budget

    @property
    def used(self) -> Mapping[Resource, Amount]:
        """What was reserved and settled so far."""
        return dict(self._used)

    @property
    def seconds(self) -> float:
        """Seconds since the meter started."""
        return self._clock() - self._began

    def left(self, resource: Countable) -> int | None:
        """How many are left; None if there is no limit."""
        limit = self._limit(resource)
        return None if limit is None else max(0, int(limit - self._used[resource]))

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the time is used up; None if there is no limit."""
        limit = self._budget.seconds
        return None if limit is None else max(0.0, limit - self.seconds)

    def time_is_up(self, note: str) -> BudgetExhausted:
        """What to raise when time ran out during a call."""
        return self._refused("seconds", self.seconds, self._budget.seconds or 0.0, note)

    def out_of_time(self) -> bool:
        """Whether the time is used up."""
        return self._budget.seconds is not None and self.seconds >= self._budget.seconds

    def check_time(self) -> None:
        """Refuse to send a call when the time is used up.

        Raises:
            BudgetExhausted: If it is.
        """
        if self._budget.seconds is not None and self.out_of_time():
            raise self._refused("seconds", self.seconds, self._budget.seconds)

    def hold(self, **amounts: Amount) -> Hold:
        """Reserve amounts of several resources, all of them or nothing.

        Raises:
            BudgetExhausted: If one would go beyond its limit.
        """
        asked = {resource: amounts[resource] for resource in RESOURCES if resource in amounts}
        with self._guard:
            for resource, amount in asked.items():
                limit = self._limit(resource)
                if limit is not None and self._used[resource] + amount > limit:
                    raise self._refused(resource, float(self._used[resource]), float(limit))
            for resource, amount in asked.items():
                self._used[resource] += amount
        return Hold(self, asked)

    def count(self, **amounts: Amount) -> Hold:
        """Take amounts whatever the limits say: for what was paid for already."""
        asked = {resource: amounts[resource] for resource in RESOURCES if resource in amounts}
        self._change(asked)
        return Hold(self, asked)

    def grant_retry(self) -> bool:
        """Take one repetition of a request, if there is one left."""
        try:
            self.hold(retries=1)
        except BudgetExhausted:
            return False
        return True

    def _limit(self, resource: Resource) -> Amount | None:
        limit: float | None = getattr(self._budget, resource)
        if limit is None:
            return None
        return Decimal(str(limit)) if resource == "cost" else int(limit)

    def _refused(self, what: str, used: float, limit: float, note: str = "") -> BudgetExhausted:
        refusal = BudgetExhausted(what, used, limit, note)
        if what in ("tokens", "cost", "seconds") and self.refusal is None:
            self.refusal = refusal
        return refusal

    def _change(self, changes: Mapping[Resource, Amount]) -> None:
        with self._guard:
            for resource, amount in changes.items():
                self._used[resource] += amount
