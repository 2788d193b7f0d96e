"""The end of a search: start, finalists and references measured with care, and who is best."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from textgrad_core.domain import Domain, Reference
from textgrad_core.effects import all_of
from textgrad_core.errors import UsageError
from textgrad_core.loss import check
from textgrad_core.run import Run
from textgrad_core.search.entrant import Entrant, leader, rank, refused_trial
from textgrad_core.search.options import Options
from textgrad_core.search.result import Trial


def evaluations_for_report(domain: Domain[Any], options: Options, references: int) -> int:
    """How many evaluations the end of a search takes: start, finalists, references."""
    finalists = options.finalists if domain.report_may_choose else 1
    return 1 + finalists + references


def check_budget(domain: Domain[Any], options: Options, references: int) -> None:
    """Refuse a budget that cannot hold a run.

    Raises:
        UsageError: If it does not allow the report and one proposal besides the start.
    """
    limit, needed = options.budget.evaluations, evaluations_for_report(domain, options, references)
    if limit is not None and limit < needed + 2:
        raise UsageError(
            f"a budget of {limit} evaluations is too small: the report takes {needed} "
            f"(start, finalists, {references} references), so give at least {needed + 2}, "
            "or ask for fewer finalists"
        )


class Judgement:
    """The report tier of one search.

    Where the domain lets it choose, the best finalist by the report tier is the best. Where it
    does not (hidden tests are read once), only the start and the leader of the screen tier are
    measured, and nothing is ranked by what that gives.

    Args:
        run: Where effects are recorded.
        domain: What is optimised.
        options: How many finalists there are.
        references: Known answers.
        evaluate: Measures an entrant at its tier.
    """

    def __init__(
        self,
        run: Run,
        domain: Domain[Any],
        options: Options,
        references: Sequence[Reference],
        evaluate: Callable[[Entrant, str], Awaitable[Trial]],
    ) -> None:
        """Keep them."""
        self._run, self._domain, self._evaluate = run, domain, evaluate
        self._options = options
        self._finalists = options.finalists if domain.report_may_choose else 1
        self._references = tuple(references)

    @property
    def evaluations(self) -> int:
        """How many evaluations the report takes."""
        return evaluations_for_report(self._domain, self._options, len(self._references))

    async def report(self, trials: Sequence[Trial]) -> tuple[tuple[Trial, ...], tuple[Trial, ...]]:
        """Start and finalists, then references, measured at the report tier."""
        measured = [t for t in trials[1:] if t.scalar is not None]
        finalists = sorted(measured, key=rank)[: self._finalists]
        work = [
            self._evaluate(_again(t), f"report/{'start' if i == 0 else f'finalist {i}'}")
            for i, t in enumerate([trials[0], *finalists])
        ]
        work += [self._reference(i, r) for i, r in enumerate(self._references, 1)]
        done = await all_of(work)
        for place, trial in enumerate(done):
            self._run.journal.note("final", f"report/trial {place}", trial.to_json())
        split = 1 + len(finalists)
        return (done[0], *sorted(done[1:split], key=rank)), tuple(done[split:])

    def outcome(self, trials: Sequence[Trial], finals: Sequence[Trial]) -> tuple[Trial, Trial]:
        """Start and best, both of the same tier, so that they compare.

        That is the report tier where it measured both, else the screen tier.
        """
        screened = leader(trials)
        if not finals or finals[0].scalar is None:
            return trials[0], screened
        if self._domain.report_may_choose:
            return finals[0], leader(finals)
        for trial in finals:
            if trial.canonical == screened.canonical and trial.scalar is not None:
                return finals[0], trial
        return trials[0], screened

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


def _again(trial: Trial) -> Entrant:
    return Entrant(
        canonical=trial.canonical,
        step=trial.step,
        index=trial.index,
        origin=trial.origin,
        tier="report",
        parent=trial.parent,
        rationale=trial.rationale,
        accepted=True,
    )
