"""A language model as a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textgrad_core.autograd.llm_calls import SYSTEM_ROLE, LLMCall, constant
from textgrad_core.autograd.module import Module
from textgrad_core.variable import Variable

if TYPE_CHECKING:
    from textgrad_core.engine import EngineLike


class BlackboxLLM(Module):
    """A model and its system prompt.

    Args:
        engine: The model; without one, the engine that is set when the module is called.
        system_prompt: A variable if it should improve; text is frozen, and no parameter.
    """

    def __init__(
        self, engine: EngineLike | None = None, system_prompt: Variable | str | None = None
    ) -> None:
        """Keep both."""
        self.system_prompt = constant(system_prompt, SYSTEM_ROLE)
        self.llm_call = LLMCall(engine, self.system_prompt)

    def forward(self, x: Variable) -> Variable:
        """The model's answer, deferred."""
        return self.llm_call(x)
