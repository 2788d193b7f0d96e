"""The one door through which effects happen: model calls and evaluations of a run.

A `Run` joins journal, budget, cache, executor and concurrency limits. Programs of the low door
that open none get a bare one that records nothing and limits nothing.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from textgrad_core.budget import Budget, Meter
from textgrad_core.domain import Domain, EvaluationContext
from textgrad_core.engine.protocol import Engine, Reply, Request, engine_key
from textgrad_core.engine.replies import storable
from textgrad_core.errors import EngineError, EngineFailure, UsageError
from textgrad_core.instruments import Instruments, measure_plainly
from textgrad_core.journal import Journal, Listener, Mode
from textgrad_core.jsondata import JSON, digest
from textgrad_core.outcome import Outcome, Unmeasured, outcome_from_json, outcome_to_json

if TYPE_CHECKING:
    import asyncio

    from textgrad_core.cache import EvaluationCache

log = logging.getLogger("textgrad_core")
V = TypeVar("V")
ANSWER_FAULTS: tuple[EngineFailure, ...] = ("refused", "cut", "empty")
"""Failures in which an answer came, was paid for, and says nothing."""


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Run:
    """Everything effects share. Close it, or use it as a context manager.

    Args:
        folder: Where ``journal.jsonl`` is kept; None records nothing.
        settings: What the run is configured with; a folder with other settings is refused.
        mode: ``"live"``, or ``"replay"`` to answer from the journal only.
        budget: Limits.
        cache: Outcomes shared with other runs; None shares nothing.
        executor: Where evaluations run; by default threads, as many as the domain or the
            machine allows, because native instruments bring their own processes.
        retries: How often an evaluation is tried again after a retryable failure.
        listeners: Called with every journal entry.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        settings: Mapping[str, JSON] | None = None,
        mode: Mode = "live",
        budget: Budget | None = None,
        cache: EvaluationCache | None = None,
        executor: Executor | None = None,
        retries: int = 1,
        listeners: Iterable[Listener] = (),
    ) -> None:
        """Open the journal; nothing else is started yet."""
        path = None if folder is None else folder / "journal.jsonl"
        self.journal = Journal(path, settings=settings, mode=mode, listeners=listeners)
        self.meter = Meter(budget or Budget())
        self.evaluations_run = 0
        self.model_calls_made = 0
        self.prompt_tokens: int | None = 0
        self.completion_tokens: int | None = 0
        self._cache, self._executor, self._retries = cache, executor, retries
        self._own_executors: dict[str, ThreadPoolExecutor] = {}
        self._gates: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._instruments = Instruments(self.journal)
        self._sites: dict[str, int] = {}
        self._guard = threading.Lock()

    def __enter__(self) -> Run:
        """Make this the run that operations in this context use."""
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Close it and give the context back."""
        _current.reset(self._token)
        self.close()

    def site(self, name: str) -> str:
        """A place in the program: the scope's path, the name, and the order of creation."""
        place = f"{_scope.get()}{name}"
        with self._guard:
            number = self._sites[place] = self._sites.get(place, 0) + 1
        return f"{place} {number}"

    async def ask(
        self, engine: Engine, request: Request, site: str, *, keep_failure: bool = False
    ) -> Reply:
        """One model call, from the journal if it holds it.

        Args:
            engine: The model.
            request: What is asked.
            site: Place in the program.
            keep_failure: Whether an answer that came but is none (refused, cut, empty) is
                recorded, as part of a course that goes on after it.

        Raises:
            EngineError: If there is no usable answer.
            BudgetExhausted: If no call is left; nothing was sent.
            Divergence: In a replay that asks for something else.
        """
        self.meter.reserve("calls")
        sent = False

        async def call() -> JSON:
            nonlocal sent
            async with self._gate(engine):
                sent = True
                try:
                    reply = await engine.ask(request)
                except EngineError as error:
                    sent = error.attempts > 0
                    self.model_calls_made += sent
                    if keep_failure and error.kind in ANSWER_FAULTS:
                        return {"failure": error.kind, "message": str(error)}
                    raise
            self.model_calls_made += 1
            return replace(reply, text=storable(reply.text)).to_json()

        asked: JSON = {**engine_key(engine), **request.to_json()}
        try:
            record, _ = await self.journal.perform("model", site, asked, call)
        except BaseException:
            if not sent:
                self.meter.give_back("calls")
            raise
        failure = failure_in(record)
        if failure is not None:
            raise failure
        reply = Reply.from_json(record)
        self.prompt_tokens = _add(self.prompt_tokens, reply.prompt_tokens)
        self.completion_tokens = _add(self.completion_tokens, reply.completion_tokens)
        return reply

    async def evaluate(
        self,
        domain: Domain[V],
        value: V,
        context: EvaluationContext,
        site: str,
        *,
        keep_failure: bool = True,
    ) -> Outcome:
        """One evaluation: from the journal, else from the cache, else measured.

        Never raises for a bad candidate or a broken instrument: both are outcomes.

        Args:
            domain: What is measured, and how.
            value: The candidate.
            context: What else shapes the measurement.
            site: Place in the program.
            keep_failure: Whether `Unmeasured` is recorded, as part of a course that goes on
                after it. If it ends the program, it should not be: running again then measures.

        Raises:
            BudgetExhausted: If no evaluation is left; nothing was measured.
            InstrumentError: If the domain cannot say what it measures with.
            Divergence: In a replay that asks for something else.
        """
        canonical = domain.canonical(value)
        asked: dict[str, JSON] = {
            "domain": domain.name,
            "instrument": await self._instruments.mark(domain, site),
            "value": canonical,
            "tier": context.tier,
        }
        if domain.seeded:
            asked["seed"] = context.seed

        async def measure() -> JSON:
            record = await self._measure(domain, canonical, context, asked)
            if not keep_failure and record.get("kind") == "unmeasured":
                raise _NotKept(record)
            return record

        self.meter.reserve("evaluations")
        try:
            record, _ = await self.journal.perform("evaluation", site, asked, measure)
        except _NotKept as failure:
            record = failure.record
        except BaseException:
            self.meter.give_back("evaluations")
            raise
        return outcome_from_json(record if isinstance(record, dict) else {})

    async def instrument(self, domain: Domain[Any]) -> None:
        """Declare the one instrument of a run; a folder made with another one is refused.

        Raises:
            SettingsDiffer: If the journal was made with another instrument.
            InstrumentError: If the domain cannot say what it measures with.
        """
        await self._instruments.declare(domain)

    def close(self) -> None:
        """Close journal and cache, and let go of threads that wait for an instrument."""
        self.journal.close()
        if self._cache is not None:
            self._cache.close()
        while self._own_executors:
            self._own_executors.popitem()[1].shutdown(wait=False, cancel_futures=True)

    async def _measure(
        self,
        domain: Domain[V],
        canonical: str,
        context: EvaluationContext,
        asked: dict[str, JSON],
    ) -> dict[str, JSON]:
        # a domain that does not say what shapes its scores cannot share them
        shared = domain.deterministic and await self._instruments.fingerprint(domain)
        cache = self._cache if shared else None
        key = digest(asked)
        kept = cache.get(key) if cache is not None else None
        if kept is not None and _is_outcome(kept):
            return {**kept, "cached": True}
        record: dict[str, JSON] = {}
        for _ in range(1 + self._retries):
            record = await self._execute(domain, canonical, context)
            if record.get("kind") != "unmeasured" or not record.get("retryable"):
                break
        self.evaluations_run += 1
        if cache is not None and record.get("kind") != "unmeasured":
            cache.put(key, record)
        return record

    async def _execute(
        self, domain: Domain[V], canonical: str, context: EvaluationContext
    ) -> dict[str, JSON]:
        import asyncio

        executor = self._executor or self._threads_for(domain)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                executor, measure_plainly, domain, canonical, context
            )
        except Exception as error:  # a foreign executor: a dead worker, a value it cannot send
            log.exception("the executor failed at an evaluation of %r", domain.name)
            cause = f"the executor failed: {type(error).__name__}: {error}"
            return outcome_to_json(Unmeasured(cause=cause))

    def _threads_for(self, domain: Domain[Any]) -> Executor:
        if domain.name not in self._own_executors:
            self._own_executors[domain.name] = ThreadPoolExecutor(
                domain.parallel or cores(), thread_name_prefix="textgrad-evaluate"
            )
        return self._own_executors[domain.name]

    def _gate(self, engine: Engine) -> asyncio.Semaphore:
        import asyncio

        key = engine.name, engine.max_concurrency  # two engines of one name may differ in width
        if key not in self._gates:
            self._gates[key] = asyncio.Semaphore(engine.max_concurrency)
        return self._gates[key]


def failure_in(record: JSON) -> EngineError | None:
    """The failure a record holds in place of a reply, if it does."""
    if not isinstance(record, dict) or "failure" not in record:
        return None
    kind: EngineFailure = next((k for k in ANSWER_FAULTS if k == record["failure"]), "empty")
    return EngineError(str(record.get("message", "")), kind=kind)


class _NotKept(Exception):
    """An outcome that is passed on without being recorded."""

    def __init__(self, record: dict[str, JSON]) -> None:
        super().__init__()
        self.record = record


def _is_outcome(record: Mapping[str, JSON]) -> bool:
    try:
        outcome_from_json(record)
    except (UsageError, KeyError):
        log.warning("the evaluation cache holds no outcome but %s", str(record)[:80])
        return False
    return True


def _add(total: int | None, more: int | None) -> int | None:
    return None if total is None or more is None else total + more


_current: ContextVar[Run | None] = ContextVar("textgrad_run", default=None)
_scope: ContextVar[str] = ContextVar("textgrad_scope", default="")
_bare: list[Run] = []


def current_run() -> Run:
    """The run of this context, or a bare one that records and limits nothing."""
    run = _current.get()
    if run is None:
        if not _bare:
            _bare.append(Run())
        run = _bare[0]
    return run


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name a part of the program, such as a step: sites inside it start with the name."""
    token = _scope.set(f"{_scope.get()}{name}/")
    try:
        yield
    finally:
        _scope.reset(token)
