"""Sites: names for places in a program that depend on the program alone, not on timing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_scope: ContextVar[str] = ContextVar("textgrad_scope", default="")


class Sites:
    """Numbers the operations of one run, by scope and name."""

    def __init__(self) -> None:
        """Start at the first of every name."""
        self._numbers: dict[str, int] = {}
        self._guard = threading.Lock()

    def next(self, name: str) -> str:
        """The scope's path, the name, and the order of creation."""
        place = f"{_scope.get()}{name}"
        with self._guard:
            number = self._numbers[place] = self._numbers.get(place, 0) + 1
        return f"{place} {number}"


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name a part of the program, such as a step: sites inside it start with the name."""
    token = _scope.set(f"{_scope.get()}{name}/")
    try:
        yield
    finally:
        _scope.reset(token)
