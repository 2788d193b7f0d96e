"""Rate limits: no more requests and tokens in any minute than a server allows.

A `Window` is an exact record of one minute, not a bucket: a burst at its start cannot be
followed by a second one in the same minute.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from textgrad_core.engine.attempts import attempts_counted
from textgrad_core.engine.protocol import Engine, Headroom, Reply, Request
from textgrad_core.engine.retrying import Sleep
from textgrad_core.engine.tokens import estimate_tokens
from textgrad_core.engine.wrapper import Wrapper
from textgrad_core.errors import EngineError, UsageError

WINDOW_S = 60.0


@dataclass(slots=True)
class Booking:
    """An amount that is used from a moment on."""

    at: float
    amount: float


class Window:
    """Amounts used within any minute, in the order in which they were booked.

    Args:
        limit: Most that may be used in a minute. A single larger amount is let through alone.
    """

    def __init__(self, limit: float) -> None:
        """Start empty."""
        self._limit = limit
        self._bookings: deque[Booking] = deque()
        self._not_before = float("-inf")

    def earliest(self, amount: float, now: float) -> float:
        """The first moment, not before those booked already, at which the amount fits."""
        self._forget(now)
        start = max(now, self._not_before)
        if self._bookings:
            start = max(start, self._bookings[-1].at)
        current = [b for b in self._bookings if b.at > start - WINDOW_S]
        total = sum(b.amount for b in current)
        for booking in current:
            if total + amount <= self._limit:
                break
            start = max(start, booking.at + WINDOW_S)
            total -= booking.amount
        return start

    def book(self, amount: float, at: float) -> Booking:
        """Use an amount from a moment on that `earliest` gave."""
        booking = Booking(at, amount)
        self._bookings.append(booking)
        return booking

    def pause(self, until: float) -> None:
        """Let nothing begin before a moment."""
        self._not_before = max(self._not_before, until)

    def shrink(self, left: float, now: float) -> None:
        """Believe a server that says less is left than we count: others may use it too.

        Without a limit of our own there is nothing to shrink.
        """
        self._forget(now)
        if self._limit == float("inf"):
            return
        excess = self._limit - sum(b.amount for b in self._bookings) - left
        if excess > 0:
            at = max([now, *(b.at for b in self._bookings)])
            self._bookings.append(Booking(at, excess))

    def _forget(self, now: float) -> None:
        while self._bookings and self._bookings[0].at <= now - WINDOW_S:
            self._bookings.popleft()


class RateLimited(Wrapper):
    """Makes requests wait until they fit into the limits, first come first served.

    Tokens are booked as estimated and corrected when the server has counted. What a server says
    about its own remaining limits, and a time it asks to wait, is heeded. Put it inside
    `Retrying`, so that repeated requests wait too.

    Args:
        engine: What answers.
        requests_per_minute: Most requests begun in any minute.
        tokens_per_minute: Most tokens, sent and received, of requests begun in any minute.
        clock: Seconds from any origin, never going back.
        sleep: Waits; ``asyncio.sleep`` by default.

    Raises:
        UsageError: If a limit allows nothing, or the engine repeats requests inside.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep | None = None,
    ) -> None:
        """Wrap; nothing is sent."""
        super().__init__(engine)
        if self.repeats:
            raise UsageError(
                f"{engine.name} repeats requests by itself, past any limit around it: build it "
                "with max_retries=0 and put Retrying around the RateLimited"
            )
        for name, limit in (
            ("requests_per_minute", requests_per_minute),
            ("tokens_per_minute", tokens_per_minute),
        ):
            if limit is not None and not limit >= 1:
                raise UsageError(f"{name} is {limit}: give at least 1, or None for no limit")
        self._requests = Window(requests_per_minute or float("inf"))
        self._tokens = Window(tokens_per_minute or float("inf"))
        self._clock, self._sleep = clock, sleep
        self._guard = threading.Lock()

    async def ask(self, request: Request) -> Reply:
        """Wait for room, then ask.

        Raises:
            EngineError: As the inner engine says.
        """
        estimate = estimate_tokens(request, self.params).total
        wait_s, one, tokens = self._book(estimate)
        if wait_s > 0:
            try:
                with attempts_counted() as under_way, under_way.not_sending():
                    await self._wait(wait_s)
            except BaseException:
                one.amount = tokens.amount = 0  # nothing was sent
                raise
        try:
            reply = await self.inner.ask(request)
        except EngineError as error:
            one.amount = error.attempts
            if error.spent is not None or not error.attempts:
                tokens.amount = error.spent.total if error.spent else 0
            if error.kind == "rate" and error.retry_after_s is not None:
                self._pause(error.retry_after_s)
            raise
        one.amount = reply.attempts
        if reply.prompt_tokens is not None and reply.completion_tokens is not None:
            tokens.amount = reply.prompt_tokens + reply.completion_tokens + reply.wasted.total
        if reply.headroom is not None:
            self._heed(reply.headroom)
        return reply

    def _book(self, estimate: int) -> tuple[float, Booking, Booking]:
        with self._guard:
            now = self._clock()
            at = self._tokens.earliest(estimate, now)
            at = max(at, self._requests.earliest(1, now))
            # later is always possible too: what is booked only expires
            return at - now, self._requests.book(1, at), self._tokens.book(estimate, at)

    def _pause(self, seconds: float) -> None:
        with self._guard:
            until = self._clock() + seconds
            self._requests.pause(until)
            self._tokens.pause(until)

    def _heed(self, said: Headroom) -> None:
        with self._guard:
            now = self._clock()
            if said.requests is not None:
                self._requests.shrink(said.requests, now)
            if said.tokens is not None:
                self._tokens.shrink(said.tokens, now)

    async def _wait(self, seconds: float) -> None:
        if self._sleep is not None:
            await self._sleep(seconds)
            return
        import asyncio

        await asyncio.sleep(seconds)
