"""Time that passes only when somebody waits."""

from __future__ import annotations

import asyncio


class FakeClock:
    """A clock and its sleep, in one.

    Attributes:
        now: Seconds.
        waits: How long each sleep was, in order.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Pass the time at once."""
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
