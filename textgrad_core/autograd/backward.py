"""The backward pass: dependency counting, concurrent, staged, committed in one piece.

A node's feedback starts when the last of its consumers has spoken: no recursion, no level
barrier. Answers are staged on the node that gave them; only when all are there do they reach
the variables, in (consumer, argument) order, whatever order they came in. After a failure no
variable has changed, and the next attempt asks only for what is missing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textgrad_core.autograd.function import FeedbackRequest, Node
from textgrad_core.config import backward_engine
from textgrad_core.errors import BackwardError, BudgetExhausted, Divergence, UsageError
from textgrad_core.variable import NO_FEEDBACK, Gradient, Variable

if TYPE_CHECKING:
    import asyncio

    from textgrad_core.engine.protocol import Engine


async def backpropagate(root: Variable, seed: Gradient | None, engine: Engine | None) -> None:
    """Send feedback from a root to everything it was made from.

    Args:
        root: Where to start.
        seed: Feedback on the root; None if the root is a loss that says itself what to change.
        engine: Writes feedback where an operation needs a model.

    Raises:
        UsageError: If nothing behind the root requires feedback.
        BackwardError: If some feedback could not be had.
        BudgetExhausted: If no call is left.
        Divergence: In a replay that asks for something else.
    """
    await root
    if not root.requires_grad:
        raise UsageError(
            f"backward() on {root.role_description!r}: nothing it was made from requires "
            "feedback; set requires_grad=True on what should improve"
        )
    await _Pass(root, seed, engine or backward_engine()).finish()


def reachable(root: Variable) -> list[Variable]:
    """The variables behind a root that require feedback, each once, breadth first.

    So the members of a batch come in the order of the batch.
    """
    found = [root]
    known = {id(root)}
    for variable in found:  # grows while it is walked
        for given in variable.predecessors:
            if given.requires_grad and id(given) not in known:
                known.add(id(given))
                found.append(given)
    return found


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one edge's feedback came to; no gradient means no feedback."""

    consumer: int
    argument: int
    gradients: tuple[Gradient, ...] = ()
    error: Exception | None = None


class _Pass:
    """One backward pass over the graph behind a root."""

    def __init__(self, root: Variable, seed: Gradient | None, engine: Engine | None) -> None:
        """Count, for every variable, the consumers that will speak about it."""
        self._engine = engine
        self._order = reachable(root)
        self._index = {id(v): i for i, v in enumerate(self._order)}
        self._waiting = [0] * len(self._order)
        self._received: list[dict[tuple[int, int, int], Gradient]] = [{} for _ in self._order]
        self._is_base = [False] * len(self._order)
        self._tasks: set[asyncio.Task[None]] = set()
        # A failed pass does not count: the next attempt finds its answers in the journal.
        begins = "" if root.node is None else root.node.site
        self._name = f"pass {root.passes + 1} from {begins}"
        for variable in self._order:
            for given in variable.predecessors:
                if given.requires_grad:
                    self._waiting[self._index[id(given)]] += 1
        if seed is None:
            self._is_base[0] = True
        else:
            self._received[0][-1, 0, 0] = seed

    async def finish(self) -> None:
        """Walk the graph, then commit; calls under way are awaited even after a failure."""
        import asyncio

        answers: asyncio.Queue[_Answer] = asyncio.Queue()
        ready = deque([0])
        under_way = 0
        failed: _Answer | None = None
        try:
            while True:
                while ready and failed is None:
                    under_way += self._open(ready.popleft(), answers)
                if under_way == 0:
                    break
                answer = await answers.get()
                under_way -= 1
                if answer.error is not None:
                    failed = failed or answer
                elif failed is None:
                    ready.extend(self._deliver(answer))
        finally:
            for task in self._tasks:
                task.cancel()
        if failed is not None:
            if isinstance(failed.error, UsageError | BudgetExhausted | Divergence):
                raise failed.error
            raise self._failure(failed) from failed.error
        self._commit()

    def _open(self, consumer: int, answers: asyncio.Queue[_Answer]) -> int:
        """Start the feedback of one node for each of its inputs; returns how many."""
        import asyncio

        output = self._order[consumer]
        if output.node is None:
            return 0
        received = self._heard(consumer)
        base = self._is_base[consumer]
        opened = 0
        for argument, given in enumerate(output.node.inputs):
            if not given.requires_grad:
                continue
            opened += 1
            if output.node.function.passes_through:
                if base:
                    self._is_base[self._index[id(given)]] = True
                answers.put_nowait(_Answer(consumer, argument, received))
            elif not base and not received:
                answers.put_nowait(_Answer(consumer, argument))
            else:
                request = FeedbackRequest(
                    output=output,
                    node=output.node,
                    argument=argument,
                    received=received,
                    is_base=base,
                    engine=self._engine,
                    site=f"{output.node.site} feedback {argument}, {self._name}",
                )
                task = asyncio.ensure_future(self._ask(consumer, request, answers))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return opened

    def _heard(self, place: int) -> tuple[Gradient, ...]:
        """What a variable received, in order; an object that came over two edges counts once."""
        received = (g for _, g in sorted(self._received[place].items(), key=lambda item: item[0]))
        return tuple({id(g): g for g in received}.values())

    async def _ask(
        self, consumer: int, request: FeedbackRequest, answers: asyncio.Queue[_Answer]
    ) -> None:
        staged, key = request.output.staged, request.key
        try:
            if key not in staged:
                staged[key] = await request.node.function.feedback(request)
            feedback = staged[key]
        except Exception as error:  # noqa: BLE001 - delivered to finish(), which raises it
            error.add_note(
                f"in the feedback of {request.node.function.name} ({request.node.site}) "
                f"for argument {request.argument}, built at {request.node.built_at}"
            )
            answers.put_nowait(_Answer(consumer, request.argument, error=error))
            return
        gradients = () if feedback is NO_FEEDBACK else (feedback,)
        answers.put_nowait(_Answer(consumer, request.argument, gradients))

    def _deliver(self, answer: _Answer) -> list[int]:
        """Stage an answer on its input; returns the input if it was the last one it waited for."""
        node: Node | None = self._order[answer.consumer].node
        if node is None:
            return []
        place = self._index[id(node.inputs[answer.argument])]
        for number, gradient in enumerate(answer.gradients):
            self._received[place][answer.consumer, answer.argument, number] = gradient
        self._waiting[place] -= 1
        return [place] if self._waiting[place] == 0 else []

    def _commit(self) -> None:
        this_pass = object()
        self._order[0].passes += 1
        for variable, received in zip(self._order, self._received, strict=True):
            variable.staged.clear()
            for edge, gradient in sorted(received.items(), key=lambda item: item[0]):
                variable.gradients.add(gradient, (this_pass, edge))

    def _failure(self, failed: _Answer) -> BackwardError:
        node = self._order[failed.consumer].node
        name = node.function.name if node is not None else "?"
        role = self._order[failed.consumer].role_description
        return BackwardError(
            f"no feedback from {name} for {role!r}: {failed.error}; no variable has changed, "
            "call backward() again to ask only for what is missing"
        )
