"""Textual gradient descent: feedback in, new values out, all of them or none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from textgrad_core import runtime
from textgrad_core.asking import ask_value
from textgrad_core.config import backward_engine
from textgrad_core.domain import Constraint
from textgrad_core.engine import get_engine
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import AnswerError, Invalid, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.loss import check
from textgrad_core.optimizer.assembly import (
    MAX_CONTEXT_CHARS,
    MIN_PIECE_CHARS,
    UpdateTask,
    update_request,
)
from textgrad_core.run import Run, current_run
from textgrad_core.variable import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What one step did.

    Args:
        changed: Variables that have a new value.
        unreached: Variables no feedback reached; left alone.
        failures: Why answers could not be used; if there is one, nothing has changed.
    """

    changed: tuple[Variable, ...] = ()
    unreached: tuple[Variable, ...] = ()
    failures: tuple[str, ...] = ()


class TextualGradientDescent:
    """Rewrites variables by the feedback they have received.

    A step is all or nothing: if one answer cannot be used, even after a repair call, every
    variable keeps its value and `StepReport.failures` says why.

    Args:
        parameters: Variables to improve; each must have ``requires_grad``, and counts once.
        engine: Writes new values; without one, the engine that is set when `step` is called.
        constraints: Rules for every new value: words, or a `Constraint`, whose predicate is
            checked on the text. The rules of a variable's own domain are added.
        max_context_chars: Limit for the feedback in one request; the variable itself is always
            shown in full.
        params: Sampling parameters to send.

    Raises:
        UsageError: If there is nothing to improve, a parameter is frozen, or the limit is too low.
    """

    def __init__(
        self,
        parameters: Iterable[Variable],
        engine: Engine | str | None = None,
        constraints: Sequence[str | Constraint[str]] = (),
        *,
        max_context_chars: int = MAX_CONTEXT_CHARS,
        params: Mapping[str, JSON] | None = None,
    ) -> None:
        """Check the parameters."""
        self.parameters = tuple(dict.fromkeys(parameters))
        if not self.parameters:
            raise UsageError("no parameters: give at least one Variable to improve")
        for parameter in self.parameters:
            if not parameter.requires_grad:
                raise UsageError(
                    f"{parameter.role_description!r} is frozen (requires_grad=False), so it "
                    "cannot be a parameter: leave it out, or create it with requires_grad=True"
                )
        if max_context_chars < MIN_PIECE_CHARS:
            raise UsageError(
                f"max_context_chars={max_context_chars} leaves no room for feedback: give at "
                f"least {MIN_PIECE_CHARS}"
            )
        self._engine = None if engine is None else get_engine(engine)
        self._constraints = tuple(constraints)
        self._max_context_chars = max_context_chars
        self._params = dict(params or {})
        self._unfinished: tuple[Run, str] | None = None

    def zero_grad(self) -> None:
        """Forget the feedback on every parameter, contexts included."""
        for parameter in self.parameters:
            parameter.reset_gradients()

    def step(self) -> StepReport:
        """Ask for new values and set them.

        Raises:
            EngineError: If the model does not answer; nothing has changed.
        """
        return runtime.run(self._step())

    async def astep(self) -> StepReport:
        """The same as `step`, for async code."""
        return await runtime.hand_over(self._step())

    async def _step(self) -> StepReport:
        reached = {i: p for i, p in enumerate(self.parameters, 1) if len(p.gradients)}
        unreached = tuple(p for p in self.parameters if not len(p.gradients))
        if not reached:
            return StepReport(unreached=unreached)
        engine = self._engine or backward_engine()
        if engine is None:
            raise UsageError(
                "no engine: pass one to the optimizer, or choose one with set_backward_engine()"
            )
        run = current_run()
        site = self._site(run)
        answers = await asyncio.gather(
            *(self._ask(run, f"{site} update {i}", p, engine) for i, p in reached.items()),
            return_exceptions=True,  # so that every answer that is paid for is recorded
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, AnswerError):
                raise answer
        self._unfinished = None
        failures = tuple(str(a) for a in answers if isinstance(a, AnswerError))
        if failures:
            return StepReport(unreached=unreached, failures=failures)
        for parameter, answer in zip(reached.values(), answers, strict=True):
            parameter.value = answer
        return StepReport(changed=tuple(reached.values()), unreached=unreached)

    def _site(self, run: Run) -> str:
        """A new place, or that of the step that raised: its answers are found there."""
        if self._unfinished is None or self._unfinished[0] is not run:
            self._unfinished = run, run.site("step")
        return self._unfinished[1]

    async def _ask(self, run: Run, site: str, parameter: Variable, engine: Engine) -> str:
        own = () if parameter.domain is None else parameter.domain.constraints
        words = [c if isinstance(c, str) else c.words for c in (*self._constraints, *own)]
        asked = update_request(
            UpdateTask(
                role=parameter.role_description,
                current=str(await parameter),
                feedback=tuple(parameter.gradients),
                rules=tuple(words),
                max_context_chars=self._max_context_chars,
            ),
            params=self._params,
        )
        answer = await ask_value(
            run, engine, asked, site, lambda text: self._accept(parameter, text)
        )
        return answer.value

    def _accept(self, parameter: Variable, text: str) -> str:
        for constraint in self._constraints:
            if isinstance(constraint, Constraint) and not constraint.holds(text):
                raise Invalid(f"a rule is broken: {constraint.words}")
        if parameter.domain is None:
            return text
        value, rejected = check(parameter.domain, text)
        if rejected is not None:
            raise Invalid(rejected.reason, rejected.hint)
        return parameter.domain.canonical(value)


TGD = TextualGradientDescent
