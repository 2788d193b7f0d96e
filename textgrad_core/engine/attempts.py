"""What one call has come to while it is under way, seen by whoever started it.

If the call is cancelled, or its time runs out, there is neither a reply nor an error that could
say how many requests failed before. So the layer that repeats requests writes it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from textgrad_core.counts import Tokens, added
from textgrad_core.errors import EngineError

Grant = Callable[[], bool]


@dataclass(slots=True)
class Attempts:
    """The requests of one call.

    Args:
        grant: Asked before each repetition; None allows all.
        failed: Requests that failed so far.
        spent: Their tokens, as far as servers counted them.
        sending: False while the next request waits, for its turn or after a failure.
    """

    grant: Grant | None = None
    failed: int = 0
    spent: Tokens | None = None
    sending: bool = True

    def add(self, failure: EngineError) -> None:
        """Count the requests of a failure."""
        self.failed += failure.attempts
        self.spent = added(self.spent, failure.spent)

    def granted(self) -> bool:
        """Whether one more repetition is allowed."""
        return self.grant is None or self.grant()

    @property
    def begun(self) -> int:
        """Requests so far, the one that may be under way included."""
        return self.failed + int(self.sending)

    @contextmanager
    def not_sending(self) -> Iterator[None]:
        """Inside, nothing is under way; if it is left by an error, that stays so."""
        self.sending = False
        yield
        self.sending = True


def uncounted(error: EngineError) -> EngineError:
    """The failure without what a run has counted already.

    An engine may ask others through the run, and fail because they do.
    """
    return error.but(attempts=1, spent=None) if error.counted else error


_under_way: ContextVar[Attempts | None] = ContextVar("textgrad_attempts", default=None)


@contextmanager
def attempts_counted(grant: Grant | None = None) -> Iterator[Attempts]:
    """Count the requests of a call in this context; with a grant it is a call of its own.

    Args:
        grant: The retry budget of a run.
    """
    there = _under_way.get()
    if there is not None and grant is None:
        yield there
        return
    attempts = Attempts(grant)
    token = _under_way.set(attempts)
    try:
        yield attempts
    finally:
        _under_way.reset(token)
