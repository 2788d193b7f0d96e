"""Model calls of a run: from the journal, or sent once, within the limits, and counted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from textgrad_core.budget import Amount, Hold, Meter, Resource
from textgrad_core.counts import Tokens, tokens_in
from textgrad_core.engine.attempts import attempts_counted, uncounted
from textgrad_core.engine.failures import (
    failure_in,
    failure_record,
    is_answer_fault,
    refusal_record,
)
from textgrad_core.engine.protocol import Engine, Reply, Request, engine_key
from textgrad_core.errors import BudgetExhausted, EngineError, JournalError
from textgrad_core.journal import Journal
from textgrad_core.jsondata import JSON
from textgrad_core.logs import log
from textgrad_core.places import scope
from textgrad_core.slots import Slots
from textgrad_core.spending import Ledger, names_of, unpriced

if TYPE_CHECKING:
    from textgrad_core.journal_lines import Entry

FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class _Call:
    """One call that is to be sent."""

    engine: Engine
    request: Request
    site: str
    hold: Hold
    keep_failure: bool


class Calling:
    """How a run asks models.

    Args:
        journal: Where replies are recorded, and the requests that failed.
        meter: What the run may consume.
        ledger: What it consumed.

    Attributes:
        made: Calls this process got an answer to.
    """

    def __init__(self, journal: Journal, meter: Meter, ledger: Ledger) -> None:
        """Count what an earlier process of this run spent on calls that failed."""
        self.made = 0
        self._journal, self._meter, self._ledger = journal, meter, ledger
        self._slots = Slots()
        for entry in journal.entries():
            if entry.kind == FAILURE:
                self._count_again(entry)

    async def ask(
        self, engine: Engine, request: Request, site: str, *, keep_failure: bool
    ) -> Reply:
        """One model call; see `Run.ask`."""
        asked: JSON = {**engine_key(engine), **request.to_json()}
        hold, refusal = self._held(engine, request, self._journal.holds("model", site, asked))
        if refusal is not None and not keep_failure:
            raise refusal
        call = _Call(engine, request, site, hold, keep_failure)

        async def effect() -> JSON:
            return refusal_record(refusal) if refusal is not None else await self._record(call)

        try:
            record, _ = await self._journal.perform("model", site, asked, effect)
        except BaseException:
            hold.release()  # changes nothing if something was sent
            raise
        return self._understood(record, call)

    def _held(
        self, engine: Engine, request: Request, recorded: bool
    ) -> tuple[Hold, BudgetExhausted | None]:
        """What a call may take, reserved; a call on record is counted, never refused."""
        tokens, cost = self._ledger.expected(engine, request)
        if cost is None and self._meter.budget.cost is not None:
            raise unpriced(engine)
        amounts: dict[Resource, Amount] = {"calls": 1, "tokens": tokens, "cost": cost or 0}
        if recorded:
            return self._meter.count(**amounts), None
        try:
            return self._meter.hold(**amounts), None
        except BudgetExhausted as refusal:
            return self._meter.count(), refusal

    async def _record(self, call: _Call) -> JSON:
        """Send a call; its reply as plain data, or what stands for it in the run's course."""
        async with self._slots.one(call.engine):
            try:
                self._meter.check_time()
            except BudgetExhausted as late:
                return _kept(late, call)
            inside = scope(call.site.rpartition("/")[2])  # the path before it is in scope already
            with attempts_counted(self._meter.grant_retry) as tried, inside:
                try:
                    reply = await self._within_time(call)
                except EngineError as error:
                    return self._failure(uncounted(error), call)
                except BudgetExhausted as late:
                    self._lost(call, "timeout", tried.begun, tried.spent)
                    return _kept(late, call)
                except BaseException as error:  # cancelled, or a mistake in the engine
                    self._lost(call, type(error).__name__, tried.begun, tried.spent)
                    raise
        self.made += 1
        return reply.to_json()

    async def _within_time(self, call: _Call) -> Reply:
        """The engine's answer, if it comes before the run's time is over.

        Raises:
            BudgetExhausted: If it does not.
        """
        import asyncio

        if self._meter.seconds_left is None:
            return await call.engine.ask(call.request)
        limit = asyncio.timeout(self._meter.seconds_left)
        try:
            async with limit:
                return await call.engine.ask(call.request)
        except TimeoutError:
            if not limit.expired():
                raise
        raise self._meter.time_is_up(f"the call at {call.site!r} was given up under way")

    def _failure(self, error: EngineError, call: _Call) -> JSON:
        """What stands for an answer that is none; other failures are raised.

        Raises:
            EngineError: The same one.
        """
        self.made += error.attempts > 0
        if call.keep_failure and is_answer_fault(error):
            return failure_record(error)
        self._lost(call, error.kind, error.attempts, error.spent)
        error.counted = True
        raise error

    def _understood(self, record: JSON, call: _Call) -> Reply:
        """The reply on record, counted.

        Raises:
            EngineError: If the answer was none.
            BudgetExhausted: If there was no call.
        """
        names = names_of(call.engine)
        failure = failure_in(record)
        if isinstance(failure, BudgetExhausted):
            call.hold.release()
            self._meter.refusal = self._meter.refusal or failure
            raise failure
        if failure is not None:
            spent = self._ledger.failed(call.site, names, failure.attempts, failure.spent)
            known = failure.spent is not None  # else what it took stays as it was expected
            call.hold.settle(
                tokens=spent.tokens if known else None, cost=spent.cost if known else None
            )
            failure.counted = True
            raise failure
        reply = Reply.from_json(record)
        names = (*names, reply.model)
        spent = self._ledger.answered(call.site, names, reply)
        call.hold.settle(tokens=spent.tokens, cost=spent.cost)
        wasted = self._ledger.failed(call.site, names, reply.attempts - 1, reply.wasted)
        self._meter.count(tokens=wasted.tokens or 0, cost=wasted.priced)
        return reply

    def _lost(self, call: _Call, kind: str, attempts: int, tokens: Tokens | None) -> None:
        """Count a call without an answer, for good: a later process counts it again."""
        if not attempts:
            call.hold.release()
            return
        names = names_of(call.engine)
        spent = self._ledger.failed(call.site, names, attempts, tokens)
        call.hold.settle(tokens=spent.tokens, cost=spent.priced)
        place = next(
            place
            for place in (f"{call.site} {FAILURE} {n}" for n in count(1))
            if self._journal.recall(FAILURE, place) is None
        )
        body: dict[str, JSON] = {
            "call": call.site,
            "kind": kind,
            "attempts": attempts,
            "names": list(names),
            "spent": None if tokens is None else tokens.to_json(),
        }
        try:
            self._journal.note(FAILURE, place, body)
        except JournalError as error:  # what made the call fail is the news
            log.warning("the failed call at %r is not recorded: %s", call.site, error)

    def _count_again(self, entry: Entry) -> None:
        body = entry.body
        names, attempts = body.get("names"), body.get("attempts")
        spent = self._ledger.failed(
            str(body.get("call")),
            tuple(map(str, names)) if isinstance(names, list) else (),
            attempts if isinstance(attempts, int) else 1,
            tokens_in(body.get("spent")),
        )
        self._meter.count(tokens=spent.tokens or 0, cost=spent.priced)
        self._journal.note(FAILURE, entry.site, body)  # tells those who listen


def _kept(late: BudgetExhausted, call: _Call) -> JSON:
    """A refusal as part of the course, if the course goes on after it.

    Raises:
        BudgetExhausted: If not.
    """
    if not call.keep_failure:
        raise late
    return refusal_record(late)
