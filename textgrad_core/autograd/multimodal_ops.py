"""TextGrad's name for the home of calls with images; see `textgrad_core.autograd.multimodal`."""

from __future__ import annotations

from textgrad_core.autograd.multimodal import MultimodalLLMCall, OrderedFieldsMultimodalLLMCall

__all__ = ["MultimodalLLMCall", "OrderedFieldsMultimodalLLMCall"]
