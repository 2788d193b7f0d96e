"""The one door through which effects happen: model calls and evaluations of a run.

A `Run` joins journal, budget, cache, executor and concurrency limits. Programs of the low door
that open none get a bare one that records nothing and limits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textgrad_core.budget import Budget, Meter
from textgrad_core.calling import Calling
from textgrad_core.domain import Domain, EvaluationContext
from textgrad_core.engine.protocol import Engine, Reply, Request
from textgrad_core.errors import UsageError
from textgrad_core.evaluating import Evaluating
from textgrad_core.instruments import Instruments
from textgrad_core.journal import Journal, Listener, Mode
from textgrad_core.jsondata import JSON
from textgrad_core.measuring import Measuring
from textgrad_core.outcome import Outcome
from textgrad_core.places import Sites
from textgrad_core.places import scope as scope
from textgrad_core.prices import PriceTable, as_prices
from textgrad_core.runtime import hand_over
from textgrad_core.spending import Ledger

if TYPE_CHECKING:
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

    Raises:
        UsageError: If the cost is limited and there are no prices.
        JournalError: If the folder cannot be used.
    """

    _endless: ClassVar[bool] = False

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
        self.ledger = Ledger(as_prices(prices), by_operation=self._endless)
        self.meter = Meter(budget or Budget())
        if self.meter.budget.cost is not None and prices is None:
            raise UsageError(
                f"the budget limits the cost to {self.meter.budget.cost:g}, but nothing says what "
                "a model costs: give prices"
            )
        path = None if folder is None else Path(folder) / "journal.jsonl"
        self.journal = Journal(path, settings=settings, mode=mode, listeners=listeners)
        self._sites = Sites(by_name=self._endless)
        self._calling = Calling(self.journal, self.meter, self.ledger)
        self._instruments = Instruments(self.journal)
        self._measuring = Measuring(cache=cache, executor=executor, retries=retries)
        self._evaluating = Evaluating(self.journal, self.meter, self._instruments, self._measuring)

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

    @property
    def model_calls_made(self) -> int:
        """Model calls this process got an answer to."""
        return self._calling.made

    def site(self, name: str) -> str:
        """A place in the program: the scope's path, the name, and the order of creation."""
        return self._sites.next(name)

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
        return await hand_over(self._calling.ask(engine, request, site, keep_failure=keep_failure))

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

        Never raises for a bad candidate or a broken instrument: both are outcomes. Cancelled
        while the instrument works, it returns at once; what comes out is still kept.

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
        work = self._evaluating.evaluate(domain, value, context, site, keep_failure=keep_failure)
        return await hand_over(work)

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


class _BareRun(Run):
    """What programs without a run use, as long as their process lives.

    It records nothing, and keeps nothing that grows with the number of calls.
    """

    _endless = True


_current: ContextVar[Run | None] = ContextVar("textgrad_run", default=None)
_bare: list[Run] = []


def current_run() -> Run:
    """The run of this context, or a bare one that records and limits nothing."""
    run = _current.get()
    if run is None:
        if not _bare:
            _bare.append(_BareRun())
        run = _bare[0]
    return run
