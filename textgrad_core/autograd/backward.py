"""The backward pass: dependency counting, concurrent, staged, committed in one piece.

A node's feedback starts when the last of its consumers has spoken: no recursion, no level
barrier. What came through `aggregate` is summarised where it meets, before it goes on. Answers
are staged on the node that gave them; only when all are there do they reach
the variables, in (consumer, argument) order, whatever order they came in. After a failure no
variable has changed, and the next attempt asks only for what is missing.
"""

from __future__ import annotations

from collections import deque
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textgrad_core import runtime
from textgrad_core.autograd.function import Feedback, FeedbackRequest, Node
from textgrad_core.autograd.summary import Marks, Received, average, grouped, summariser
from textgrad_core.config import backward_engine
from textgrad_core.engine.protocol import engine_key
from textgrad_core.errors import BackwardError, BudgetExhausted, Divergence, UsageError
from textgrad_core.jsondata import digest
from textgrad_core.places import relative
from textgrad_core.variable import NO_FEEDBACK, Gradient, Variable

if TYPE_CHECKING:
    import asyncio

    from textgrad_core.deferred import Deferred, Work
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
            "feedback; set requires_grad=True on what should improve, and if that is what an "
            "operation returned, make its optimizer before backward()"
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
    """One edge whose feedback is asked for."""

    consumer: int
    argument: int
    node: Node


@dataclass(frozen=True, slots=True)
class _Averaged:
    """A variable whose feedback is averaged: several pieces came through one aggregate."""

    place: int


class _Pass:
    """One backward pass over the graph behind a root."""

    def __init__(self, root: Variable, seed: Gradient | None, engine: Engine | None) -> None:
        """Count, for every variable, the consumers that will speak about it."""
        self._engine = engine
        self._order = reachable(root)
        self._index = {id(v): i for i, v in enumerate(self._order)}
        self._waiting = [0] * len(self._order)
        self._received: list[dict[tuple[int, int, int], Received]] = [{} for _ in self._order]
        self._base: dict[int, Marks] = {}  # losses that say themselves what to change
        self._ready = deque([0])  # variables about which all has been said
        self._under_way: dict[Deferred[tuple[Received, ...]], _Answer | _Averaged] = {}
        self._failed: tuple[_Answer | _Averaged, BaseException] | None = None
        self._engine_digest = None if engine is None else digest(engine_key(engine))
        self._context = copy_context()
        self._over: asyncio.Future[None] | None = None
        # A failed pass does not count: the next attempt finds its answers in the journal.
        begins = "" if root.node is None else relative(root.node.site)
        self._name = f"pass {root.passes + 1} from {begins}"
        for variable in self._order:
            for given in variable.predecessors:
                if given.requires_grad:
                    self._waiting[self._index[id(given)]] += 1
                else:
                    given.passed_by = given.built_frozen
        if seed is None:
            self._base[0] = ()
        else:
            self._received[0][-1, 0, 0] = Received(seed)

    async def finish(self) -> None:
        """Walk the graph, then commit; calls under way are awaited even after a failure."""
        import asyncio

        self._over = asyncio.get_running_loop().create_future()
        try:
            self._go_on()
            await self._over
        finally:
            for deferred in tuple(self._under_way):
                deferred.cancel()
        if self._failed is not None:
            failed, error = self._failed
            if isinstance(error, UsageError | BudgetExhausted | Divergence) or not isinstance(
                error, Exception
            ):
                raise error
            raise self._failure(failed, error) from error
        self._commit()

    def _go_on(self) -> None:
        """Pass on whatever can be passed on; the pass is over when nothing is under way."""
        while self._ready and self._failed is None:
            self._settle(self._ready.popleft())
        if not self._under_way and self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _hear(self, deferred: Deferred[tuple[Received, ...]]) -> None:
        """Something that was asked for has come, or failed."""
        asked = self._under_way.pop(deferred)
        error = deferred.exception()
        try:
            if error is not None:
                self._failed = self._failed or (asked, error)
            elif self._failed is not None:
                pass
            elif isinstance(asked, _Averaged):
                edges = enumerate(deferred.result())
                self._received[asked.place] = {(0, 0, number): r for number, r in edges}
                self._open(asked.place)
            else:
                self._deliver(asked, deferred.result())
            self._go_on()
        except Exception as fault:  # noqa: BLE001 - raised by finish(), which waits
            if self._over is not None and not self._over.done():
                self._over.set_exception(fault)

    def _settle(self, place: int) -> None:
        """All has been said about a variable: average what is to be, then pass it on."""
        root = self._order[0].node
        if root is None or len(self._received[place]) < 2:
            self._open(place)
            return
        if all(len(same) < 2 for same in grouped(self._heard(place))):
            self._open(place)
        else:
            self._start(partial(self._average, place, root), _Averaged(place))

    def _open(self, consumer: int) -> None:
        """Start the feedback of one node for each of its inputs."""
        output = self._order[consumer]
        if output.node is None:
            return
        heard = self._heard(consumer)
        function = output.node.function
        base = self._base.get(consumer)
        own = (consumer,) if function.averages else ()
        handed = tuple(Received(r.gradient, r.marks or own) for r in heard)
        marks = tuple(sorted({mark for r in heard for mark in r.marks}.union(base or ())))
        for argument, given in enumerate(output.node.inputs):
            if not given.requires_grad:
                continue
            asked = _Answer(consumer, argument, output.node)
            if function.passes_through:
                place = self._index[id(given)]
                if base is not None:
                    self._base[place] = tuple(sorted({*self._base.get(place, ()), *(base or own)}))
                self._deliver(asked, handed)
            elif base is None and not heard:
                self._deliver(asked, ())
            else:
                request = FeedbackRequest(
                    output=output,
                    node=output.node,
                    argument=argument,
                    received=tuple(r.gradient for r in heard),
                    is_base=base is not None,
                    engine=self._engine,
                    site=f"{output.node.site} feedback {argument}, {self._name}",
                    round=self._name,
                    engine_digest=self._engine_digest,
                )
                self._start(partial(self._ask, request, marks), asked)

    def _start(self, work: Work[tuple[Received, ...]], asked: _Answer | _Averaged) -> None:
        """Have something asked for."""
        deferred = runtime.defer(work, context=self._context.copy())
        self._under_way[deferred] = asked
        deferred.then(partial(self._hear, deferred))

    def _heard(self, place: int) -> tuple[Received, ...]:
        """What a variable received, in order; an object that came over two edges counts once."""
        received = self._received[place]
        if len(received) < 2:
            return tuple(received.values())
        ordered = (received[edge] for edge in sorted(received))
        return tuple({id(r.gradient): r for r in ordered}.values())

    async def _ask(self, request: FeedbackRequest, marks: Marks) -> tuple[Received, ...]:
        """Have an operation say what one input deserves."""
        staged, key = request.output.staged, request.key
        try:
            if key not in staged:
                staged[key] = _gradients(await request.node.function.feedback(request))
        except Exception as error:
            error.add_note(
                f"in the feedback of {request.node.function.name} ({request.node.site}) "
                f"for argument {request.argument}, built at {request.node.built_at}"
            )
            raise
        return tuple(Received(gradient, marks) for gradient in staged[key])

    async def _average(self, place: int, root: Node) -> tuple[Received, ...]:
        """Make one of the pieces that came through the same aggregates."""
        variable = self._order[place]
        averaged: list[Received] = []
        for number, same in enumerate(grouped(self._heard(place)), 1):
            pieces = tuple(r.gradient for r in same)
            key = ("average", same[0].marks, tuple(g.text for g in pieces))
            if len(pieces) > 1 and key not in variable.staged:
                site = f"{root.site} average {place}.{number}, {self._name}"
                summarise = summariser(root.run, self._engine, site, variable)
                variable.staged[key] = await average(pieces, summarise)
            found = variable.staged.get(key, pieces)
            averaged.extend(Received(gradient, same[0].marks) for gradient in found)
        return tuple(averaged)

    def _deliver(self, asked: _Answer, received: tuple[Received, ...]) -> None:
        """Stage an answer on its input, which is ready if it was the last one it waited for."""
        place = self._index[id(asked.node.inputs[asked.argument])]
        for number, one in enumerate(received):
            self._received[place][asked.consumer, asked.argument, number] = one
        self._waiting[place] -= 1
        if self._waiting[place] == 0:
            self._ready.append(place)

    def _commit(self) -> None:
        this_pass = object()
        self._order[0].passes += 1
        for variable, received in zip(self._order, self._received, strict=True):
            variable.staged.clear()
            variable.passed_by = False
            for edge, one in sorted(received.items(), key=lambda item: item[0]):
                variable.gradients.add(one.gradient, (this_pass, edge))

    def _failure(self, failed: _Answer | _Averaged, error: Exception) -> BackwardError:
        if isinstance(failed, _Averaged):
            whose = repr(self._order[failed.place].role_description)
            what = f"average of the feedback for {whose}"
        else:
            output, node = self._order[failed.consumer], failed.node
            what = (
                f"feedback for {node.inputs[failed.argument].role_description!r} from the "
                f"{node.function.name} that made {output.role_description!r}, at {node.built_at}"
            )
        return BackwardError(
            f"no {what}: {error}; no variable has changed, call backward() again to ask "
            "only for what is missing"
        )


def _gradients(feedback: Feedback) -> tuple[Gradient, ...]:
    if feedback is NO_FEEDBACK:
        return ()
    return feedback if isinstance(feedback, tuple) else (feedback,)
