"""Calls with texts and images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textgrad_core.autograd.layout import Piece
from textgrad_core.autograd.llm_calls import Caller, in_fields
from textgrad_core.errors import UsageError
from textgrad_core.variable import Variable

if TYPE_CHECKING:
    from textgrad_core.engine import EngineLike


class MultimodalLLMCall(Caller):
    """Ask a model about texts and images, in the order they are given.

    Whether the model sees images is for its server to say.

    Args:
        engine: The model; without one, the engine that is set when the call is made.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    def forward(
        self, inputs: Sequence[Variable], response_role_description: str | None = None
    ) -> Variable:
        """Start the call; the answer is deferred."""
        given = list(inputs)
        if not given:
            raise UsageError("no inputs: give at least one text or image")
        places = [f"part {number} of the prompt" for number in range(1, len(given) + 1)]
        runs = [[number] for number in range(len(given))]
        return self.ask(runs, given, places, response_role_description)


class OrderedFieldsMultimodalLLMCall(Caller):
    """Ask a model about named texts and images, in the order of the fields.

    Args:
        engine: The model; None for the engine that is set when the call is made.
        fields: The names, in order; they are shown before the values.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    def __init__(
        self,
        engine: EngineLike | None,
        fields: Mapping[str, Any] | Iterable[str],
        system_prompt: Variable | str | None = None,
    ) -> None:
        """Keep the fields."""
        super().__init__(engine, system_prompt)
        self.fields = tuple(fields)

    def forward(
        self, inputs: Mapping[str, Variable], response_role_description: str | None = None
    ) -> Variable:
        """Start the call; the answer is deferred.

        Raises:
            UsageError: If the names of the inputs are not those of the fields.
        """
        given = in_fields(inputs, self.fields)
        runs: list[list[Piece]] = [
            [f"{name}: ", number] for number, name in enumerate(self.fields)
        ]
        places = [f"{name!r} part of the prompt" for name in self.fields]
        return self.ask(runs, given, places, response_role_description)
