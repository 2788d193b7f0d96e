"""The one door through which effects happen: model calls and evaluations of a run.

A `Run` joins journal, budget, cache, executor and concurrency limits. Programs of the low door
that open none get a bare one that records nothing and limits nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from textgrad_core.budget import Budget, Meter
from textgrad_core.domain import Domain, EvaluationContext
from textgrad_core.engine.protocol import Engine, Reply, Request
from textgrad_core.errors import Invalid, SettingsDiffer
from textgrad_core.journal import Journal, Listener, Mode
from textgrad_core.jsondata import JSON, digest
from textgrad_core.outcome import (
    Outcome,
    Rejected,
    Unmeasured,
    outcome_from_json,
    outcome_to_json,
)

if TYPE_CHECKING:
    import asyncio

    from textgrad_core.cache import EvaluationCache

log = logging.getLogger("textgrad_core")
V = TypeVar("V")


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
        self._own_executor: ThreadPoolExecutor | None = None
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._instruments: dict[str, JSON] = {}
        self._sites: dict[str, int] = {}

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
        number = self._sites[place] = self._sites.get(place, 0) + 1
        return f"{place} {number}"

    async def ask(self, engine: Engine, request: Request, site: str) -> Reply:
        """One model call, from the journal if it holds it.

        Raises:
            EngineError: If there is no usable answer; nothing is recorded then.
            BudgetExhausted: If no call is left; nothing was sent.
            Divergence: In a replay that asks for something else.
        """
        self.meter.reserve("calls")

        async def call() -> JSON:
            async with self._gate(engine):
                reply = await engine.ask(request)
            self.model_calls_made += 1
            return reply.to_json()

        asked: JSON = {"engine": engine.name, **request.to_json()}
        try:
            record, _ = await self.journal.perform("model", site, asked, call)
        except BaseException:
            self.meter.give_back("calls")
            raise
        reply = Reply.from_json(record)
        self.prompt_tokens = _add(self.prompt_tokens, reply.prompt_tokens)
        self.completion_tokens = _add(self.completion_tokens, reply.completion_tokens)
        return reply

    async def evaluate(
        self, domain: Domain[V], value: V, context: EvaluationContext, site: str
    ) -> Outcome:
        """One evaluation: from the journal, else from the cache, else measured.

        Never raises for a bad candidate or a broken instrument: both are outcomes.

        Raises:
            BudgetExhausted: If no evaluation is left; nothing was measured.
            Divergence: In a replay that asks for something else.
        """
        self.meter.reserve("evaluations")
        canonical = domain.canonical(value)
        asked: dict[str, JSON] = {"value": canonical, "tier": context.tier}
        if domain.seeded:
            asked["seed"] = context.seed

        async def measure() -> JSON:
            return await self._measure(domain, canonical, context, asked)

        try:
            await self.instrument(domain)
            record, _ = await self.journal.perform(
                "evaluation", site, {"domain": domain.name, **asked}, measure
            )
        except BaseException:
            self.meter.give_back("evaluations")
            raise
        return outcome_from_json(record if isinstance(record, dict) else {})

    async def instrument(self, domain: Domain[Any]) -> JSON:
        """The domain's fingerprint as recorded; a replay needs no instrument.

        Raises:
            SettingsDiffer: If the journal was made with another instrument.
        """
        import asyncio

        if domain.name in self._instruments:
            return self._instruments[domain.name]
        site = f"instrument {domain.name}"
        found = self.journal.recall("instrument", site)
        if self.journal.mode != "live" and found is not None:
            fingerprint = found.body["fingerprint"]
        else:
            fingerprint = dict(await asyncio.to_thread(domain.fingerprint))
            if found is not None and found.body["fingerprint"] != fingerprint:
                raise SettingsDiffer(
                    f"this run was measured with another instrument: recorded "
                    f"{found.body['fingerprint']}, now {fingerprint}; restore that installation, "
                    "replay the run, or start over with --fresh"
                )
        self._instruments[domain.name] = fingerprint
        self.journal.note("instrument", site, {"fingerprint": fingerprint})
        return fingerprint

    def close(self) -> None:
        """Close journal and cache, and let go of threads that wait for an instrument."""
        self.journal.close()
        if self._cache is not None:
            self._cache.close()
        if self._own_executor is not None:
            self._own_executor.shutdown(wait=False, cancel_futures=True)
            self._own_executor = None

    async def _measure(
        self,
        domain: Domain[V],
        canonical: str,
        context: EvaluationContext,
        asked: dict[str, JSON],
    ) -> dict[str, JSON]:
        key = digest(
            {"domain": domain.name, "instrument": self._instruments[domain.name], **asked}
        )
        cache = self._cache if domain.deterministic else None
        kept = cache.get(key) if cache is not None else None
        if kept is not None:
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

        executor = self._executor
        if executor is None:
            if self._own_executor is None:
                self._own_executor = ThreadPoolExecutor(
                    domain.parallel or cores(), thread_name_prefix="textgrad-evaluate"
                )
            executor = self._own_executor
        try:
            return await asyncio.get_running_loop().run_in_executor(
                executor, measure_plainly, domain, canonical, context
            )
        except BrokenExecutor as error:
            return outcome_to_json(Unmeasured(cause=f"the executor broke: {error}"))

    def _gate(self, engine: Engine) -> asyncio.Semaphore:
        import asyncio

        if engine.name not in self._gates:
            self._gates[engine.name] = asyncio.Semaphore(engine.max_concurrency)
        return self._gates[engine.name]


def measure_plainly(
    domain: Domain[Any], canonical: str, context: EvaluationContext
) -> dict[str, JSON]:
    """Evaluate on any executor: picklable in, plain data out, foreign exceptions kept inside."""
    outcome: Outcome
    try:
        outcome = domain.evaluate(domain.parse(canonical), context)
    except Invalid as error:
        outcome = Rejected(reason=error.reason, hint=error.hint)
    except Exception as error:  # noqa: BLE001 - border with plugins: their failure has no score
        outcome = Unmeasured(cause=f"{type(error).__name__}: {error}")
    return outcome_to_json(outcome)


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
