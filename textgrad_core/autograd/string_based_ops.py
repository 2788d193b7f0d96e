"""TextGrad's name for the home of functions; see `textgrad_core.autograd.function_call`."""

from __future__ import annotations

from textgrad_core.autograd.function_call import StringBasedFunction

__all__ = ["StringBasedFunction"]
