"""Operations: what they compute, and what feedback their inputs deserve."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from textgrad_core import runtime
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import UsageError
from textgrad_core.run import Run, current_run
from textgrad_core.variable import Gradient, NoFeedback, Variable

if TYPE_CHECKING:
    from textgrad_core.autograd.context import BackwardContext as BackwardContext
    from textgrad_core.autograd.module import Module as Module

Feedback: TypeAlias = Gradient | tuple[Gradient, ...] | NoFeedback
"""What an operation says about one input; an empty tuple is no feedback too."""

_LAZY = {"BackwardContext": "context", "Module": "module"}  # TextGrad has them in this module
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
        arguments: The inputs as they were when the operation was called; a program may give a
            variable another value before the operation gets to read it.
    """

    function: Function
    inputs: tuple[Variable, ...]
    site: str
    built_at: CallSite
    run: Run
    arguments: tuple[Variable, ...] = ()


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
        round: The backward pass it belongs to; the same when a failed one is tried again.
        engine_digest: What tells the engine from another one.
    """

    output: Variable
    node: Node
    argument: int
    received: tuple[Gradient, ...]
    is_base: bool
    engine: Engine | None
    site: str
    round: str = ""
    engine_digest: str | None = None

    @property
    def round_key(self) -> tuple[object, ...]:
        """What is the same for all arguments of one node in one pass."""
        return (self.round, *self.key[1:])

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this request from another one to the same node."""
        heard = tuple(g.text for g in self.received)
        return (self.argument, self.is_base, self.engine_digest, heard)


class Function:
    """An operation on variables, in one of two forms.

    *Deferred*: `compute` says how the value comes about and `feedback` what an input deserves;
    both may await. `forward` passes its arguments to `apply`, which starts the operation and
    returns at once. All operations of this package are written like this.

    *At once*, as TextGrad's users write them: `forward` makes the output itself, with its
    predecessors, and gives it a grad_fn by `Variable.set_grad_fn`, usually a `BackwardContext`
    around a method ``backward`` that adds to the predecessors' gradients.
    """

    name: ClassVar[str] = "function"
    passes_through: ClassVar[bool] = False
    """Whether feedback on the output is handed to every input as it is, object by object."""
    averages: ClassVar[bool] = False
    """Whether the feedback that comes through it is summarised where it meets."""

    def __call__(self, *args: Any, **kwargs: Any) -> Variable:
        """The same as `forward`."""
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Variable:
        """The output, for these arguments."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    async def compute(
        self,
        run: Run,
        site: str,
        inputs: Sequence[Variable],
        memo: dict[str, Any],
    ) -> Any:
        """Compute the value; the inputs' values are there. `memo` keeps what feedback needs."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute()")

    async def feedback(self, request: FeedbackRequest) -> Feedback:
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
            arguments=tuple(v.snapshot() for v in inputs),
        )
        memo: dict[str, Any] = {}
        future = runtime.defer(
            partial(_execute, node, memo, role_description),
            [v._future for v in node.arguments if v._future is not None],
        )
        output = Variable.deferred(
            future, node, role_description, requires_grad=any(v.requires_grad for v in inputs)
        )
        output.memo = memo
        if runtime.is_eager():
            _ = output.value
        return output


async def _execute(node: Node, memo: dict[str, Any], role: str) -> Any:
    try:
        return await node.function.compute(node.run, node.site, node.arguments, memo)
    except Exception as error:
        error.add_note(f"in {node.function.name} ({node.site}) for {role!r}, at {node.built_at}")
        raise


@dataclass(frozen=True, slots=True)
class CallSite:
    """Where something was called; file and line are looked up when it is told, as text.

    Args:
        code: The code that called.
        instruction: Where in it, in bytes.
    """

    code: CodeType
    instruction: int

    def __str__(self) -> str:
        """File and line."""
        lines = (
            line
            for start, end, line in self.code.co_lines()
            if start <= self.instruction < end and line is not None
        )
        line = next(lines, self.code.co_firstlineno)
        return f"{Path(self.code.co_filename).name}:{line}"


def calling_line() -> CallSite:
    """The place of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while _is_ours(frame.f_code.co_filename) and frame.f_back is not None:
        frame = frame.f_back
    return CallSite(frame.f_code, frame.f_lasti)


@cache
def _is_ours(path: str) -> bool:
    return path.startswith(_PACKAGE)


def __getattr__(name: str) -> object:
    if name in _LAZY:
        found: object = getattr(import_module(f"textgrad_core.autograd.{_LAZY[name]}"), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
