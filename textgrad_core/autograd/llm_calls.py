"""Calls of a language model, as a program writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textgrad_core.autograd.function import Function
from textgrad_core.autograd.layout import Layout, Piece, template_pieces
from textgrad_core.autograd.model_call import RESPONSE_ROLE, ModelCall, engine_or_default
from textgrad_core.errors import UsageError
from textgrad_core.variable import Variable

if TYPE_CHECKING:
    from textgrad_core.engine import EngineLike

SYSTEM_ROLE = "system prompt"


class Caller(Function):
    """What all calls share: an engine and a system prompt.

    Args:
        engine: The model; without one, the engine that is set when the call is made.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    name: ClassVar[str] = "llm call"

    def __init__(
        self, engine: EngineLike | None = None, system_prompt: Variable | str | None = None
    ) -> None:
        """Keep engine and system prompt."""
        if engine is not None:
            engine = engine_or_default(engine, self)  # so that a mistake is found here
        self.engine = engine
        self.system_prompt = constant(system_prompt, SYSTEM_ROLE)

    def ask(
        self,
        runs: Iterable[Sequence[Piece]],
        inputs: Sequence[Variable],
        places: Sequence[str],
        role: str | None,
        examples: Sequence[str] = (),
    ) -> Variable:
        """Start a call with these inputs, laid out in runs (see `Layout`); it is deferred."""
        system = () if self.system_prompt is None else (self.system_prompt,)
        layout = Layout(
            runs=tuple(map(tuple, runs)),
            places=(*places, SYSTEM_ROLE),
            system=len(inputs) if system else None,
        )
        call = ModelCall(engine_or_default(self.engine, self), layout, examples)
        return call.apply([*inputs, *system], role or RESPONSE_ROLE)


class LLMCall(Caller):
    """Ask a model: the input is the prompt, a system prompt may go before it.

    Args:
        engine: The model; without one, the engine that is set when the call is made.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    def forward(
        self, input_variable: Variable, response_role_description: str | None = None
    ) -> Variable:
        """Start the call; the answer is deferred."""
        return self.ask([[0]], [input_variable], ["prompt"], response_role_description)


class ExemplifiedLLMCall(Caller):
    """A call whose feedback is written after the model of examples of good feedback.

    Args:
        engine: The model; without one, the engine that is set when the call is made.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    def forward(
        self,
        input_variable: Variable,
        response_role_description: str | None = None,
        in_context_examples: Sequence[str] | None = None,
    ) -> Variable:
        """Start the call; the answer is deferred.

        Args:
            input_variable: The prompt.
            response_role_description: What the answer is for.
            in_context_examples: Examples of good feedback, used in the backward pass only.
        """
        if isinstance(in_context_examples, str):
            raise UsageError("in_context_examples is one text: give a list of texts")
        return self.ask(
            [[0]],
            [input_variable],
            ["prompt"],
            response_role_description,
            in_context_examples or (),
        )


LLMCall_with_in_context_examples = ExemplifiedLLMCall


class FormattedLLMCall(Caller):
    """Ask a model with a prompt that has places for several variables.

    Args:
        engine: The model; None for the engine that is set when the call is made.
        format_string: The prompt, with ``{name}`` for each field. Other braces are text, unless
            the whole is a valid format string: then ``{{`` is a brace.
        fields: The names of the fields; TextGrad's dict of names to anything is fine.
        system_prompt: Text, or a variable if feedback should reach it.

    Raises:
        UsageError: If the prompt has no place for a field.
    """

    def __init__(
        self,
        engine: EngineLike | None,
        format_string: str,
        fields: Mapping[str, Any] | Iterable[str],
        system_prompt: Variable | str | None = None,
    ) -> None:
        """Take the format string to pieces."""
        super().__init__(engine, system_prompt)
        self.format_string, self.fields = format_string, tuple(fields)
        places = {name: number for number, name in enumerate(self.fields)}
        self._pieces = template_pieces(format_string, places)

    def forward(
        self, inputs: Mapping[str, Variable], response_role_description: str | None = None
    ) -> Variable:
        """Start the call; the answer is deferred.

        Raises:
            UsageError: If the names of the inputs are not those of the fields.
        """
        given = in_fields(inputs, self.fields)
        places = [f"{name!r} part of the prompt" for name in self.fields]
        return self.ask([self._pieces], given, places, response_role_description)


def in_fields(inputs: Mapping[str, Variable], fields: Sequence[str]) -> list[Variable]:
    """The inputs in the order of the fields.

    Raises:
        UsageError: If one is missing, or there are others.
    """
    if set(inputs) != set(fields):
        raise UsageError(
            f"inputs are {', '.join(map(repr, inputs)) or 'none'}, the fields are "
            f"{', '.join(map(repr, fields))}: give exactly these"
        )
    return [inputs[name] for name in fields]


def constant(given: Variable | str | None, role: str) -> Variable | None:
    """Text as a variable that no feedback reaches; a variable as it is."""
    if isinstance(given, str):
        return Variable(given, role_description=role, requires_grad=False)
    return given
