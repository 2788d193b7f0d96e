"""Values that feedback can reach, and the feedback itself."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from textgrad_core import runtime
from textgrad_core.errors import InstrumentError, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Outcome
from textgrad_core.schema import Schema, typed

if TYPE_CHECKING:
    from textgrad_core.autograd.function import Node
    from textgrad_core.domain import Domain
    from textgrad_core.engine import EngineLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradient:
    """Feedback on one use of one variable.

    Args:
        text: What should change, in words.
        source: Where it comes from: the role of the value it criticises.
        context: The conversation the variable took part in; shared, never copied.
        score: The number behind it, if there is one.
        data: JSON data behind it: sensitivities, per-test results, components.
        verbatim: Whether it must stay as it is, as a violation or a rejection must: it is never
            summarised away.
    """

    text: str
    source: str = ""
    context: str = ""
    score: float | None = None
    data: Mapping[str, JSON] | None = field(default=None, hash=False)
    verbatim: bool = False


class NoFeedback(Enum):
    """The value that says: nothing to change here. Propagation stops at it."""

    NO_FEEDBACK = "no feedback"


NO_FEEDBACK = NoFeedback.NO_FEEDBACK


class Gradients:
    """The feedback a variable has received, in order, one entry per edge and round."""

    __slots__ = ("_by_edge", "_next")

    def __init__(self, gradients: Iterable[Gradient | str] = ()) -> None:
        """Start with hand-written feedback, or none."""
        self._by_edge: dict[object, Gradient] = {}
        self._next = 0
        for gradient in gradients:
            self.add(gradient)

    def add(self, gradient: Gradient | str, edge: object = None) -> None:
        """Add feedback; an edge that is given twice keeps the later one."""
        if edge is None:
            self._next += 1
            edge = ("by hand", self._next)
        self._by_edge[edge] = Gradient(text=gradient) if isinstance(gradient, str) else gradient

    def clear(self) -> None:
        """Forget all of it."""
        self._by_edge.clear()

    def __iter__(self) -> Iterator[Gradient]:
        """In the order of arrival, which is that of (consumer, argument)."""
        return iter(self._by_edge.values())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_edge)

    def __contains__(self, gradient: object) -> bool:
        """Whether an equal one is there."""
        return gradient in self._by_edge.values()

    def __repr__(self) -> str:
        """The texts."""
        return f"Gradients({[g.text for g in self]})"


class Variable:
    """A value with a role, which feedback can reach and an optimizer can change.

    A variable that an operation returned is *deferred*: the operation is already running, and
    reading `value` waits for it. In async code ``await variable`` does the same.

    Args:
        value: Text, or any value an operation of the program understands.
        role_description: What the value is for. Prompts are built around it.
        requires_grad: Whether feedback should reach it.
        domain: The domain the value belongs to; new values are then parsed and checked by it.
        schema: The JSON schema a typed value obeys; new values are then JSON that obeys it too.
    """

    __slots__ = (
        "__weakref__",
        "_future",
        "_gradients",
        "_value",
        "domain",
        "memo",
        "node",
        "passes",
        "requires_grad",
        "role_description",
        "schema",
        "staged",
    )

    def __init__(
        self,
        value: Any = "",
        *,
        role_description: str,
        requires_grad: bool = True,
        domain: Domain[Any] | None = None,
        schema: Schema | Mapping[str, JSON] | None = None,
    ) -> None:
        """Hold a value; nothing else happens."""
        if not isinstance(role_description, str) or not role_description.strip():
            raise UsageError("role_description is empty: say in a few words what the value is for")
        self._value = value
        self._future: Future[Any] | None = None
        self._gradients = Gradients()
        self.role_description = role_description
        self.requires_grad = requires_grad
        self.domain = domain
        self.schema = typed(value, schema) if schema is not None else None
        self.node: Node | None = None
        self.memo: dict[str, Any] = {}  # what the operation keeps for its feedback
        self.staged: dict[object, Gradient | NoFeedback] = {}  # answers of a failed backward
        self.passes = 0  # backward passes that started here and succeeded

    @classmethod
    def deferred(
        cls, future: Future[Any], node: Node, role_description: str, *, requires_grad: bool
    ) -> Variable:
        """The output of an operation that is under way."""
        variable = cls(None, role_description=role_description, requires_grad=requires_grad)
        variable._future, variable.node = future, node
        return variable

    @property
    def value(self) -> Any:
        """The value; waits for the operation that makes it, and raises its error."""
        future = self._future
        if future is None:
            return self._value
        value = runtime.wait(future)
        if self._future is future:  # nobody set another value, or read this one, meanwhile
            self._value = value
            self._future = None
        return value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value
        self._future = None

    def get_value(self) -> Any:
        """The same as `value`."""
        return self.value

    def set_value(self, value: Any) -> None:
        """The same as assigning `value`."""
        self.value = value

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the value without blocking the running loop."""
        if self._future is not None and not self._future.done():
            return runtime.settled(self._future).__await__()
        return _ready(self).__await__()

    @property
    def predecessors(self) -> tuple[Variable, ...]:
        """The inputs of the operation that made it."""
        return () if self.node is None else self.node.inputs

    @property
    def gradients(self) -> Gradients:
        """The feedback received so far."""
        return self._gradients

    @gradients.setter
    def gradients(self, gradients: Iterable[Gradient | str]) -> None:
        self._gradients = gradients if isinstance(gradients, Gradients) else Gradients(gradients)

    def get_gradient_text(self) -> str:
        """The feedback as text, each distinct text once."""
        return "\n".join(dict.fromkeys(g.text for g in self._gradients))

    def reset_gradients(self) -> None:
        """Forget the feedback received so far, contexts included."""
        self._gradients.clear()

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
        gradient: Gradient | str | None = None,
    ) -> None:
        """Send feedback from here to everything this value was made from.

        Args:
            engine: Writes the feedback where an operation needs a model; it goes before the
                engine of ``using`` and the one of ``set_backward_engine``.
            gradient: Feedback to start from: a person's or an instrument's words. Without it,
                this value is taken for a loss that says itself what should change.

        Raises:
            BackwardError: If some feedback could not be had. No variable has changed; calling
                again asks only for what is missing.
        """
        runtime.run(self.abackward(engine, gradient))

    async def abackward(
        self, engine: EngineLike | None = None, gradient: Gradient | str | None = None
    ) -> None:
        """The same as `backward`, for async code."""
        from textgrad_core.autograd.backward import backpropagate
        from textgrad_core.engine import get_engine

        seed = Gradient(text=gradient) if isinstance(gradient, str) else gradient
        chosen = None if engine is None else get_engine(engine)
        await runtime.hand_over(backpropagate(self, seed, chosen))

    def __add__(self, other: Variable | str) -> Variable:
        """Concatenate two texts; feedback passes through unchanged."""
        from textgrad_core.autograd.algebra import concatenate

        return concatenate(self, other)

    def __radd__(self, other: Variable | str | int) -> Variable:
        """Concatenate from the left; the 0 of Python's ``sum`` adds nothing."""
        from textgrad_core.autograd.algebra import concatenate

        return self if other == 0 else concatenate(str(other), self)

    def __str__(self) -> str:
        """The value as text."""
        return str(self.value)

    def __repr__(self) -> str:
        """Role and value, without waiting for one that is under way."""
        waiting = self._future is not None and not self._future.done()
        shown = "<under way>" if waiting else repr(self._value if self._future is None else "...")
        return f"Variable({shown}, role_description={self.role_description!r})"


async def _ready(variable: Variable) -> Any:
    return variable.value
