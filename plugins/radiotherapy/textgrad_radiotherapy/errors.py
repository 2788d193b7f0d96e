"""Errors of the plugin."""

from __future__ import annotations

from textgrad_core.errors import InstrumentError, UsageError


class CaseError(UsageError):
    """A case, a structure, a grid or an influence matrix is not as it should be."""


class GoalError(UsageError):
    """A clinical goal, a protocol or an objective is not as it should be."""


class SolverFailed(InstrumentError):
    """The inner optimiser broke; the weights are not to blame."""
