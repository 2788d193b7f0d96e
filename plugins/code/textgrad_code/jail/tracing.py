"""Which lines of the program a test executes, how often, and how many steps that makes."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from textgrad_code.jail.failures import FILE


class StepsUsedUp(BaseException):
    """The test took as many steps as a trace may have."""


class LineTrace:
    """Counts lines while it is entered; the program runs several times slower.

    Args:
        most: Steps after which the test is stopped.
    """

    def __init__(self, most: int) -> None:
        self.most, self.steps = most, 0
        self.lines: dict[int, int] = {}

    def count(self, line: int) -> None:
        """One step on a line.

        Raises:
            StepsUsedUp: If it was the last one.
        """
        self.steps += 1
        self.lines[line] = self.lines.get(line, 0) + 1
        if self.steps >= self.most:
            self._stop()
            raise StepsUsedUp(f"stopped after {self.steps} steps")

    def __enter__(self) -> LineTrace:
        """Start counting in this thread."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop counting."""
        self._stop()

    def told(self) -> dict[str, Any]:
        """The counts as JSON data."""
        return {"steps": self.steps, "lines": [list(pair) for pair in sorted(self.lines.items())]}

    def _start(self) -> None:
        sys.settrace(self._on_call)

    def _stop(self) -> None:
        sys.settrace(None)

    def _on_call(
        self, frame: types.FrameType, _event: str, _argument: Any
    ) -> Callable[..., Any] | None:
        return self._on_event if frame.f_code.co_filename == FILE else None

    def _on_event(self, frame: types.FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self.count(frame.f_lineno)
        return self._on_event
