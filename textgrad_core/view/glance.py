"""What a variable shows of itself without waiting, without raising, the same every time."""

from __future__ import annotations

import re
import reprlib
from dataclasses import dataclass
from typing import Any, Literal

from textgrad_core.report.text import clipped, visible
from textgrad_core.variable import Variable

State = Literal["there", "under way", "failed"]
TOOLTIP_CHARS = 400
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = TOOLTIP_CHARS


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One variable at one moment, as plain text.

    Args:
        role: What it is for.
        value: Its value as text, shortened; what went wrong if it failed.
        state: Whether the value is there.
        operation: Name of the operation that made it; empty for one that was written.
        requires_grad: Whether feedback should reach it.
        feedback: The texts it has received, shortened.
        score: The number to minimise, if it is a loss that has one.
    """

    role: str
    value: str
    state: State = "there"
    operation: str = ""
    requires_grad: bool = True
    feedback: tuple[str, ...] = ()
    score: float | None = None

    @property
    def kind(self) -> str:
        """What sort of variable it is, in a word or two."""
        if self.operation:
            return self.operation
        return "parameter" if self.requires_grad else "frozen"


def glance(
    variable: Variable, value_chars: int = TOOLTIP_CHARS, feedback_chars: int = TOOLTIP_CHARS
) -> Glance:
    """What a variable is at this moment; never waits for it."""
    state: State = "there"
    future = variable._future
    if variable._file is not None:
        text = f"(image {variable._file.name})"
    elif future is None:
        text = shown(variable._value)
    elif not future.done():
        state, text = "under way", ""
    elif future.cancelled():
        state, text = "failed", "cancelled"
    elif (error := future.exception()) is not None:
        state, text = "failed", f"{type(error).__name__}: {error}"
    else:
        text = shown(future.result())
    score = variable.memo.get("score")
    return Glance(
        role=visible(variable.role_description),
        value=clipped(visible(text), value_chars),
        state=state,
        operation="" if variable.node is None else visible(variable.node.function.name),
        requires_grad=variable.requires_grad,
        feedback=tuple(clipped(visible(g.text), feedback_chars) for g in variable.gradients),
        score=score if isinstance(score, float) else None,
    )


def shown(value: Any) -> str:
    """Any value as text that is the same in every process."""
    match value:
        case str():
            return str(value)
        case bytes():
            return f"({len(value):,} bytes)"
        case None | bool() | int() | float():
            return str(value)
    return _ADDRESS.sub("", _SHORT.repr(value))
