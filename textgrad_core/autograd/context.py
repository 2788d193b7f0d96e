"""Operations as TextGrad's users write them: a backward function that adds to gradients.

The backward function sees staged feedback in place of the variables' own: what it adds reaches
the variables when the whole pass has succeeded, and an error leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, final

from textgrad_core.autograd.function import FeedbackRequest, Function, Node, calling_line
from textgrad_core.autograd.once import Once
from textgrad_core.engine.base import EngineLM
from textgrad_core.engine.protocol import Engine
from textgrad_core.engine.wrapper import Wrapper
from textgrad_core.errors import UsageError
from textgrad_core.places import relative, scope
from textgrad_core.run import current_run
from textgrad_core.threads import in_thread
from textgrad_core.variable import STAGING, Gradient, Gradients, Variable


class BackwardContext:
    """A backward function with the arguments it will be called with.

    Args:
        backward_fn: Called with the arguments and ``backward_engine=``.
        *args: Its arguments.
        **kwargs: Its keyword arguments.
    """

    def __init__(self, backward_fn: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Keep all of it."""
        self.backward_fn, self.args, self.kwargs = backward_fn, args, kwargs
        module = getattr(backward_fn, "__module__", "")
        self.fn_name = f"{module}.{getattr(backward_fn, '__qualname__', repr(backward_fn))}"

    def __call__(self, backward_engine: Any = None) -> object:
        """Call the function."""
        return self.backward_fn(*self.args, **self.kwargs, backward_engine=backward_engine)

    def __repr__(self) -> str:
        """Its function."""
        return f"BackwardContext({self.fn_name})"


def node_of(output: Variable, grad_fn: Callable[..., object]) -> Node:
    """What a variable with a backward function of its own is in the graph."""
    run = current_run()
    return Node(
        function=UserBackward(grad_fn),
        inputs=output.predecessors,
        site=run.site(UserBackward.name),
        built_at=calling_line(),
        run=run,
    )


@final
class UserBackward(Function):
    """The backward half of an operation whose forward half the user has done already."""

    name: ClassVar[str] = "user function"

    def __init__(self, grad_fn: Callable[..., object]) -> None:
        """Keep the function."""
        self.grad_fn = grad_fn
        self._once: Once[dict[Variable, tuple[Gradient, ...]]] = Once()

    async def feedback(self, request: FeedbackRequest) -> tuple[Gradient, ...]:
        """What the function added to one input; it runs once for all of them."""
        added = await self._once.get(
            request.round_key, lambda: in_thread(lambda: self._run(request))
        )
        given = request.node.inputs[request.argument]
        first = request.node.inputs.index(given) == request.argument
        return added.get(given, ()) if first else ()

    def _run(self, request: FeedbackRequest) -> dict[Variable, tuple[Gradient, ...]]:
        staged = {request.output: Gradients(request.received)}
        staged.update((given, Gradients()) for given in request.node.inputs)
        known = set(staged)
        token = STAGING.set(staged)
        try:
            with scope(relative(request.site)):
                self.grad_fn(backward_engine=_callable(request.engine))
        finally:
            STAGING.reset(token)
        for other, gradients in staged.items():
            if other in known:
                continue
            if gradients.by_hand != len(other.gradients):
                raise UsageError(
                    f"a backward function gave feedback to {other.role_description!r}, which is "
                    f"not among the predecessors of {request.output.role_description!r}: name it "
                    "there"
                )
            if len(gradients) > gradients.by_hand:  # a backward() of the function's own came there
                other.gradients = gradients
        return {given: tuple(staged[given]) for given in request.node.inputs}


def _callable(engine: Engine | None) -> EngineLM | None:
    return engine if engine is None or isinstance(engine, EngineLM) else Wrapper(engine)
