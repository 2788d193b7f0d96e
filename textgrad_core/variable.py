"""Values that feedback can reach, and the feedback itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from textgrad_core import runtime
from textgrad_core.errors import InstrumentError, UsageError
from textgrad_core.gradient import NO_FEEDBACK as NO_FEEDBACK
from textgrad_core.gradient import Gradient as Gradient
from textgrad_core.gradient import GradientContexts, as_gradient
from textgrad_core.gradient import Gradients as Gradients
from textgrad_core.gradient import NoFeedback as NoFeedback
from textgrad_core.held import Held
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Outcome
from textgrad_core.schema import Schema, typed
from textgrad_core.values import ends_of, text_of

if TYPE_CHECKING:
    from textgrad_core.autograd.function import Node
    from textgrad_core.deferred import Deferred
    from textgrad_core.domain import Domain
    from textgrad_core.engine import EngineLike
    from textgrad_core.view.graph import Graph


Staging: TypeAlias = "dict[Variable, Gradients]"
STAGING: ContextVar[Staging | None] = ContextVar("textgrad_staging", default=None)
"""What a user's backward function sees and writes instead of the variables' own feedback."""


class Variable(Held):
    """A value with a role, which feedback can reach and an optimizer can change.

    A variable that an operation returned is *deferred*: the operation is already running, and
    reading `value` waits for it. In async code ``await variable`` does the same.

    Args:
        value: Text, or any value an operation of the program understands; the bytes of an image
            go to a model as an image.
        image_path: A file with an image, read when the value is; or the web address of one,
            which is handed to the model and never fetched here.
        predecessors: What the value was made from, for operations that say themselves how
            feedback flows back (see `set_grad_fn`).
        requires_grad: Whether feedback should reach it.
        role_description: What the value is for. Prompts are built around it.
        domain: The domain the value belongs to; new values are then parsed and checked by it.
        schema: The JSON schema a typed value obeys; new values are then JSON that obeys it too.
    """

    domain: Domain[Any] | None
    schema: Schema | None
    _given: tuple[Variable, ...]

    __slots__ = (
        "__weakref__",
        "_given",
        "_gradients",
        "built_frozen",
        "domain",
        "memo",
        "node",
        "passed_by",
        "passes",
        "requires_grad",
        "role_description",
        "schema",
        "staged",
    )

    def __init__(
        self,
        value: Any = "",
        image_path: str | Path = "",
        predecessors: Sequence[Variable] | None = None,
        requires_grad: bool = True,
        *,
        role_description: str,
        domain: Domain[Any] | None = None,
        schema: Schema | Mapping[str, JSON] | None = None,
    ) -> None:
        """Hold a value; nothing else happens."""
        if not isinstance(role_description, str) or not role_description.strip():
            raise UsageError("role_description is empty: say in a few words what the value is for")
        self._begin(role_description, requires_grad)
        self._given = tuple(predecessors or ())
        for given in self._given:
            if given.requires_grad and not requires_grad:
                raise UsageError(
                    f"{role_description!r} has requires_grad=False, but it is made from "
                    f"{given.role_description!r}, which requires feedback: leave it True"
                )
        self._hold(value, image_path)
        self.domain = domain
        self.schema = typed(value, schema) if schema is not None else None

    def _begin(self, role_description: str, requires_grad: bool) -> None:
        """What every variable starts with, except its value."""
        self.role_description = role_description
        self.requires_grad = requires_grad
        self._given = ()
        self._gradients = Gradients()
        self.domain = None
        self.schema = None
        self.node: Node | None = None
        self.built_frozen = False  # the output of an operation on frozen inputs
        self.passed_by = False  # feedback went past it, because nobody wanted to improve it
        self.memo: dict[str, Any] = {}  # what the operation keeps for its feedback
        self.staged: dict[object, tuple[Gradient, ...]] = {}  # answers of a failed backward
        self.passes = 0  # backward passes that started here and succeeded

    @classmethod
    def deferred(
        cls, future: Deferred[Any], node: Node, role_description: str, *, requires_grad: bool
    ) -> Variable:
        """The output of an operation that is under way."""
        variable = object.__new__(cls)
        variable._begin(role_description, requires_grad)
        variable._value, variable._file, variable._future = None, None, future
        variable.node, variable.built_frozen = node, not requires_grad
        return variable

    def snapshot(self) -> Variable:
        """The variable as it is now: what is set later does not reach whoever holds this."""
        now = object.__new__(type(self))
        now._value, now._file, now._future = self._value, self._file, self._future
        now.role_description, now.requires_grad = self.role_description, self.requires_grad
        now._given, now._gradients, now.node = self._given, self._gradients, self.node
        now.domain, now.schema, now.memo = self.domain, self.schema, self.memo
        now.built_frozen, now.passed_by = self.built_frozen, self.passed_by
        now.staged, now.passes = self.staged, self.passes
        return now

    def get_short_value(self, n_words_offset: int = 10) -> str:
        """The first and the last words of the value, for a glance."""
        return ends_of(text_of(self.value), n_words_offset)

    def get_role_description(self) -> str:
        """The same as `role_description`."""
        return self.role_description

    def set_role_description(self, role_description: str) -> None:
        """The same as assigning `role_description`."""
        self.role_description = role_description

    @property
    def predecessors(self) -> tuple[Variable, ...]:
        """What the value was made from."""
        return self._given if self.node is None else self.node.inputs

    def set_grad_fn(self, grad_fn: Callable[..., object] | None) -> None:
        """Say how feedback on this value becomes feedback on its predecessors.

        Args:
            grad_fn: Called with ``backward_engine=``; adds to the `gradients` of predecessors.
                Usually a `BackwardContext`.
        """
        from textgrad_core.autograd.context import node_of

        self.node = None if grad_fn is None else node_of(self, grad_fn)

    def get_grad_fn(self) -> object:
        """What `set_grad_fn` was given, or the operation that made the value."""
        if self.node is None:
            return None
        return getattr(self.node.function, "grad_fn", self.node.function)

    @property
    def gradients(self) -> Gradients:
        """The feedback received so far; any collection of feedback may be assigned."""
        staged = STAGING.get()
        if staged is None:
            return self._gradients
        return staged.setdefault(self, Gradients(self._gradients))

    @gradients.setter
    def gradients(self, gradients: Iterable[object]) -> None:
        kept = gradients if isinstance(gradients, Gradients) else Gradients(gradients)
        staged = STAGING.get()
        if staged is None:
            self._gradients = kept
        else:
            staged[self] = kept

    @property
    def gradients_context(self) -> GradientContexts:
        """From each gradient to the conversation it speaks of."""
        return GradientContexts(self.gradients, self.role_description)

    def get_gradient_text(self) -> str:
        """The feedback as text, each distinct text once."""
        return "\n".join(dict.fromkeys(g.text for g in self.gradients))

    def reset_gradients(self) -> None:
        """Forget the feedback received so far, contexts included."""
        self.gradients.clear()

    @property
    def outcome(self) -> Outcome | None:
        """For a loss that measures: what the instrument said, also when it failed."""
        with suppress(InstrumentError):
            _ = self.value
        outcome: Outcome | None = self.memo.get("outcome")
        return outcome

    def item(self) -> float | None:
        """For a loss: the number to minimise; None if it has none."""
        _ = self.value
        score: float | None = self.memo.get("score")
        return score

    def backward(
        self,
        engine: EngineLike | None = None,
        gradient: object = None,
    ) -> None:
        """Send feedback from here to everything this value was made from.

        Args:
            engine: Writes the feedback where an operation needs a model; it goes before the
                engine of ``using`` and the one of ``set_backward_engine``.
            gradient: Feedback to start from: a person's or an instrument's words, a `Gradient`
                or an outcome; `NO_FEEDBACK` goes nowhere. Without it, this value is taken for a
                loss that says itself what should change.

        Raises:
            BackwardError: If some feedback could not be had. No variable has changed; calling
                again asks only for what is missing.
        """
        runtime.run(self.abackward(engine, gradient))

    async def abackward(self, engine: EngineLike | None = None, gradient: object = None) -> None:
        """The same as `backward`, for async code."""
        from textgrad_core.autograd.backward import backpropagate
        from textgrad_core.autograd.thaw import thaw
        from textgrad_core.engine import get_engine

        if gradient is NO_FEEDBACK:
            return
        seed = None if gradient is None else as_gradient(gradient)
        chosen = None if engine is None else get_engine(engine)
        thaw(self)
        await runtime.hand_over(backpropagate(self, seed, chosen))

    def __add__(self, other: Variable | str) -> Variable:
        """Concatenate two texts; feedback passes through unchanged."""
        from textgrad_core.autograd.algebra import concatenate

        return concatenate(self, other)

    def __radd__(self, other: Variable | str | int) -> Variable:
        """Concatenate from the left; the 0 of Python's ``sum`` adds nothing."""
        from textgrad_core.autograd.algebra import concatenate

        return self if other == 0 else concatenate(str(other), self)

    def generate_graph(self, print_gradients: bool = False) -> Graph:
        """How this value came about: a drawing, which is also SVG and DOT text."""
        from textgrad_core.view.graph import graph

        return graph(self, show_feedback=print_gradients)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel and be copied as a value with its feedback, without how it was made."""
        state = self.value, self.role_description, self.requires_grad, tuple(self._gradients)
        return _restored, (*state, self.domain, self.schema)

    def __str__(self) -> str:
        """The value as text."""
        return text_of(self.value)

    def __repr__(self) -> str:
        """Role and value, without waiting for one that is under way."""
        return f"Variable({self._shown()}, role_description={self.role_description!r})"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from textgrad_core.report.notebook import variable_html

        return variable_html(self)


def _restored(
    value: Any,
    role: str,
    requires_grad: bool,
    gradients: Iterable[Gradient],
    domain: Domain[Any] | None,
    schema: Schema | None,
) -> Variable:
    variable = Variable(value, requires_grad=requires_grad, role_description=role)
    variable.domain, variable.schema = domain, schema
    variable.gradients = Gradients(gradients)
    return variable
