"""The one layer that repeats requests. Everything below it sends each request once.

What is repeated, and after how long, is a pure rule (`RetryRule`); `Retrying` only waits.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random

from textgrad_core.counts import Tokens, added
from textgrad_core.engine.attempts import Attempts, attempts_counted, uncounted
from textgrad_core.engine.protocol import Engine, Reply, Request
from textgrad_core.engine.wrapper import Wrapper
from textgrad_core.errors import EngineError, UsageError
from textgrad_core.jsondata import JSON, digest, seed_from

FINAL_KINDS = frozenset({"auth", "quota", "overflow", "refused", "cut", "request"})
RETRIES = 4
TOTAL_DEADLINE_S = 900.0
Sleep = Callable[[float], Awaitable[None]]
Send = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """When a failed request is sent again.

    Args:
        retries: Times one call is repeated.
        first_wait_s: Wait before the first repetition; it doubles with each.
        longest_wait_s: Bound of that doubling.
        max_wait_s: Longest wait a server may ask for (Retry-After); for more the call stops.
        seed: Of the jitter that keeps many calls from coming back together.
    """

    retries: int = RETRIES
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    max_wait_s: float = 600.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse negative numbers."""
        for name in ("retries", "first_wait_s", "longest_wait_s", "max_wait_s"):
            given = getattr(self, name)
            if not given >= 0:
                raise UsageError(f"{name} is {given}: it must be 0 or more")

    def backoff_s(self, failures: int, key: JSON) -> float:
        """The wait after so many failures: 75 to 100 % of the doubled one, by seed and key."""
        doubled = self.first_wait_s * 2.0 ** min(failures - 1, 60)
        jitter = Random(seed_from(self.seed, key, failures)).uniform(0.75, 1.0)
        return min(doubled, self.longest_wait_s) * jitter

    def verdict(self, error: EngineError, failures: int, key: JSON) -> float | str:
        """Seconds to wait before the next try, or why there is none.

        Args:
            error: The last failure.
            failures: How many there were.
            key: What tells this call from others, for the jitter.
        """
        if not error.retryable or error.kind in FINAL_KINDS:
            return ""
        if failures > self.retries:
            return f"gave up after {failures} failures" if self.retries else ""
        asked = error.retry_after_s
        if asked is None:
            return self.backoff_s(failures, key)
        if asked > self.max_wait_s:
            return (
                f"the server asks to wait {asked:g} s, longer than max_wait_s="
                f"{self.max_wait_s:g}: run again after that, or raise it"
            )
        return asked


class Retries:
    """Sends a request until it is answered, or may not be sent again.

    Args:
        name: Of the engine, for messages.
        rule: What is repeated, and after how long.
        total_deadline_s: Seconds one call may take in all, waits included.
        clock: Seconds from any origin, never going back.
        sleep: Waits; ``asyncio.sleep`` by default.

    Raises:
        UsageError: If the deadline allows nothing.
    """

    def __init__(
        self,
        name: str,
        rule: RetryRule | None = None,
        *,
        total_deadline_s: float = TOTAL_DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep | None = None,
    ) -> None:
        """Keep the rule."""
        if not total_deadline_s > 0:
            raise UsageError(f"total_deadline_s is {total_deadline_s}: it must be above 0")
        self.name = name
        self.rule = rule or RetryRule()
        self.total_deadline_s = total_deadline_s
        self._clock, self._sleep = clock, sleep

    async def answer(self, send: Send, request: Request) -> Reply:
        """The answer to one request.

        Args:
            send: Sends a request once.
            request: What to ask.

        Raises:
            EngineError: The last failure; ``attempts`` and ``spent`` cover every request.
        """
        with attempts_counted() as under_way:
            return await self._answer(send, request, under_way)

    async def _answer(self, send: Send, request: Request, under_way: Attempts) -> Reply:
        ends = self._clock() + self.total_deadline_s
        attempts = failures = 0
        spent: Tokens | None = None
        key: JSON = None
        while True:
            outcome = await self._tried(send, request, ends, under_way)
            if isinstance(outcome, Reply):
                wasted = outcome.wasted + (spent or Tokens())
                return replace(outcome, attempts=attempts + outcome.attempts, wasted=wasted)
            attempts, failures = attempts + outcome.attempts, failures + 1
            spent = added(spent, outcome.spent)
            under_way.add(outcome)
            key = digest(request.to_json()) if key is None else key
            verdict = self._verdict(outcome, failures, key, ends - self._clock(), under_way)
            if isinstance(verdict, str):
                message = f"{outcome.message}; {verdict}" if verdict else outcome.message
                last = outcome.but(message=message, attempts=attempts, spent=spent)
                raise last from outcome.__cause__
            with under_way.not_sending():
                await self._wait(verdict)

    def _verdict(
        self,
        failure: EngineError,
        failures: int,
        key: JSON,
        left_s: float,
        under_way: Attempts,
    ) -> float | str:
        """Seconds to wait before the next try, or why there is none."""
        verdict = self.rule.verdict(failure, failures, key)
        if not isinstance(verdict, str) and verdict >= left_s:
            return (
                f"the next try would come after {verdict:.3g} s, past total_deadline_s="
                f"{self.total_deadline_s:g}"
            )
        if not isinstance(verdict, str) and not under_way.granted():
            return "the run's budget of retries is used up"
        return verdict

    async def _tried(
        self, send: Send, request: Request, ends: float, under_way: Attempts
    ) -> Reply | EngineError:
        import asyncio

        limit = asyncio.timeout(max(0.0, ends - self._clock()))
        under_way.sending = True
        try:
            async with limit:
                return await send(request)
        except EngineError as error:
            return uncounted(error)
        except TimeoutError:
            if not limit.expired():
                raise
            return EngineError(
                f"{self.name} gave no answer within total_deadline_s={self.total_deadline_s:g}",
                kind="timeout",
                retryable=True,
                attempts=int(under_way.sending),
            )

    async def _wait(self, seconds: float) -> None:
        if self._sleep is not None:
            await self._sleep(seconds)
            return
        import asyncio

        await asyncio.sleep(seconds)


class Retrying(Wrapper):
    """Repeats requests that may succeed later, and only those.

    A rejected key, an unknown model, a request the server calls wrong, an exhausted quota, a
    refusal and an answer cut at its limit are never repeated.

    Args:
        engine: What sends a request once.
        rule: What is repeated, and after how long.
        total_deadline_s: Seconds one ask may take in all, waits included.
        clock: Seconds from any origin, never going back.
        sleep: Waits; ``asyncio.sleep`` by default.

    Raises:
        UsageError: If the engine repeats requests already: two layers multiply.
    """

    def __init__(
        self,
        engine: Engine,
        rule: RetryRule | None = None,
        *,
        total_deadline_s: float = TOTAL_DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep | None = None,
    ) -> None:
        """Wrap; nothing is sent."""
        super().__init__(engine)
        if self.repeats:
            raise UsageError(
                f"{engine.name} repeats requests already, and two layers would multiply: build "
                "it with max_retries=0"
            )
        self.repeats = True
        self._retries = Retries(
            engine.name, rule, total_deadline_s=total_deadline_s, clock=clock, sleep=sleep
        )

    async def ask(self, request: Request) -> Reply:
        """Answer one request, with as many tries as the rule and the run allow.

        Raises:
            EngineError: The last failure; ``attempts`` and ``spent`` cover every request.
        """
        return await self._retries.answer(self.inner.ask, request)
