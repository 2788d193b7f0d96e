"""Where new candidates come from: a model, or the domain's own search."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, final

from textgrad_core.answer_forms import said
from textgrad_core.asking import UnusableAnswer, ask_value
from textgrad_core.domain import Domain, Proposal, ProposalRequest, Proposer
from textgrad_core.effects import all_of
from textgrad_core.engine.failures import is_answer_fault
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import BudgetExhausted, EngineError, Invalid
from textgrad_core.jsondata import JSON, digest, seed_from
from textgrad_core.loss import check, criticism, critique_request
from textgrad_core.optimizer.assembly import UpdateTask, update_request
from textgrad_core.run import Run
from textgrad_core.search.memory import record_lines
from textgrad_core.search.options import Options
from textgrad_core.search.result import Trial
from textgrad_core.variable import Gradient


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a source is asked in one round.

    Args:
        step: Number of the round, from 1.
        parents: Candidates to build upon, best first.
        history: Every trial so far.
        seen: Canonical forms that were tried or refused.
        count: How many new candidates are wanted.
    """

    step: int
    parents: tuple[Trial, ...]
    history: tuple[Trial, ...]
    seen: frozenset[str]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A proposal that came to nothing.

    Args:
        reason: Why.
        parent: Canonical form of the candidate it should have improved.
        text: What was proposed, shortened, if anything was.
    """

    reason: str
    parent: str | None = None
    text: str = ""


Draft = Proposal | Failed


class Source(Protocol):
    """Gives new candidates, every round as many as it can up to the count.

    Attributes:
        name: Stable name, part of the run's settings.
        label: As shown to people.
    """

    name: str
    label: str

    async def propose(self, run: Run, asked: Round) -> Sequence[Draft]:
        """New candidates; the same round, the same candidates."""
        ...

    async def content(self, run: Run, step: int, leader: Trial) -> bool:
        """Whether a leader that reached every target leaves nothing to improve."""
        ...


@final
class BuiltIn:
    """The domain's own search; recorded, so that a resumed run does not depend on it."""

    def __init__(self, proposer: Proposer, options: Options) -> None:
        """Keep the proposer."""
        self._proposer, self._options = proposer, options
        self.name = proposer.name
        self.label = f"{proposer.name} (built in); no language model was used"

    async def propose(self, run: Run, asked: Round) -> Sequence[Draft]:
        """Ask the proposer in a thread."""
        request = ProposalRequest(
            parents=asked.parents,
            history=asked.history,
            count=asked.count,
            seed=seed_from(self._options.seed, self.name, asked.step),
            avoid=asked.seen,
        )

        async def effect() -> JSON:
            made = await asyncio.to_thread(self._proposer.propose, request)
            return [
                {"answer": p.answer, "rationale": p.rationale, "parent": p.parent} for p in made
            ]

        shaped: JSON = {
            "proposer": self.name,
            "parents": [p.canonical for p in asked.parents],
            "count": asked.count,
            "seed": request.seed,
            "avoid": digest([*sorted(asked.seen)]),
        }
        made, _ = await run.journal.perform(
            "proposal", f"step {asked.step}/proposals", shaped, effect
        )
        items = made if isinstance(made, list) else []
        return [_proposal(item) for item in items if isinstance(item, dict)]

    async def content(self, run: Run, step: int, leader: Trial) -> bool:  # noqa: ARG002 - the measurement is all it looks at
        """There is no critic to ask."""
        return True


@final
class Model:
    """A language model that reads the feedback and writes new candidates."""

    CALLS_PER_PROPOSAL = 2  # the call and its repair

    def __init__(self, engine: Engine, domain: Domain[Any], options: Options) -> None:
        """Keep engine and domain."""
        self._engine, self._domain, self._options = engine, domain, options
        self._critiques: dict[str, str] = {}
        self.name = engine.name
        self.label = f"the language model {engine.name}"

    async def propose(self, run: Run, asked: Round) -> Sequence[Draft]:
        """Ask for every candidate at the same time, each for its own parent."""
        asked = self._within_calls(run, asked)
        used = asked.parents[: asked.count]
        if self._options.feedback != "exact":
            await self._criticise(run, asked.step, used)
        return await all_of(
            self._ask(run, asked, i, used[i % len(used)]) for i in range(asked.count)
        )

    async def content(self, run: Run, step: int, leader: Trial) -> bool:
        """Where a critic writes the feedback, it has to find nothing either."""
        if self._options.feedback == "exact":
            return True
        await self._criticise(run, step, (leader,))
        return self._critiques[leader.canonical] in ("", leader.feedback)

    def _within_calls(self, run: Run, asked: Round) -> Round:
        """As many proposals as the calls that are left allow, whatever has to be repaired."""
        left = run.meter.left("calls")
        if left is None:
            return asked
        each = self.CALLS_PER_PROPOSAL + (self._options.feedback != "exact")
        return replace(asked, count=max(1, min(asked.count, left // each)))

    async def _ask(self, run: Run, asked: Round, index: int, parent: Trial) -> Draft:
        domain = self._domain
        request = update_request(
            UpdateTask(
                role=domain.role,
                task=domain.task,
                current=parent.canonical,
                feedback=(
                    Gradient(text=self._feedback(parent)),
                    *(Gradient(text=text) for text in self._lessons(parent, asked.history)),
                ),
                rules=tuple(c.words for c in domain.constraints),
                record=record_lines(asked.history, domain.objectives, domain.scalar_name),
                place=(index + 1, asked.count),
            ),
            sample=index,
            params=self._options.params,
        )
        site = f"step {asked.step}/proposal {index + 1}"
        try:
            answer = await ask_value(
                run, self._engine, request, site, self._accept, keep_failure=True, lenient=True
            )
        except UnusableAnswer as error:
            return Failed(reason=str(error), parent=parent.canonical, text=error.value)
        except BudgetExhausted as error:
            return Failed(reason=str(error), parent=parent.canonical)
        except EngineError as error:
            if not is_answer_fault(error):
                raise
            return Failed(reason=f"the model gave no answer: {error}", parent=parent.canonical)
        return Proposal(answer=answer.value, rationale=answer.rationale, parent=parent.canonical)

    def _accept(self, text: str) -> str:
        value, rejected = check(self._domain, text)
        if rejected is not None:
            raise Invalid(rejected.reason, rejected.hint)
        return self._domain.canonical(value)

    def _lessons(self, parent: Trial, history: Sequence[Trial]) -> tuple[str, ...]:
        """What the latest candidate made from this one teaches, if it was no better."""
        made = [t for t in history if t.parent == parent.canonical and t.scalar is not None]
        latest = made[-1] if made else None
        if latest is None or latest.scalar is None or parent.scalar is None:
            return ()
        if latest.scalar < parent.scalar:
            return ()
        told = self._domain.lesson(latest.outcome, parent.outcome)
        return (told,) if told else ()

    def _feedback(self, trial: Trial) -> str:
        written = self._critiques.get(trial.canonical) or trial.feedback
        if written == trial.feedback:
            return trial.feedback
        return written if self._options.feedback == "llm" else f"{trial.feedback}\n\n{written}"

    async def _criticise(self, run: Run, step: int, parents: Sequence[Trial]) -> None:
        fresh = [p for p in parents if p.canonical not in self._critiques]
        written = await all_of(
            self._critique(run, f"step {step}/critique {i}", parent)
            for i, parent in enumerate(fresh, 1)
        )
        for parent, text in zip(fresh, written, strict=True):
            self._critiques[parent.canonical] = text

    async def _critique(self, run: Run, site: str, parent: Trial) -> str:
        """A model's words on a candidate, none if it finds nothing to change.

        Where it gives no usable answer, the computed feedback.
        """
        request = critique_request(
            self._domain, parent.canonical, parent.feedback, self._options.params
        )
        try:
            reply = await run.ask(self._engine, request, site, keep_failure=True)
        except BudgetExhausted:
            return parent.feedback
        except EngineError as error:
            if not is_answer_fault(error):
                raise
            return parent.feedback
        return criticism(reply.text) if said(reply.text) else parent.feedback


def _proposal(item: dict[str, JSON]) -> Proposal:
    parent = item.get("parent")
    return Proposal(
        answer=str(item["answer"]),
        rationale=str(item.get("rationale", "")),
        parent=parent if isinstance(parent, str) else None,
    )
