"""Which engine writes feedback when a call does not say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from textgrad_core.engine import EngineLike, get_engine
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import UsageError

_local: ContextVar[Engine | None] = ContextVar("textgrad_engine", default=None)
_default: list[Engine] = []


def set_backward_engine(engine: EngineLike, override: bool = True) -> None:
    """Choose the engine for the whole process.

    Args:
        engine: An engine, or what `get_engine` understands.
        override: Whether a choice made before may be replaced.

    Raises:
        UsageError: If there is a choice already and it may not be replaced.
    """
    if _default and not override:
        raise UsageError("a backward engine is set already: pass override=True to replace it")
    _default[:] = [get_engine(engine)]


@contextmanager
def using(engine: EngineLike) -> Iterator[Engine]:
    """Choose the engine for a block of code; it goes before the process-wide choice."""
    chosen = get_engine(engine)
    token = _local.set(chosen)
    try:
        yield chosen
    finally:
        _local.reset(token)


def backward_engine() -> Engine | None:
    """The engine of this context, else of the process, else None."""
    return _local.get() or (_default[0] if _default else None)


class SingletonBackwardEngine:
    """TextGrad's handle on the engine of the process; every instance shows the same one."""

    def set_engine(self, engine: EngineLike, override: bool = False) -> None:
        """The same as `set_backward_engine`, which by itself allows to replace a choice.

        Raises:
            UsageError: If there is a choice already and it may not be replaced.
        """
        set_backward_engine(engine, override)

    def get_engine(self) -> Engine | None:
        """The engine of this context, else of the process, else None."""
        return backward_engine()


def validate_engine_or_get_default(engine: EngineLike | None) -> Engine:
    """The engine that is meant: the given one, else that of the context or the process.

    Raises:
        UsageError: If there is none.
    """
    chosen = backward_engine() if engine is None else get_engine(engine)
    if chosen is None:
        raise UsageError("no engine: pass one, or choose one with set_backward_engine()")
    return chosen
