"""TextGrad's name for the home of the calls of a model; see `textgrad_core.autograd.llm_calls`."""

from __future__ import annotations

from textgrad_core.autograd.llm_calls import (
    FormattedLLMCall,
    LLMCall,
    LLMCall_with_in_context_examples,
)

__all__ = ["FormattedLLMCall", "LLMCall", "LLMCall_with_in_context_examples"]
