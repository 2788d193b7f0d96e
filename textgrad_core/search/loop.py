"""The loop itself: one round after another, then the report tier."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from textgrad_core.domain import (
    Domain,
    EvaluationContext,
    Proposal,
    Reference,
    explain_scores,
)
from textgrad_core.errors import BudgetExhausted, InstrumentError, Invalid
from textgrad_core.journal import EndOfRecord
from textgrad_core.jsondata import JSON
from textgrad_core.logs import log
from textgrad_core.loss import check, targets_met
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured
from textgrad_core.run import Run
from textgrad_core.search.archive import Archive, Beam
from textgrad_core.search.entrant import Entrant, leader, made_trial, refused_trial
from textgrad_core.search.judgement import Judgement
from textgrad_core.search.options import Options
from textgrad_core.search.result import Result, Trial, Usage
from textgrad_core.search.sources import Draft, Failed, Round, Source

PATIENCE = 2  # rounds without any new candidate before the search gives up


class Search:
    """One run of the loop.

    Args:
        run: Where effects are recorded and counted.
        domain: What is optimised.
        source: Where candidates come from.
        options: How the search runs.
        references: Known answers, evaluated at the report tier.
        archive: Which candidates become parents; the best few by default.
    """

    def __init__(
        self,
        run: Run,
        domain: Domain[Any],
        source: Source,
        options: Options,
        references: Sequence[Reference],
        archive: Archive | None = None,
    ) -> None:
        """Start with nothing tried."""
        self._run, self._domain, self._source = run, domain, source
        self._options = options
        self._archive: Archive = archive or Beam(options.parents)
        self._judgement = Judgement(run, domain, options, references, self._evaluate)
        self._trials: list[Trial] = []
        self._outcomes: dict[str, Outcome] = {}
        self._seen: set[str] = set()
        self._barren = 0

    async def finish(self, canonical: str) -> Result:
        """Run to the end and report."""
        finals: tuple[Trial, ...] = ()
        references: tuple[Trial, ...] = ()
        try:
            await self._run.instrument(self._domain)
            await self._begin(canonical)
            reason = await self._rounds()
            self._run.journal.note("stop", "stop", {"reason": reason})
            finals, references = await self._judgement.report(self._trials)
        except EndOfRecord:
            if not self._trials:
                raise
            reason = "the journal ends here: the run was interrupted"
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(self._domain.close))
            raise
        start, best = self._judgement.outcome(self._trials, finals)
        self._run.journal.note("best", "best", best.to_json())
        return Result(
            domain=self._domain.name,
            objectives=self._domain.objectives,
            scalar_name=self._domain.scalar_name,
            start=start,
            best=best,
            trials=tuple(self._trials),
            finals=finals,
            references=references,
            stop_reason=reason,
            usage=self._usage(),
            proposer=self._source.label,
            notice=self._domain.notice,
        )

    async def _begin(self, canonical: str) -> None:
        entrant = Entrant(canonical=canonical, step=0, index=0, origin="start")
        # a start that was not measured ends the run, so it is measured anew when run again
        trial = await self._evaluate(entrant, "step 0/start", keep_failure=False)
        match trial.outcome:
            case Rejected():
                raise Invalid(
                    f"the start {canonical!r} is rejected: {trial.outcome.reason}",
                    trial.outcome.hint,
                )
            case Unmeasured():
                raise InstrumentError(
                    f"the start {canonical!r} could not be measured: {trial.outcome.cause}"
                )
        self._archive.offer(trial)
        self._remember(replace(trial, accepted=True))

    async def _rounds(self) -> str:
        """Round after round; returns why it stopped."""
        for step in range(1, self._options.steps + 1):
            reason = await self._why_stop(step)
            if reason:
                return reason
            try:
                await self._round(step, self._room())
            except BudgetExhausted as limit:
                return f"the {limit}"
        if targets_met(self._domain, leader(self._trials).outcome):
            return f"every target is reached{self._but()}"
        return f"all {self._options.steps} steps are done"

    def _but(self) -> str:
        """What the targets leave out, in brackets."""
        return f" ({self._domain.targets_note})" if self._domain.targets_note else ""

    def _room(self) -> int:
        """Proposals the next round may hold, with the report still paid for."""
        left = self._run.meter.left("evaluations")
        wanted = self._options.proposals
        return wanted if left is None else min(wanted, left - self._judgement.evaluations)

    async def _why_stop(self, step: int) -> str:
        budget = self._options.budget
        best = leader(self._trials)
        if targets_met(self._domain, best.outcome) and await self._content(step, best):
            return f"every target was reached before step {step}{self._but()}"
        if self._room() < 1:
            return f"the budget of {budget.evaluations} evaluations is used up"
        if self._run.meter.left("calls") == 0:
            return f"the budget of {budget.calls} model calls is used up"
        if self._run.meter.refusal is not None:
            return f"the {self._run.meter.refusal}"
        if self._barren >= PATIENCE:
            return f"no new candidate in {PATIENCE} rounds"
        if budget.seconds is not None and await self._out_of_time(step, budget.seconds):
            return f"the budget of {budget.seconds:g} seconds is used up"
        return ""

    async def _content(self, step: int, best: Trial) -> bool:
        try:
            return await self._source.content(self._run, step, best)
        except BudgetExhausted:
            return True  # nobody is left to find anything

    async def _out_of_time(self, step: int, seconds: float) -> bool:
        """Recorded, because the clock of another process would stop the run elsewhere."""

        async def look() -> JSON:
            return self._run.meter.out_of_time()

        site = f"step {step}/clock"
        over, _ = await self._run.journal.perform("clock", site, {"seconds": seconds}, look)
        return bool(over)

    async def _round(self, step: int, count: int) -> None:
        asked = Round(
            step=step,
            parents=self._archive.parents,
            history=tuple(self._trials),
            seen=frozenset(self._seen),
            count=count,
        )
        drafts = (await self._source.propose(self._run, asked))[:count]
        work: list[Coroutine[Any, Any, Trial]] = []
        fresh = 0
        for index, draft in enumerate(drafts, 1):
            refused, canonical = self._vet(draft)
            entrant = Entrant(
                canonical=canonical,
                step=step,
                index=index,
                origin=self._source.name,
                parent=draft.parent,
                rationale=draft.rationale if isinstance(draft, Proposal) else "",
            )
            if refused is None:
                fresh += 1
                work.append(self._evaluate(entrant, f"step {step}/evaluation {index}"))
            else:
                work.append(refused_trial(entrant, refused))
            if canonical:
                self._seen.add(canonical)
        self._barren = 0 if fresh else self._barren + 1
        await self._collect(work)

    def _vet(self, draft: Draft) -> tuple[Rejected | None, str]:
        """Validity, rules and duplicates, before anything is paid for."""
        if isinstance(draft, Failed):
            return Rejected(reason=draft.reason), draft.text
        value, rejected = check(self._domain, draft.answer)
        if value is None:
            return rejected, draft.answer
        canonical = self._domain.canonical(value)
        if rejected is None and canonical in self._seen:
            rejected = Rejected(reason="a duplicate of an earlier candidate")
        return rejected, canonical

    async def _collect(self, work: Sequence[Coroutine[Any, Any, Trial]]) -> None:
        """Take the round's trials in their order; what was paid for is kept in any case."""
        done = await asyncio.gather(*work, return_exceptions=True)
        for trial in done:
            if isinstance(trial, Trial):
                accepted = self._archive.offer(trial)
                self._remember(replace(trial, accepted=accepted))
        for trial in done:
            if isinstance(trial, BaseException):
                raise trial

    async def _evaluate(self, entrant: Entrant, site: str, *, keep_failure: bool = True) -> Trial:
        domain, options = self._domain, self._options
        value = domain.parse(entrant.canonical)
        context = EvaluationContext(
            seed=options.seed, tier=entrant.tier, deadline_s=options.deadline_s
        )
        outcome = await self._run.evaluate(domain, value, context, site, keep_failure=keep_failure)
        previous = self._outcomes.get(entrant.parent) if entrant.parent is not None else None
        feedback = await asyncio.to_thread(_explained, domain, value, outcome, previous)
        scalar = domain.scalar(outcome.scores) if isinstance(outcome, Evaluated) else None
        return made_trial(entrant, outcome, scalar, feedback)

    def _remember(self, trial: Trial) -> None:
        self._trials.append(trial)
        self._seen.add(trial.canonical)
        if trial.paid:
            self._outcomes[trial.canonical] = trial.outcome
        body = {**trial.to_json(), "best": leader(self._trials).scalar}
        self._run.journal.note("trial", f"step {trial.step}/trial {trial.index}", body)

    def _usage(self) -> Usage:
        run, spent = self._run, self._run.ledger.total
        return Usage(
            evaluations=int(run.meter.used["evaluations"]),
            evaluations_run=run.evaluations_run,
            model_calls=int(run.meter.used["calls"]),
            model_calls_made=run.model_calls_made,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            failed_attempts=spent.failed_attempts,
            cost=None if spent.cost is None else float(spent.cost),
            seconds=run.meter.seconds,
        )


def _explained(domain: Domain[Any], value: Any, outcome: Outcome, previous: Outcome | None) -> str:
    """The domain's own words; where it fails, the plain numbers."""
    try:
        return domain.explain(value, outcome, previous)
    except Exception:
        log.exception("the domain %r failed to explain an outcome", domain.name)
        return explain_scores(domain.objectives, outcome, previous)
