"""Textual gradient descent: feedback in, new values out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from textgrad_core import runtime
from textgrad_core.answering import own_tags
from textgrad_core.config import validate_engine_or_get_default
from textgrad_core.effects import all_of, outside
from textgrad_core.engine import EngineLike, get_engine
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.logs import log
from textgrad_core.optimizer.assembly import MAX_CONTEXT_CHARS
from textgrad_core.optimizer.base import Optimizer, StepReport, refuse_if_passed_by
from textgrad_core.optimizer.bounds import MIN_PIECE_CHARS
from textgrad_core.optimizer.past import PastStep
from textgrad_core.optimizer.proposing import Proposals, Proposer, Settings
from textgrad_core.optimizer.rules import Rule, as_rules, as_text
from textgrad_core.optimizer.summarise import Summarise
from textgrad_core.run import Run, current_run, scope
from textgrad_core.variable import Variable

Choose = Callable[[Variable, tuple[Any, ...]], Any]
"""From a variable and its candidates to one of them, or None to keep the value; may be async."""


class TextualGradientDescent(Optimizer):
    """Rewrites variables by the feedback they have received.

    A step is all or nothing: if one answer cannot be used, even after a repair call, every
    variable keeps its value and `StepReport.failures` says why.

    Args:
        parameters: Variables to improve; each must have ``requires_grad``, and counts once.
        verbose: 1 or more logs every new value (logger ``textgrad_core``, level INFO).
        engine: Writes new values; without one, the engine that is set when `step` is called.
        constraints: Rules for every new value: words, a `Constraint`, or a predicate with a
            docstring. Predicates are checked on the text, or on the data of a typed variable.
            The rules of a variable's own domain are added.
        new_variable_tags: Your own start and end tag for the new value, used as they are. The
            built-in ones carry a mark nothing inside a value can forge; yours do not.
        optimizer_system_prompt: Instruction in place of the built-in one. It may name the tags
            as ``{new_variable_start_tag}`` and ``{new_variable_end_tag}``.
        in_context_examples: Examples of good values, shown in full.
        gradient_memory: How many earlier steps' feedback is shown.
        momentum_window: How many earlier steps' values are shown, with their feedback.
        max_context_chars: Limit for feedback and earlier steps in one request; the variable
            itself is always shown in full.
        params: Sampling parameters to send.
        proposals: How many new values to ask for per variable and step.
        choose: Says which proposal to take, if there are several.
        all_or_nothing: Whether one unusable answer keeps every variable from changing.
        summarise: What makes feedback shorter if it does not fit: a function, or None for a
            model. See `Summarise`.

    Raises:
        UsageError: If an argument is out of bounds.
    """

    def __init__(
        self,
        parameters: Iterable[Variable],
        verbose: int = 0,
        engine: EngineLike | None = None,
        constraints: Sequence[Rule] | None = None,
        new_variable_tags: Sequence[str] | None = None,
        optimizer_system_prompt: str | None = None,
        in_context_examples: Sequence[str] | None = None,
        gradient_memory: int = 0,
        *,
        momentum_window: int = 0,
        max_context_chars: int = MAX_CONTEXT_CHARS,
        params: Mapping[str, JSON] | None = None,
        proposals: int = 1,
        choose: Choose | None = None,
        all_or_nothing: bool = True,
        summarise: Summarise | None = None,
    ) -> None:
        """Check the arguments."""
        super().__init__(parameters)
        _check_counts(verbose, gradient_memory, momentum_window, max_context_chars, proposals)
        if proposals > 1 and choose is None:
            raise UsageError(
                f"proposals={proposals} and nothing says which to take: pass choose=, or call "
                "propose()"
            )
        if isinstance(in_context_examples, str):
            raise UsageError("in_context_examples is one string: give a list of examples")
        self._engine = None if engine is None else get_engine(engine)
        self._settings = Settings(
            rules=as_rules(constraints or ()),
            tags=None if new_variable_tags is None else own_tags(new_variable_tags),
            system=optimizer_system_prompt,
            examples=tuple(in_context_examples or ()),
            gradient_memory=gradient_memory,
            momentum_window=momentum_window,
            max_context_chars=max_context_chars,
            params=dict(params or {}),
            summarise=summarise,
        )
        self._verbose, self._count, self._choose = verbose, proposals, choose
        self._all_or_nothing = all_or_nothing
        self._past: dict[int, list[PastStep]] = {}
        self._unfinished: tuple[Run, str] | None = None

    def step(self) -> StepReport:
        """Ask for new values and set them.

        Raises:
            EngineError: If the model does not answer; nothing has changed.
            UsageError: If no feedback is there because ``backward()`` was called before the
                optimizer of an operation's output was made.
        """
        return runtime.run(self._step())

    async def astep(self) -> StepReport:
        """The same as `step`, for async code."""
        return await runtime.hand_over(self._step())

    def propose(self, count: int | None = None) -> tuple[Proposals, ...]:
        """Ask for new values and set none; one entry per variable that feedback reached.

        Args:
            count: How many to ask for per variable; by default as many as a step does.

        Raises:
            EngineError: If the model does not answer.
        """
        return runtime.run(self._propose(count))

    async def apropose(self, count: int | None = None) -> tuple[Proposals, ...]:
        """The same as `propose`, for async code."""
        return await runtime.hand_over(self._propose(count))

    async def _propose(self, count: int | None) -> tuple[Proposals, ...]:
        wanted = self._count if count is None else count
        if wanted < 1:
            raise UsageError(f"count is {wanted}: it must be 1 or more")
        made = await self._ask(wanted, self._site(current_run()))
        self._unfinished = None
        return tuple(made.values())

    async def _step(self) -> StepReport:
        site = self._site(current_run()) if any(len(p.gradients) for p in self.parameters) else ""
        made = await self._ask(self._count, site)
        failures = tuple(p.why for p in made.values() if not p.values)
        chosen: dict[int, Any] = {}
        if not (failures and self._all_or_nothing):  # choosing may cost as much as asking
            for place, proposals in made.items():
                if proposals.values:
                    chosen[place] = await self._chosen(f"{site} choice {place + 1}", proposals)
        self._unfinished = None
        for place, proposals in made.items():
            self._remember(place, proposals)
        taken = {place: value for place, value in chosen.items() if value is not None}
        for place, value in taken.items():
            self._set(self.parameters[place], value)
        return StepReport(
            changed=tuple(self.parameters[place] for place in taken),
            unreached=tuple(p for i, p in enumerate(self.parameters) if i not in made),
            failures=failures,
            discarded=tuple(f for p in made.values() if p.values for f in p.failures),
        )

    async def _ask(self, count: int, site: str) -> dict[int, Proposals]:
        """Proposals for every parameter that feedback reached, by its place."""
        reached = {i: p for i, p in enumerate(self.parameters) if len(p.gradients)}
        if not reached:
            refuse_if_passed_by(self.parameters)
            return {}
        engine = validate_engine_or_get_default(self._engine)
        proposer = Proposer(current_run(), engine, self._settings)
        made = await all_of(
            proposer.propose(p, self._past.get(i, ()), f"{site} update {i + 1}", count)
            for i, p in reached.items()
        )
        return dict(zip(reached, made, strict=True))

    async def _chosen(self, site: str, proposals: Proposals) -> Any:
        if self._choose is None:
            return proposals.values[0]
        with scope(site):
            taken = await outside(self._choose, proposals.variable, proposals.values)
        if taken is not None and taken not in proposals.values:
            raise UsageError(
                f"choose returned {taken!r:.80}, which is none of the {len(proposals.values)} "
                "candidates: return one of them, or None to keep the value"
            )
        return taken

    def _set(self, parameter: Variable, value: Any) -> None:
        parameter.value = value
        if self._verbose:
            log.info("%s is now: %s", parameter.role_description, as_text(parameter, value))

    def _remember(self, place: int, proposals: Proposals) -> None:
        longest = max(self._settings.gradient_memory, self._settings.momentum_window)
        if longest:
            kept = [*self._past.get(place, ()), proposals.seen]
            self._past[place] = kept[-longest:]

    def _site(self, run: Run) -> str:
        """A new place, or that of the step that raised: its answers are found there."""
        if self._unfinished is None or self._unfinished[0] is not run:
            self._unfinished = run, run.site("step")
        return self._unfinished[1]


TGD = TextualGradientDescent


class TextualGradientDescentwithMomentum(TextualGradientDescent):
    """The same with earlier values in the prompt, and TextGrad's order of arguments.

    Args:
        engine: Writes new values.
        parameters: Variables to improve.
        momentum_window: How many earlier values are shown, with their feedback; 0 shows none.
        constraints: Rules for every new value.
        new_variable_tags: Your own start and end tag.
        in_context_examples: Examples of good values.
        optimizer_system_prompt: Instruction in place of the built-in one.
        **more: Further arguments of `TextualGradientDescent`.

    Raises:
        UsageError: If an argument is out of bounds.
    """

    def __init__(
        self,
        engine: EngineLike | None,
        parameters: Iterable[Variable],
        momentum_window: int = 0,
        constraints: Sequence[Rule] | None = None,
        new_variable_tags: Sequence[str] | None = None,
        in_context_examples: Sequence[str] | None = None,
        optimizer_system_prompt: str | None = None,
        **more: Any,
    ) -> None:
        """Check the arguments."""
        super().__init__(
            parameters,
            engine=engine,
            constraints=constraints,
            new_variable_tags=new_variable_tags,
            optimizer_system_prompt=optimizer_system_prompt,
            in_context_examples=in_context_examples,
            momentum_window=momentum_window,
            **more,
        )


def _check_counts(
    verbose: object, gradient_memory: int, momentum_window: int, max_chars: int, proposals: int
) -> None:
    if not isinstance(verbose, int):
        raise UsageError(
            f"verbose is {type(verbose).__name__}: it is the second argument and a number; pass "
            "the engine as engine=..."
        )
    for name, number, low in (
        ("gradient_memory", gradient_memory, 0),
        ("momentum_window", momentum_window, 0),
        ("proposals", proposals, 1),
    ):
        if number < low:
            raise UsageError(f"{name} is {number}: it must be {low} or more")
    if max_chars < MIN_PIECE_CHARS:
        raise UsageError(
            f"max_context_chars={max_chars} leaves no room for feedback: give at least "
            f"{MIN_PIECE_CHARS}"
        )
