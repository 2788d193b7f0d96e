"""The graph: operations, and feedback flowing back through them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from textgrad_core.absent import told

if TYPE_CHECKING:
    from textgrad_core.autograd.algebra import aggregate as aggregate
    from textgrad_core.autograd.algebra import sum as sum
    from textgrad_core.autograd.context import BackwardContext as BackwardContext
    from textgrad_core.autograd.function import Function as Function
    from textgrad_core.autograd.function_call import Failure as Failure
    from textgrad_core.autograd.function_call import FunctionCall as FunctionCall
    from textgrad_core.autograd.function_call import StringBasedFunction as StringBasedFunction
    from textgrad_core.autograd.llm_calls import FormattedLLMCall as FormattedLLMCall
    from textgrad_core.autograd.llm_calls import LLMCall as LLMCall
    from textgrad_core.autograd.llm_calls import (
        LLMCall_with_in_context_examples as LLMCall_with_in_context_examples,
    )
    from textgrad_core.autograd.module import Module as Module
    from textgrad_core.autograd.multimodal import MultimodalLLMCall as MultimodalLLMCall
    from textgrad_core.autograd.multimodal import (
        OrderedFieldsMultimodalLLMCall as OrderedFieldsMultimodalLLMCall,
    )

_HOMES = {
    "BackwardContext": "context",
    "Failure": "function_call",
    "FormattedLLMCall": "llm_calls",
    "Function": "function",
    "FunctionCall": "function_call",
    "LLMCall": "llm_calls",
    "LLMCall_with_in_context_examples": "llm_calls",
    "Module": "module",
    "MultimodalLLMCall": "multimodal",
    "OrderedFieldsMultimodalLLMCall": "multimodal",
    "StringBasedFunction": "function_call",
    "aggregate": "algebra",
    "sum": "algebra",
}
_SUBMODULES = (
    "algebra",
    "function",
    "functional",
    "llm_ops",
    "multimodal_ops",
    "string_based_ops",
)

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    """Load a public name, or a submodule, at its first use."""
    if name in _HOMES:
        found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return found
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(told(__name__, name))
