"""Exit codes of the ``textgrad`` command, and which error ends in which."""

from __future__ import annotations

from textgrad_core.errors import (
    BudgetExhausted,
    DataError,
    EngineError,
    InstrumentError,
    Invalid,
    JournalError,
    MissingExtra,
    PluginError,
    TextgradError,
    UsageError,
)

OK = 0
FAILED = 1
USAGE = 2
MISSING = 3
ENGINE = 4
JOURNAL = 5
REFUSED = 6
INTERRUPTED = 130
TERMINATED = 143

EXPLAINED = (
    (OK, "done"),
    (FAILED, "the instrument failed, or something unforeseen happened"),
    (USAGE, "an argument is wrong, or the start is no legal value"),
    (MISSING, "something is not installed, or a data set is not here; the message says how"),
    (ENGINE, "the language model failed; the run can be resumed"),
    (JOURNAL, "the run folder cannot be used, or a replay differs"),
    (REFUSED, "what was judged does not pass"),
    (INTERRUPTED, "stopped by Ctrl-C; the run can be resumed"),
    (TERMINATED, "stopped by a termination signal; the run can be resumed"),
)

_BY_ERROR: tuple[tuple[type[TextgradError], int], ...] = (
    (MissingExtra, MISSING),
    (DataError, MISSING),
    (UsageError, USAGE),
    (PluginError, MISSING),
    (Invalid, USAGE),
    (BudgetExhausted, USAGE),
    (EngineError, ENGINE),
    (JournalError, JOURNAL),
    (InstrumentError, FAILED),
)


def exit_code(error: TextgradError) -> int:
    """The exit code an error ends in."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), FAILED)
