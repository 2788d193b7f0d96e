"""Evaluations of a run: counted, marked with their instrument, recorded and recalled."""

from __future__ import annotations

from typing import TypeVar

from textgrad_core.budget import Meter
from textgrad_core.domain import Domain, EvaluationContext
from textgrad_core.instruments import Instruments
from textgrad_core.journal import Journal
from textgrad_core.jsondata import JSON, digest
from textgrad_core.lasting import until_paid_for
from textgrad_core.measuring import Measuring
from textgrad_core.outcome import Outcome, outcome_from_json

V = TypeVar("V")


class Evaluating:
    """How a run evaluates.

    Args:
        journal: Where evaluations are recorded and recalled.
        meter: What may be consumed.
        instruments: What domains measure with.
        measuring: How what is not on record is measured.
    """

    def __init__(
        self, journal: Journal, meter: Meter, instruments: Instruments, measuring: Measuring
    ) -> None:
        """Evaluate nothing yet."""
        self._journal, self._meter = journal, meter
        self._instruments, self._measuring = instruments, measuring

    async def evaluate(
        self,
        domain: Domain[V],
        value: V,
        context: EvaluationContext,
        site: str,
        *,
        keep_failure: bool,
    ) -> Outcome:
        """One evaluation: from the journal, else from the cache, else measured.

        See `Run.evaluate`; what has begun when it is cancelled is finished and kept.
        """
        work = self._evaluate(domain, value, context, site, keep_failure=keep_failure)
        return await until_paid_for(work)

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
        hold = self._meter.hold(evaluations=1)  # at once: who asks first is served first
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
            record, _ = await self._journal.perform("evaluation", site, asked, measure)
        except _NotKept as failure:
            record = failure.record
        except BaseException:
            hold.release()
            raise
        return outcome_from_json(record if isinstance(record, dict) else {})


class _NotKept(Exception):
    """An outcome that is passed on without being recorded."""

    def __init__(self, record: dict[str, JSON]) -> None:
        super().__init__()
        self.record = record
