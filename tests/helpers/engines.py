"""Engines for tests: gates instead of sleeps, so that nothing depends on the machine's speed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textgrad_core.engine.protocol import Reply, Request
from textgrad_core.errors import EngineError

Answer = Callable[[Request], str]


def last_words(request: Request) -> str:
    """The text of the last message."""
    return request.messages[-1].content


class Recorder:
    """Answers by a function and keeps what it was asked; may give way a number of times first.

    Args:
        answer: From the request to the answer; an exception it raises is the engine's.
        name: Name to go by.
        max_concurrency: As in the protocol.
        yields: From the request to how often other tasks come first, to shuffle the order in
            which answers arrive.

    Attributes:
        requests: Every request, in the order of arrival.
        peak: Highest number of requests that were under way at once.
    """

    def __init__(
        self,
        answer: Answer = last_words,
        *,
        name: str = "recorder",
        max_concurrency: int = 64,
        yields: Callable[[Request], int] = lambda _: 0,
    ) -> None:
        self.name, self.max_concurrency = name, max_concurrency
        self.requests: list[Request] = []
        self.peak = 0
        self._answer, self._yields = answer, yields
        self._under_way = 0

    async def ask(self, request: Request) -> Reply:
        """Answer after giving way."""
        self.requests.append(request)
        self._under_way += 1
        self.peak = max(self.peak, self._under_way)
        try:
            for _ in range(self._yields(request)):
                await asyncio.sleep(0)
            return Reply(text=self._answer(request), model=self.name)
        finally:
            self._under_way -= 1

    def asked(self, purpose: str) -> list[Request]:
        """The requests of one purpose."""
        return [r for r in self.requests if r.purpose == purpose]


class Meeting:
    """Answers nobody before a given number of requests is under way at the same time.

    Args:
        guests: How many have to be there.
        purpose: Requests of other purposes are answered at once.
    """

    max_concurrency = 1000

    def __init__(self, guests: int, purpose: str = "forward", name: str = "meeting") -> None:
        self.name = name
        self.met = 0
        self._guests, self._purpose = guests, purpose
        self._complete: asyncio.Event | None = None

    async def ask(self, request: Request) -> Reply:
        """Wait for the others."""
        if request.purpose == self._purpose:
            if self._complete is None:
                self._complete = asyncio.Event()
            self.met += 1
            if self.met == self._guests:
                self._complete.set()
            await self._complete.wait()
        return Reply(text=f"answer to {last_words(request)[:40]}", model=self.name)


def down() -> EngineError:
    """What an engine raises whose server is away."""
    return EngineError("the server is away", kind="server", retryable=True)
