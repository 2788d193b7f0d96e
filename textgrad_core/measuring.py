"""Evaluations on an executor: remembered in a cache, measured once, tried again if they fail.

An instrument cannot be stopped from outside. So a measurement that has begun is waited for even if
its task is cancelled: the claim is held until it has really ended, and what came out is kept. One
that has not begun is taken back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from textgrad_core.claims import claim_or_result
from textgrad_core.domain import Domain, EvaluationContext
from textgrad_core.errors import UsageError
from textgrad_core.instruments import measure_plainly
from textgrad_core.jsondata import JSON
from textgrad_core.lasting import ended
from textgrad_core.logs import log
from textgrad_core.outcome import Unmeasured, outcome_from_json, outcome_to_json
from textgrad_core.singleflight import SingleFlight
from textgrad_core.workers import DaemonThreads

if TYPE_CHECKING:
    import asyncio

    from textgrad_core.cache import EvaluationCache

LONGEST_WAIT_S = 600.0  # for another process, where the evaluation has no deadline of its own


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Measuring:
    """How a run measures.

    Args:
        cache: Outcomes shared with other runs; None shares nothing.
        executor: Where evaluations run; by default threads, as many as the domain or the
            machine allows.
        retries: How often an evaluation is tried again after a retryable failure.

    Attributes:
        evaluations_run: Evaluations this process paid for.
    """

    def __init__(
        self, *, cache: EvaluationCache | None, executor: Executor | None, retries: int
    ) -> None:
        """Start nothing yet."""
        self.evaluations_run = 0
        self._cache, self._executor, self._retries = cache, executor, retries
        self._own_executors: dict[str, DaemonThreads] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._closed = False
        self._flights: SingleFlight[dict[str, JSON]] = SingleFlight(_is_kept)

    async def measure(
        self, domain: Domain[Any], canonical: str, context: EvaluationContext, key: str | None
    ) -> dict[str, JSON]:
        """The outcome as plain data, from the cache, or measured once by whoever is first.

        Being cancelled while the instrument works ends it only afterwards: with the outcome, or
        with the cancellation if there is none. `until_paid_for` keeps callers from waiting.

        Args:
            domain: What measures.
            canonical: The candidate.
            context: What else shapes the measurement.
            key: Digest of everything that shapes the outcome; None if it must not be shared.
        """
        cache = self._cache
        if cache is None or key is None:
            return await self._paid(domain, canonical, context)

        async def first() -> dict[str, JSON]:
            return await self._claimed(cache, domain, canonical, context, key)

        record, shared = await self._flights.fly(key, first)
        return {**record, "cached": True} if shared else record

    def close(self) -> None:
        """Close the cache, and let go of threads that wait for an instrument."""
        self._closed = True
        if self._cache is not None:
            self._cache.close()
        while self._own_executors:
            self._own_executors.popitem()[1].shutdown(wait=False, cancel_futures=True)

    async def _claimed(
        self,
        cache: EvaluationCache,
        domain: Domain[Any],
        canonical: str,
        context: EvaluationContext,
        key: str,
    ) -> dict[str, JSON]:
        """Measure under a claim, unless another process does, or did, or dies at it."""
        kept = _kept(cache, key)
        if kept is not None:
            return kept
        longest_s = context.deadline_s or LONGEST_WAIT_S
        turn = self._turn(domain)
        claim, kept = await claim_or_result(cache, key, lambda: _kept(cache, key), longest_s, turn)
        if kept is not None:
            return kept
        try:
            record = await self._paid(domain, canonical, context)
            if _is_kept(record):
                cache.put(key, record)
                if self._closed:  # putting has opened it again
                    cache.close()
            return record
        finally:
            if claim is not None:
                claim.release()
                if turn is not None:
                    turn.release()

    async def _paid(
        self, domain: Domain[Any], canonical: str, context: EvaluationContext
    ) -> dict[str, JSON]:
        import asyncio

        for left in reversed(range(1 + self._retries)):
            record, wanted = await self._execute(domain, canonical, context)
            failed = record.get("kind") == "unmeasured"
            if not (failed and record.get("retryable") and wanted and left):
                break
        self.evaluations_run += 1
        if failed and not wanted:
            raise asyncio.CancelledError
        return record

    async def _execute(
        self, domain: Domain[Any], canonical: str, context: EvaluationContext
    ) -> tuple[dict[str, JSON], bool]:
        """One use of the instrument, and whether it is still wanted when it has ended."""
        executor = self._executor or self._threads_for(domain)
        wanted = True
        try:
            job = executor.submit(measure_plainly, domain, canonical, context)
            wanted = await ended(job)
            return job.result(), wanted
        except Exception as error:  # a foreign executor: a dead worker, a value it cannot send
            log.exception("the executor failed at an evaluation of %r", domain.name)
            cause = f"the executor failed: {type(error).__name__}: {error}"
            return outcome_to_json(Unmeasured(cause=cause)), wanted

    def _turn(self, domain: Domain[Any]) -> asyncio.Semaphore | None:
        """As many as measure at once; None where only the executor knows."""
        import asyncio

        if self._executor is not None:
            return None
        return self._turns.setdefault(domain.name, asyncio.Semaphore(_width(domain)))

    def _threads_for(self, domain: Domain[Any]) -> Executor:
        if domain.name not in self._own_executors:
            self._own_executors[domain.name] = DaemonThreads(_width(domain), "textgrad-evaluate")
        return self._own_executors[domain.name]


def _width(domain: Domain[Any]) -> int:
    return domain.parallel or cores()


def _kept(cache: EvaluationCache, key: str) -> dict[str, JSON] | None:
    """What the cache holds under a key, marked as such, if it is an outcome."""
    record = cache.get(key)
    return {**record, "cached": True} if record is not None and _is_outcome(record) else None


def _is_kept(record: Mapping[str, JSON]) -> bool:
    return record.get("kind") != "unmeasured"


def _is_outcome(record: Mapping[str, JSON]) -> bool:
    try:
        outcome_from_json(record)
    except (UsageError, KeyError):
        log.warning("the evaluation cache holds no outcome but %s", str(record)[:80])
        return False
    return True
