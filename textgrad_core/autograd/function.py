"""Operations: what they compute, and what feedback their inputs deserve."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from textgrad_core import runtime
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import UsageError
from textgrad_core.run import Run, current_run
from textgrad_core.variable import Gradient, NoFeedback, Variable

_PACKAGE = str(Path(__file__).parent.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One application of an operation: the edge list of the graph.

    Args:
        function: The operation.
        inputs: Its arguments, in order.
        site: Its place in the program; independent of timing.
        built_at: File and line of the call, for error messages.
        run: The run its effects belong to.
    """

    function: Function
    inputs: tuple[Variable, ...]
    site: str
    built_at: str
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRequest:
    """What an operation is asked in the backward pass, for one of its inputs.

    Args:
        output: The variable the operation made; its `Variable.memo` is the operation's own.
        node: How it was made.
        argument: Index of the input the feedback is for.
        received: Feedback on the output, in (consumer, argument) order.
        is_base: The backward pass started here: the output is a loss to be improved.
        engine: Writes feedback where a model is needed; None if there is none.
        site: Where a model call for this feedback is recorded; the same when a failed backward
            pass is tried again.
    """

    output: Variable
    node: Node
    argument: int
    received: tuple[Gradient, ...]
    is_base: bool
    engine: Engine | None
    site: str

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this request from another one to the same node."""
        name = None if self.engine is None else self.engine.name
        return (self.argument, self.is_base, name, tuple(g.text for g in self.received))


class Function(ABC):
    """An operation on variables. Subclasses are final: they say what to ask and what it means."""

    name: ClassVar[str]
    passes_through: ClassVar[bool] = False
    """Whether feedback on the output is handed to every input as it is, object by object."""

    @abstractmethod
    async def forward(
        self, run: Run, site: str, inputs: Sequence[Variable], memo: dict[str, Any]
    ) -> Any:
        """Compute the value; the inputs' values are there. `memo` keeps what feedback needs."""

    async def feedback(self, request: FeedbackRequest) -> Gradient | NoFeedback:
        """Feedback for one input; never called where feedback passes through."""
        raise UsageError(f"{self.name} has no feedback of its own (argument {request.argument})")

    def apply(self, inputs: Sequence[Variable], role_description: str) -> Variable:
        """Build the node and start it; returns at once with a deferred variable."""
        for place, given in enumerate(inputs):
            if not isinstance(given, Variable):
                raise UsageError(
                    f"argument {place} of {self.name} is {type(given).__name__}, not a Variable: "
                    "wrap it in Variable(..., role_description=...)"
                )
        run = current_run()
        node = Node(
            function=self,
            inputs=tuple(inputs),
            site=run.site(self.name),
            built_at=calling_line(),
            run=run,
        )
        memo: dict[str, Any] = {}
        future = runtime.start(_execute(node, memo, role_description))
        output = Variable.deferred(
            future, node, role_description, requires_grad=any(v.requires_grad for v in inputs)
        )
        output.memo = memo
        if runtime.is_eager():
            _ = output.value
        return output


async def _execute(node: Node, memo: dict[str, Any], role: str) -> Any:
    for variable in node.inputs:
        await variable
    try:
        return await node.function.forward(node.run, node.site, node.inputs, memo)
    except Exception as error:
        error.add_note(f"in {node.function.name} ({node.site}) for {role!r}, at {node.built_at}")
        raise


def calling_line() -> str:
    """File and line of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{_file_name(frame.f_code.co_filename)}:{frame.f_lineno}"


@cache
def _file_name(path: str) -> str:
    return Path(path).name
