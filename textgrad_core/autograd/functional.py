"""Operations as plain functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from textgrad_core.autograd.algebra import aggregate, sum
from textgrad_core.autograd.llm_calls import FormattedLLMCall, LLMCall
from textgrad_core.variable import Variable

if TYPE_CHECKING:
    from textgrad_core.engine import EngineLike

__all__ = ["aggregate", "formatted_llm_call", "llm_call", "sum"]


def llm_call(
    input_variable: Variable,
    engine: EngineLike | None = None,
    response_role_description: str | None = None,
    system_prompt: Variable | str | None = None,
) -> Variable:
    """One `LLMCall`."""
    return LLMCall(engine, system_prompt)(input_variable, response_role_description)


def formatted_llm_call(
    inputs: Mapping[str, Variable],
    response_role_description: str | None,
    engine: EngineLike | None,
    format_string: str,
    fields: Mapping[str, Any] | Iterable[str],
    system_prompt: Variable | str | None = None,
) -> Variable:
    """One `FormattedLLMCall`."""
    call = FormattedLLMCall(engine, format_string, fields, system_prompt)
    return call(inputs, response_role_description)
