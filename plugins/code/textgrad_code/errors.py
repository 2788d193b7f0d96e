"""Errors of the plugin."""

from __future__ import annotations

from textgrad_core.errors import InstrumentError, UsageError


class SandboxUnavailable(InstrumentError):
    """This machine cannot isolate programs as asked; the message lists what is missing."""


class SandboxFailed(InstrumentError):
    """The sandbox broke while it ran a program; the program is not to blame."""


class DeadlinePassed(SandboxFailed):
    """There was no time for a verdict, and the program is not to blame."""


class ProblemError(UsageError):
    """A problem or a data set is not as it should be."""


class UnsafeSandboxWarning(UserWarning):
    """Programs run without isolation, because the caller allowed it."""
