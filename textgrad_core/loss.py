"""Losses: what is wrong with a value, said by a model or measured by an instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, final

from textgrad_core.answer_forms import said
from textgrad_core.autograd.function import FeedbackRequest, Function
from textgrad_core.domain import Domain, EvaluationContext, Tier
from textgrad_core.engine import EngineLike, get_engine
from textgrad_core.engine.protocol import Message, Request
from textgrad_core.errors import InstrumentError, Invalid, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.judges import ImageQALoss as ImageQALoss
from textgrad_core.judges import MultiChoiceTestTime as MultiChoiceTestTime
from textgrad_core.judges import MultiFieldEvaluation as MultiFieldEvaluation
from textgrad_core.judges import (
    MultiFieldTokenParsedEvaluation as MultiFieldTokenParsedEvaluation,
)
from textgrad_core.judges import TextLoss as TextLoss
from textgrad_core.logs import log
from textgrad_core.optimizer.assembly import task_block
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured
from textgrad_core.parsing import tag_for
from textgrad_core.prompting import render
from textgrad_core.run import Run
from textgrad_core.values import text_of
from textgrad_core.variable import NO_FEEDBACK, Gradient, NoFeedback, Variable

FeedbackMode = Literal["exact", "llm", "both"]
NOTHING_TO_CHANGE = "NOTHING TO CHANGE"
"""What a critic answers, and only that, where it finds nothing."""


@final
class EvaluatorLoss(Function):
    """A measurement of one value by its domain's instrument.

    The loss variable carries `Variable.outcome` and `Variable.item`; its value is the
    measurement in words. An instrument that fails raises `InstrumentError` where the value, the
    item or the feedback is asked for.

    Args:
        domain: What is measured, and how.
        feedback: ``"exact"`` computes the feedback from the measurement, ``"llm"`` lets a model
            write it from the same numbers, ``"both"`` gives one after the other.
        engine: Writes feedback; the engine of ``backward`` goes before it.
        tier: How carefully to measure.
        seed: For instruments that need one.
        deadline_s: Seconds after which the measurement is given up.

    Raises:
        UsageError: If a model should write feedback and the domain has no `Domain.critique`.
    """

    name: ClassVar[str] = "evaluate"

    def __init__(
        self,
        domain: Domain[Any],
        feedback: FeedbackMode = "exact",
        engine: EngineLike | None = None,
        tier: Tier = "report",
        seed: int = 0,
        deadline_s: float | None = None,
    ) -> None:
        """Check that the domain can give the feedback that is asked for."""
        if feedback not in ("exact", "llm", "both"):
            raise UsageError(f"feedback={feedback!r}: choose 'exact', 'llm' or 'both'")
        if feedback != "exact" and domain.critique is None:
            raise UsageError(
                f"feedback={feedback!r}, but the domain {domain.name!r} has no critique "
                "instruction for a model: use 'exact'"
            )
        self._domain, self._mode = domain, feedback
        self._engine = None if engine is None else get_engine(engine)
        self._context = EvaluationContext(seed=seed, tier=tier, deadline_s=deadline_s)

    def forward(self, variable: Variable) -> Variable:
        """Start the measurement; the loss is deferred."""
        return self.apply([variable], f"measurement of {self._domain.role}")

    async def compute(
        self, run: Run, site: str, inputs: Sequence[Variable], memo: dict[str, Any]
    ) -> str:
        """The measurement in words."""
        given = inputs[0].value
        text = given if isinstance(given, str) else self._domain.canonical(given)
        value, rejected = check(self._domain, text)
        outcome = rejected or await run.evaluate(
            self._domain, value, self._context, site, keep_failure=False
        )
        memo["outcome"] = outcome
        match outcome:
            case Unmeasured():
                raise InstrumentError(f"{self._domain.name}: {outcome.cause}")
            case Rejected():
                return outcome.text
            case Evaluated():
                memo["score"] = self._domain.scalar(outcome.scores)
                return self._domain.explain(value, outcome)

    async def feedback(self, request: FeedbackRequest) -> Gradient | NoFeedback:
        """The measurement as feedback on the value."""
        outcome: Outcome = request.output.memo["outcome"]
        done = request.is_base and targets_met(self._domain, outcome)
        if done and self._mode == "exact":
            return NO_FEEDBACK
        facts = str(request.output.value)
        words = [] if self._mode == "llm" else [facts]
        if self._mode != "exact":
            engine = request.engine or self._engine
            if engine is None:
                raise UsageError("no engine to write the critique: pass backward(engine=...)")
            text = text_of(request.node.arguments[0].value)
            asked = critique_request(self._domain, text, facts)
            reply = await request.node.run.ask(engine, asked, request.site)
            written = criticism(reply.text)
            if done and not written:
                return NO_FEEDBACK
            words += [written] if written else [facts] if self._mode == "llm" else []
        words.extend(g.text for g in request.received)
        data = dict(outcome.data) if isinstance(outcome, Evaluated) else None
        return Gradient(
            text="\n\n".join(words),
            source=request.output.role_description,
            score=request.output.memo.get("score"),
            data=data,
            verbatim=isinstance(outcome, Rejected),
        )


def check(domain: Domain[Any], answer: str) -> tuple[Any, Rejected | None]:
    """Parse an answer and hold it against the domain's constraints, before anything is paid.

    Returns:
        The value, and the rejection if there is one; the value is None if it was not parsed.
    """
    try:
        value = domain.parse(answer)
        broken = [c.words for c in domain.constraints if not c.holds(value)]
    except Invalid as error:
        return None, Rejected(reason=error.reason, hint=error.hint)
    except Exception as error:
        log.warning("the domain %r failed to read %r", domain.name, answer[:200], exc_info=True)
        cause = f"{type(error).__name__}: {error}"
        return None, Rejected(reason=f"the domain {domain.name!r} failed to read it: {cause}")
    if broken:
        return value, Rejected(reason=f"a constraint is broken: {'; '.join(broken)}")
    return value, None


def targets_met(domain: Domain[Any], outcome: Outcome) -> bool:
    """Whether every objective has a target and has reached it.

    An objective without weight and target is only shown; it has nothing to reach.
    """
    aims = [o for o in domain.objectives if o.weight or o.target is not None]
    if not isinstance(outcome, Evaluated) or not aims:
        return False
    for o in aims:
        if o.target is None:
            return False
        score = outcome.scores[o.name]
        if score > o.target if o.direction == "min" else score < o.target:
            return False
    return True


def critique_request(
    domain: Domain[Any], text: str, facts: str, params: Mapping[str, JSON] | None = None
) -> Request:
    """What to ask a model about a measured candidate."""
    mark = f"CANDIDATE-{tag_for(text + facts)}"
    user = render(
        "critique",
        role=domain.role,
        value=text,
        facts=facts,
        task=task_block(domain.task, tag_for(text + facts)),
        open=f"<{mark}>",
        close=f"</{mark}>",
        nothing=NOTHING_TO_CHANGE,
    )
    return Request(
        messages=(
            Message(role="system", content=domain.critique or ""),
            Message(role="user", content=user),
        ),
        purpose="critique",
        params=params or {},
    )


def criticism(answer: str) -> str:
    """What a critic's answer says; empty if it finds nothing to change."""
    words = said(answer)
    return "" if words.strip(" .!*_`\"'").upper() == NOTHING_TO_CHANGE else words
