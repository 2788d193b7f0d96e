"""The one door through which effects happen: model calls and evaluations of a run.

A `Run` joins journal, budget, cache, executor and concurrency limits. Programs of the low door
that open none get a bare one that records nothing and limits nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from textgrad_core.budget import Amount, Budget, Hold, Meter, Resource
from textgrad_core.domain import Domain, EvaluationContext
from textgrad_core.engine.failures import (
    failure_in,
    failure_record,
    is_answer_fault,
    refusal_record,
)
from textgrad_core.engine.protocol import Engine, Reply, Request, engine_key
from textgrad_core.engine.retrying import retries_granted_by
from textgrad_core.engine.wrapper import target_of
from textgrad_core.errors import BudgetExhausted, EngineError, UsageError
from textgrad_core.instruments import Instruments
from textgrad_core.journal import Journal, Listener, Mode
from textgrad_core.jsondata import JSON, digest
from textgrad_core.measuring import Measuring
from textgrad_core.outcome import Outcome, outcome_from_json
from textgrad_core.prices import PriceTable, as_prices
from textgrad_core.runtime import hand_over
from textgrad_core.spending import Ledger, unpriced

if TYPE_CHECKING:
    import asyncio

    from textgrad_core.cache import EvaluationCache

V = TypeVar("V")


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
        folder: Path | str | None = None,
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
        path = None if folder is None else Path(folder) / "journal.jsonl"
        self.journal = Journal(path, settings=settings, mode=mode, listeners=listeners)
        self.model_calls_made = 0
        self._measuring = Measuring(cache=cache, executor=executor, retries=retries)
        self._instruments = Instruments(self.journal)
        self._gates: dict[object, tuple[int, asyncio.Semaphore]] = {}
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
        return await hand_over(self._ask(engine, request, site, keep_failure=keep_failure))

    async def _ask(
        self, engine: Engine, request: Request, site: str, *, keep_failure: bool
    ) -> Reply:
        asked: JSON = {**engine_key(engine), **request.to_json()}
        hold, refusal = self._held(engine, request, self.journal.holds("model", site, asked))
        if refusal is not None and not keep_failure:
            raise refusal
        sent = False

        async def call() -> JSON:
            nonlocal sent
            if refusal is not None:
                return refusal_record(refusal)
            async with self._gate(engine):
                try:
                    self.meter.check_time()
                    sent = True
                    with retries_granted_by(self.meter.grant_retry):
                        reply = await engine.ask(request)
                except EngineError as error:
                    sent = error.attempts > 0
                    self.model_calls_made += sent
                    if keep_failure and is_answer_fault(error):
                        return failure_record(error)
                    self.ledger.failed(site, error.attempts)
                    raise
                except BudgetExhausted as late:
                    if keep_failure:
                        return refusal_record(late)
                    raise
            self.model_calls_made += 1
            return reply.to_json()

        try:
            record, _ = await self.journal.perform("model", site, asked, call)
        except BaseException:
            if sent:
                hold.settle(tokens=0, cost=0)  # what a failed call cost is not known
            else:
                hold.release()
            raise
        failure = failure_in(record)
        if isinstance(failure, BudgetExhausted):
            hold.release()
            self.meter.refusal = self.meter.refusal or failure
            raise failure
        if failure is not None:
            hold.settle()  # it was answered; what that took stays as it was expected
            self.ledger.failed(site, failure.attempts)
            raise failure
        reply = Reply.from_json(record)
        spent = self.ledger.answered(site, engine, reply)
        hold.settle(tokens=spent.tokens, cost=spent.cost)
        return reply

    def _held(
        self, engine: Engine, request: Request, recorded: bool
    ) -> tuple[Hold, BudgetExhausted | None]:
        """What a call may take, reserved; a call on record is counted, never refused."""
        tokens, cost = self.ledger.expected(engine, request)
        if cost is None and self.meter.budget.cost is not None:
            raise unpriced(engine)
        amounts: dict[Resource, Amount] = {"calls": 1, "tokens": tokens, "cost": cost or 0}
        if recorded:
            return self.meter.count(**amounts), None
        try:
            return self.meter.hold(**amounts), None
        except BudgetExhausted as refusal:
            return self.meter.count(), refusal

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
        return await hand_over(
            self._evaluate(domain, value, context, site, keep_failure=keep_failure)
        )

    async def _evaluate(
        self,
        domain: Domain[V],
        value: V,
        context: EvaluationContext,
        site: str,
        *,
        keep_failure: bool,
    ) -> Outcome:
        canonical = domain.canonical(value)
        hold = self.meter.hold(evaluations=1)  # at once: who asks first is served first
        try:
            instrument = await self._instruments.mark(domain, site)
        except BaseException:
            hold.release()
            raise
        asked: dict[str, JSON] = {
            "domain": domain.name,
            "instrument": instrument,
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

        target = target_of(engine)
        try:
            gates: MutableMapping[object, tuple[int, asyncio.Semaphore]] = _gates
            gate = gates.get(target)
        except TypeError:  # an engine of a user's that cannot be hashed or referred to weakly
            gates, target = self._gates, id(target)
            gate = gates.get(target)
        if gate is None or gate[0] != engine.max_concurrency:
            gate = engine.max_concurrency, asyncio.Semaphore(engine.max_concurrency)
            gates[target] = gate
        return gate[1]


class _NotKept(Exception):
    """An outcome that is passed on without being recorded."""

    def __init__(self, record: dict[str, JSON]) -> None:
        super().__init__()
        self.record = record


_gates: WeakKeyDictionary[object, tuple[int, asyncio.Semaphore]] = WeakKeyDictionary()
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
