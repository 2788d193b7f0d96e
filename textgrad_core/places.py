"""Sites: names for places in a program that depend on the program alone, not on timing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_scope: ContextVar[str] = ContextVar("textgrad_scope", default="")


class Sites:
    """Numbers the operations of one run, by scope and name.

    Args:
        by_name: Do not start anew in each scope, which would have to be remembered.
    """

    def __init__(self, *, by_name: bool = False) -> None:
        """Start at the first of every name."""
        self._by_name = by_name
        self._numbers: dict[str, int] = {}
        self._guard = threading.Lock()

    def next(self, name: str) -> str:
        """The scope's path, the name, and the order of creation."""
        place = f"{_scope.get()}{name}"
        key = name if self._by_name else place
        with self._guard:
            number = self._numbers[key] = self._numbers.get(key, 0) + 1
        return f"{place} {number}"


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name a part of the program, such as a step: sites inside it start with the name."""
    token = _scope.set(f"{_scope.get()}{name}/")
    try:
        yield
    finally:
        _scope.reset(token)


def relative(site: str) -> str:
    """A site as it is seen from the current scope, to name another scope in this one.

    Without it each level of nesting would repeat the path of all levels above.
    """
    return site.removeprefix(_scope.get())
