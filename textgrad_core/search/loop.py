"""The loop itself: one round after another, then the report tier."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from textgrad_core.domain import Domain, EvaluationContext, Proposal, Reference
from textgrad_core.effects import all_of
from textgrad_core.errors import BudgetExhausted, InstrumentError, Invalid, UsageError
from textgrad_core.journal import EndOfRecord
from textgrad_core.loss import check, targets_met
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured
from textgrad_core.run import Run
from textgrad_core.search.archive import Beam
from textgrad_core.search.entrant import Entrant, made_trial, rank, refused_trial
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
    """

    def __init__(
        self,
        run: Run,
        domain: Domain[Any],
        source: Source,
        options: Options,
        references: Sequence[Reference],
    ) -> None:
        """Start with nothing tried; refuse a budget that cannot hold a run."""
        self._run, self._domain, self._source = run, domain, source
        self._options, self._references = options, tuple(references)
        self._beam = Beam(options.parents)
        self._trials: list[Trial] = []
        self._outcomes: dict[str, Outcome] = {}
        self._seen: set[str] = set()
        self._barren = 0
        self._for_report = 1 + options.finalists + len(self._references)
        limit = options.budget.evaluations
        if limit is not None and limit < self._for_report + 2:
            raise UsageError(
                f"a budget of {limit} evaluations is too small: the report takes "
                f"{self._for_report} (start, {options.finalists} finalists, "
                f"{len(self._references)} references), so give at least {self._for_report + 2}, "
                "or ask for fewer finalists"
            )

    async def finish(self, canonical: str) -> Result:
        """Run to the end and report."""
        finals: tuple[Trial, ...] = ()
        references: tuple[Trial, ...] = ()
        try:
            await self._run.instrument(self._domain)
            await self._begin(canonical)
            reason = await self._rounds()
            self._run.journal.note("stop", "stop", {"reason": reason})
            finals, references = await self._report()
        except EndOfRecord:
            if not self._trials:
                raise
            reason = "the journal ends here: the run was interrupted"
        except asyncio.CancelledError:
            self._domain.close()
            raise
        start = finals[0] if finals and finals[0].scalar is not None else self._trials[0]
        best = self._best(finals)
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
        self._beam.offer(trial)
        self._remember(replace(trial, accepted=True))

    async def _rounds(self) -> str:
        """Round after round; returns why it stopped."""
        for step in range(1, self._options.steps + 1):
            left = self._run.meter.left("evaluations")
            room = self._options.proposals
            if left is not None:
                room = min(room, left - self._for_report)
            if targets_met(self._domain, self._leader().outcome):
                return f"every target was reached before step {step}"
            if room < 1:
                return f"the budget of {self._options.budget.evaluations} evaluations is used up"
            if self._run.meter.out_of_time():
                return f"the budget of {self._options.budget.seconds:g} seconds is used up"
            if self._run.meter.left("calls") == 0:
                return f"the budget of {self._options.budget.calls} model calls is used up"
            if self._barren >= PATIENCE:
                return f"no new candidate in {PATIENCE} rounds"
            if self._run.meter.refusal is not None:
                return f"the {self._run.meter.refusal}"
            try:
                await self._round(step, room)
            except BudgetExhausted as limit:
                return f"the {limit}"
        if targets_met(self._domain, self._leader().outcome):
            return "every target is reached"
        return f"all {self._options.steps} steps are done"

    async def _round(self, step: int, count: int) -> None:
        asked = Round(
            step=step,
            parents=self._beam.parents,
            history=tuple(self._trials),
            seen=frozenset(self._seen),
            count=count,
        )
        drafts = await self._source.propose(self._run, asked)
        work: list[Coroutine[Any, Any, Trial]] = []
        fresh = 0
        for index, draft in enumerate(drafts, 1):
            refused, canonical = self._vet(draft)
            entrant = Entrant(
                canonical=canonical,
                step=step,
                index=index,
                origin=self._source.name,
                parent=draft.parent if isinstance(draft, Proposal) else None,
                rationale=draft.rationale if isinstance(draft, Proposal) else "",
            )
            if refused is None:
                fresh += 1
                work.append(self._evaluate(entrant, f"step {step}/evaluation {index}"))
            else:
                work.append(refused_trial(entrant, refused))
            self._seen.add(canonical)
        self._barren = 0 if fresh else self._barren + 1
        await self._collect(work)

    def _vet(self, draft: Draft) -> tuple[Rejected | None, str]:
        """Validity, rules and duplicates, before anything is paid for."""
        if isinstance(draft, Failed):
            return Rejected(reason=draft.reason), ""
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
                accepted = self._beam.offer(trial)
                self._remember(replace(trial, accepted=accepted))
        for trial in done:
            if isinstance(trial, BaseException):
                raise trial

    async def _evaluate(self, entrant: Entrant, site: str, *, keep_failure: bool = True) -> Trial:
        domain = self._domain
        value = domain.parse(entrant.canonical)
        context = EvaluationContext(seed=self._options.seed, tier=entrant.tier)
        outcome = await self._run.evaluate(domain, value, context, site, keep_failure=keep_failure)
        previous = self._outcomes.get(entrant.parent) if entrant.parent is not None else None
        feedback = await asyncio.to_thread(domain.explain, value, outcome, previous)
        scalar = domain.scalar(outcome.scores) if isinstance(outcome, Evaluated) else None
        return made_trial(entrant, outcome, scalar, feedback)

    def _remember(self, trial: Trial) -> None:
        self._trials.append(trial)
        self._seen.add(trial.canonical)
        if trial.paid:
            self._outcomes[trial.canonical] = trial.outcome
        body = {**trial.to_json(), "best": self._leader().scalar}
        self._run.journal.note("trial", f"step {trial.step}/trial {trial.index}", body)

    def _leader(self) -> Trial:
        """The best trial so far; among equals the earliest."""
        measured = [t for t in self._trials if t.scalar is not None]
        return min(measured, key=rank)

    async def _report(self) -> tuple[tuple[Trial, ...], tuple[Trial, ...]]:
        """Start, finalists and references, measured with care."""
        measured = [t for t in self._trials[1:] if t.scalar is not None]
        finalists = sorted(measured, key=rank)[: self._options.finalists]
        work = [
            self._evaluate(
                Entrant(
                    canonical=t.canonical,
                    step=t.step,
                    index=t.index,
                    origin=t.origin,
                    tier="report",
                    parent=t.parent,
                    rationale=t.rationale,
                    accepted=True,
                ),
                f"report/{'start' if i == 0 else f'finalist {i}'}",
            )
            for i, t in enumerate([self._trials[0], *finalists])
        ]
        work += [self._reference(i, r) for i, r in enumerate(self._references, 1)]
        trials = await all_of(work)
        for place, trial in enumerate(trials):
            self._run.journal.note("final", f"report/trial {place}", trial.to_json())
        split = 1 + len(finalists)
        ranked = sorted(trials[1:split], key=rank)
        return (trials[0], *ranked), tuple(trials[split:])

    async def _reference(self, index: int, reference: Reference) -> Trial:
        value, rejected = check(self._domain, reference.answer)
        entrant = Entrant(
            canonical=reference.answer if value is None else self._domain.canonical(value),
            step=0,
            index=index,
            origin=reference.name,
            tier="report",
            rationale=reference.note,
        )
        if value is None:
            return await refused_trial(entrant, rejected)
        return await self._evaluate(entrant, f"report/reference {index}")

    def _best(self, finals: Sequence[Trial]) -> Trial:
        """The best by the report tier where it may choose, else by the screen tier."""
        leader = self._leader()
        if self._domain.report_may_choose:
            measured = [t for t in finals if t.scalar is not None]
            return min(measured, key=rank) if measured else leader
        for trial in finals:
            if trial.canonical == leader.canonical and trial.scalar is not None:
                return trial
        return leader

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
