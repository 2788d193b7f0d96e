"""What every optimizer has: parameters, a way to forget their feedback, and a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from textgrad_core.errors import UsageError
from textgrad_core.variable import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What one step did.

    Args:
        changed: Variables that have a new value.
        unreached: Variables no feedback reached; left alone.
        failures: Why answers could not be used. If a step is all or nothing and there is one,
            nothing has changed; else the variables it is about have kept their values.
        discarded: Proposals that came to nothing although others for the same variable did not.
    """

    changed: tuple[Variable, ...] = ()
    unreached: tuple[Variable, ...] = ()
    failures: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()


class Optimizer(ABC):
    """Changes variables by the feedback they have received; subclasses say how.

    Args:
        parameters: Variables to improve; each counts once. What an operation returned, such as
            a model's answer, may be improved too.

    Raises:
        UsageError: If there is nothing to improve, or a parameter is frozen.
    """

    def __init__(self, parameters: Iterable[Variable]) -> None:
        """Check the parameters."""
        self.parameters = tuple(_checked(parameters))
        if not self.parameters:
            raise UsageError("no parameters: give at least one Variable to improve")

    def zero_grad(self) -> None:
        """Forget the feedback on every parameter, contexts included."""
        for parameter in self.parameters:
            parameter.reset_gradients()

    @abstractmethod
    def step(self) -> Any:
        """Use the feedback."""


def _checked(parameters: Iterable[Variable]) -> Iterable[Variable]:
    """Each parameter once.

    Raises:
        UsageError: If one is frozen, or is no variable.
    """
    given = list(parameters)
    for place, parameter in enumerate(given):
        if not isinstance(parameter, Variable):
            raise UsageError(
                f"parameter {place} is {type(parameter).__name__}: give Variables to improve"
            )
        if parameter.requires_grad:
            continue
        if parameter.node is None:
            raise UsageError(
                f"{parameter.role_description!r} is frozen (requires_grad=False), so it "
                "cannot be a parameter: leave it out, or create it with requires_grad=True"
            )
        parameter.requires_grad = True  # it only says that nothing it was made from can change
    return dict.fromkeys(given)


def refuse_if_passed_by(parameters: Iterable[Variable]) -> None:
    """Say so if feedback went past a parameter because it was none when ``backward()`` ran.

    Raises:
        UsageError: If that is so.
    """
    for parameter in parameters:
        if parameter.passed_by:
            raise UsageError(
                f"no feedback for {parameter.role_description!r}: it was no parameter of an "
                "optimizer when backward() ran, and nothing it was made from requires feedback; "
                "make the optimizer first, or call backward() again now"
            )
