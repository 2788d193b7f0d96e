"""New values for one variable: what is shown, what is asked, what is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textgrad_core.answering import AnswerForm
from textgrad_core.asking import ask_value
from textgrad_core.capability import best_mode
from textgrad_core.domain import Constraint
from textgrad_core.effects import all_of
from textgrad_core.engine.failures import is_answer_fault
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import AnswerError, EngineError
from textgrad_core.jsondata import JSON
from textgrad_core.optimizer.assembly import AskedUpdate, UpdateTask, update_request
from textgrad_core.optimizer.feedback import without_repeats
from textgrad_core.optimizer.past import PastStep
from textgrad_core.optimizer.rules import accepted, as_text, words_for
from textgrad_core.optimizer.summarise import Summarise, by_model, condensed
from textgrad_core.run import Run
from textgrad_core.variable import Gradient, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the optimizer was told, checked; see `TextualGradientDescent`."""

    rules: tuple[str | Constraint[Any], ...]
    tags: tuple[str, str] | None
    system: str | None
    examples: tuple[str, ...]
    gradient_memory: int
    momentum_window: int
    max_context_chars: int
    params: Mapping[str, JSON]
    summarise: Summarise | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """What was proposed for one variable.

    Args:
        variable: The variable.
        values: New values that may be used, each once, in the order of their samples.
        failures: Why other answers may not.
        seen: Value and feedback the proposals come from.
    """

    variable: Variable
    values: tuple[Any, ...]
    failures: tuple[str, ...]
    seen: PastStep

    @property
    def why(self) -> str:
        """Why there is no value at all."""
        return f"{self.variable.role_description}: {'; '.join(dict.fromkeys(self.failures))}"


@dataclass(frozen=True, slots=True)
class _Failed:
    reason: str


class Proposer:
    """Asks a model for new values.

    Args:
        run: Where calls are recorded and counted.
        engine: The model.
        settings: What the optimizer was told.
    """

    def __init__(self, run: Run, engine: Engine, settings: Settings) -> None:
        """Keep them."""
        self._run, self._engine, self._settings = run, engine, settings

    async def propose(
        self, parameter: Variable, past: Sequence[PastStep], site: str, count: int
    ) -> Proposals:
        """Ask for a number of new values at the same time.

        Raises:
            EngineError: If the model cannot be reached.
        """
        current = as_text(parameter, await parameter)
        feedback = tuple(parameter.gradients)
        task = await self._task(parameter, current, feedback, past, site)
        form = await self._form(parameter)
        asked = [update_request(task, i, self._settings.params, form) for i in range(count)]
        places = [site] if count == 1 else [f"{site} proposal {i + 1}" for i in range(count)]
        made = await all_of(
            self._ask(parameter, one, place) for one, place in zip(asked, places, strict=True)
        )
        values: list[Any] = []
        for value in made:
            if not isinstance(value, _Failed) and value not in values:
                values.append(value)
        return Proposals(
            variable=parameter,
            values=tuple(values),
            failures=tuple(one.reason for one in made if isinstance(one, _Failed)),
            seen=PastStep(value=current, feedback=tuple(dict.fromkeys(g.text for g in feedback))),
        )

    async def _task(
        self,
        parameter: Variable,
        current: str,
        feedback: tuple[Gradient, ...],
        past: Sequence[PastStep],
        site: str,
    ) -> UpdateTask:
        told = self._settings
        role = parameter.role_description
        summarise = told.summarise or by_model(self._run, self._engine, site, role, told.params)
        window = max(told.gradient_memory, told.momentum_window)
        return UpdateTask(
            role=role,
            current=current,
            feedback=await condensed(
                without_repeats(feedback, current), told.max_context_chars, summarise
            ),
            rules=words_for(parameter, told.rules),
            examples=told.examples,
            past=tuple(past)[-window:] if window else (),
            past_values=told.momentum_window > 0,
            past_feedback=window > 0,
            system=told.system,
            max_context_chars=told.max_context_chars,
        )

    async def _form(self, parameter: Variable) -> AnswerForm:
        """Tags, or for a typed variable the strictest form the engine keeps to."""
        tags, schema = self._settings.tags, parameter.schema
        if schema is None or tags is not None:
            return AnswerForm(own_tags=tags, schema=schema)
        return AnswerForm(schema=schema, mode=await best_mode(self._run, self._engine))

    async def _ask(self, parameter: Variable, asked: AskedUpdate, site: str) -> Any:
        def accept(text: str) -> str | JSON:
            return accepted(parameter, self._settings.rules, text)

        try:
            answer = await ask_value(
                self._run, self._engine, asked, site, accept, keep_failure=True
            )
        except AnswerError as error:
            return _Failed(str(error))
        except EngineError as error:
            if not is_answer_fault(error):
                raise
            return _Failed(f"the model gave no answer: {error}")
        return answer.value
