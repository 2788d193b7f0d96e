"""The one logger. It is silent until the program that uses the suite sets up logging."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

log = logger = logging.getLogger("textgrad_core")
log.addHandler(logging.NullHandler())


@contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Show warnings and errors of the suite on standard error, each once, as the command does."""
    handler = _Told(level=logging.WARNING)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _Told(logging.Handler):
    """Prints messages as the command prints errors: one line, no traceback."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        from textgrad_core.report.text import visible

        message = visible(record.getMessage())
        if message in self._seen:
            return
        self._seen.add(message)
        if sys.stderr is None:  # closed before the program began: there is nobody to tell
            return
        try:
            live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
            clear = "\r\x1b[2K" if live else ""  # a line of progress may stand there
            sys.stderr.write(f"{clear}textgrad: {record.levelname.lower()}: {message}\n")
        except ValueError:  # closed meanwhile, likewise
            return
        except OSError:
            self.handleError(record)
