"""The one door through which effects happen: model calls and evaluations of a run.

A `Run` joins journal, budget, cache, executor and concurrency limits. Programs of the low door
that open none get a bare one that records nothing and limits nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from textgrad_core.budget import Budget, Meter
from textgrad_core.domain import Domain, EvaluationContext
from textgrad_core.engine.protocol import Engine, Reply, Request, engine_key
from textgrad_core.engine.retrying import retries_granted_by
from textgrad_core.errors import EngineError, EngineFailure, UsageError
from textgrad_core.instruments import Instruments
from textgrad_core.journal import Journal, Listener, Mode
from textgrad_core.jsondata import JSON, digest
from textgrad_core.measuring import Measuring
from textgrad_core.outcome import Outcome, outcome_from_json
from textgrad_core.prices import PriceTable, as_prices
from textgrad_core.spending import Ledger, unpriced

if TYPE_CHECKING:
    import asyncio

    from textgrad_core.cache import EvaluationCache

V = TypeVar("V")
ANSWER_FAULTS: tuple[EngineFailure, ...] = ("refused", "cut", "empty")
"""Failures in which an answer came, was paid for, and says nothing."""


class Run:
    """Everything effects share. Close it, or use it as a context manager.

    Args:
        folder: Where ``journal.jsonl`` is kept; None records nothing.
        settings: What the run is configured with; a folder with other settings is refused.
        mode: ``"live"``, or ``"replay"`` to answer from the journal only.
        budget: Limits.
        prices: What models cost: a table, plain data like it, or a TOML or JSON file. Without
            prices every cost is unknown.
        cache: Outcomes shared with other runs; None shares nothing.
        executor: Where evaluations run; by default threads, as many as the domain or the
            machine allows, because native instruments bring their own processes.
        retries: How often an evaluation is tried again after a retryable failure.
        listeners: Functions of one journal entry, or `Callback`s; told every entry.

    Attributes:
        ledger: What model calls took, by site and in all.
        model_calls_made: Model calls this process got an answer to.

    Raises:
        UsageError: If the cost is limited and there are no prices.
        JournalError: If the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        settings: Mapping[str, JSON] | None = None,
        mode: Mode = "live",
        budget: Budget | None = None,
        prices: PriceTable | Mapping[str, object] | Path | str | None = None,
        cache: EvaluationCache | None = None,
        executor: Executor | None = None,
        retries: int = 1,
        listeners: Iterable[Listener] = (),
    ) -> None:
        """Open the journal; nothing else is started yet."""
        self.ledger = Ledger(as_prices(prices))
        self.meter = Meter(budget or Budget())
        if self.meter.budget.cost is not None and prices is None:
            raise UsageError(
                f"the budget limits the cost to {self.meter.budget.cost:g}, but nothing says what "
                "a model costs: give prices"
            )
        path = None if folder is None else folder / "journal.jsonl"
        self.journal = Journal(path, settings=settings, mode=mode, listeners=listeners)
        self.model_calls_made = 0
        self._measuring = Measuring(cache=cache, executor=executor, retries=retries)
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

    @property
    def evaluations_run(self) -> int:
        """Evaluations this process paid for."""
        return self._measuring.evaluations_run

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
            BudgetExhausted: If the call may go beyond a limit; nothing was sent.
            UsageError: If the cost is limited and the model has no price; nothing was sent.
            Divergence: In a replay that asks for something else.
        """
        tokens, cost = self.ledger.expected(engine, request)
        if cost is None and self.meter.budget.cost is not None:
            raise unpriced(engine)
        hold = self.meter.hold(calls=1, tokens=tokens, cost=cost or 0)
        sent = False

        async def call() -> JSON:
            nonlocal sent
            async with self._gate(engine):
                self.meter.check_time()
                sent = True
                try:
                    with retries_granted_by(self.meter.grant_retry):
                        reply = await engine.ask(request)
                except EngineError as error:
                    sent = error.attempts > 0
                    self.model_calls_made += sent
                    self.ledger.failed(site, error.attempts)
                    if keep_failure and error.kind in ANSWER_FAULTS:
                        return {"failure": error.kind, "message": str(error)}
                    raise
            self.model_calls_made += 1
            return reply.to_json()

        asked: JSON = {**engine_key(engine), **request.to_json()}
        try:
            record, _ = await self.journal.perform("model", site, asked, call)
        except BaseException:
            if sent:
                hold.settle(tokens=0, cost=0)  # what a failed call cost is not known
            else:
                hold.release()
            raise
        failure = failure_in(record)
        if failure is not None:
            hold.settle(tokens=0, cost=0)
            raise failure
        reply = Reply.from_json(record)
        spent = self.ledger.answered(site, engine, reply)
        hold.settle(tokens=spent.tokens, cost=spent.cost)
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
            # a domain that does not say what shapes its scores cannot share them
            told = await self._instruments.fingerprint(domain)
            key = digest(asked) if domain.deterministic and told else None
            record = await self._measuring.measure(domain, canonical, context, key)
            if not keep_failure and record.get("kind") == "unmeasured":
                raise _NotKept(record)
            return record

        hold = self.meter.hold(evaluations=1)
        try:
            record, _ = await self.journal.perform("evaluation", site, asked, measure)
        except _NotKept as failure:
            record = failure.record
        except BaseException:
            hold.release()
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
        self._measuring.close()

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
