"""Who may watch a run: whatever sees an entry of its journal the moment it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias, runtime_checkable

from textgrad_core.errors import UsageError
from textgrad_core.journal_lines import Entry


@runtime_checkable
class Callback(Protocol):
    """Sees what the journal sees: every model reply, evaluation, proposal and note.

    It is called where the work runs, so it should return soon. What it raises is logged and
    changes nothing in the run. A resumed or replayed run tells it the recalled entries too;
    `Entry.recalled` says which those are.
    """

    def on_event(self, entry: Entry) -> None:
        """Take one entry."""
        ...


Hearing: TypeAlias = Callable[[Entry], None]
Listener: TypeAlias = Hearing | Callback


def hearing(listeners: Iterable[Listener]) -> tuple[Hearing, ...]:
    """Listeners of both kinds as functions; `Callback.on_event` goes before being callable.

    Raises:
        UsageError: If one of them is neither.
    """
    return tuple(_heard_by(listener) for listener in listeners)


def _heard_by(listener: Listener) -> Hearing:
    if not isinstance(listener, type):
        if isinstance(listener, Callback):
            return listener.on_event
        if callable(listener):
            return listener
    raise UsageError(
        f"{listener!r} is no listener: give a function of one entry, or an object (not a class) "
        "with on_event(entry)"
    )
