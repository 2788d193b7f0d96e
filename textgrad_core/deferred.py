"""Work of the background loop: its result before and after it is there, and who runs it.

Most operations only join texts or are answered from a record, so a task of its own for each of
them would cost more than the work. `Crew` gives work to one task after the other as long as
nothing waits; what waits keeps its task, and what is ready beside it gets tasks of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast

from textgrad_core.logs import log

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
Work: TypeAlias = Callable[[], Coroutine[Any, Any, T]]
State = Literal["pending", "there", "failed", "cancelled"]

TURN = 64  # pieces of work after which a task lets everything else on the loop have its turn
_settling = threading.RLock()  # a finalizer may come in between, on the same thread


class Deferred(Generic[T]):
    """The result of work that runs on the background loop; cancelling it cancels the work.

    Args:
        crew: Who runs it.
        work: Makes the coroutine, once all it comes after has ended.
        after: What it comes after; if one of these fails, so does this, and is never run.
        context: What it is run in.
    """

    __slots__ = (
        "_after",
        "_awaited",
        "_callbacks",
        "_crew",
        "_error",
        "_event",
        "_state",
        "_value",
        "context",
        "task",
        "work",
    )

    def __init__(
        self,
        crew: Crew,
        work: Work[T],
        after: Sequence[Deferred[Any]],
        context: Context,
    ) -> None:
        self._crew = crew
        self.work: Work[T] | None = work
        self.context: Context | None = context
        self.task: asyncio.Task[None] | None = None
        self._after = after
        self._awaited: Deferred[Any] | None = None
        self._callbacks: list[Callable[[], None]] | None = None
        self._event: threading.Event | None = None
        self._state: State = "pending"
        self._value: T | None = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._state != "pending"

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._state == "cancelled"

    def exception(self) -> BaseException | None:
        """What it raised, once it has ended; None if nothing."""
        return CancelledError() if self._state == "cancelled" else self._error

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until it has ended or the time is over; whether it has ended."""
        with _settling:
            if self._state != "pending":
                return True
            if self._event is None:
                self._event = threading.Event()
            event = self._event
        return event.wait(timeout_s)

    def result(self, timeout_s: float | None = None) -> T:
        """Its result; blocks until it is there, and raises what it raised.

        Raises:
            CancelledError: If it was cancelled.
            TimeoutError: If the time is over before.
        """
        if self._state == "pending" and not self.wait(timeout_s):
            raise TimeoutError(f"nothing came within {timeout_s} s: wait longer, or cancel it")
        if self._state == "there":
            return self._value  # type: ignore[return-value] # set together with the state
        if self._error is not None:
            raise self._error
        raise CancelledError

    def then(self, callback: Callable[[], None]) -> None:
        """Call this on the loop when it ends; at once, and here, if it has ended."""
        with _settling:
            if self._state == "pending":
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        callback()

    def settle(self, state: State, value: Any = None, error: BaseException | None = None) -> None:
        """Say how it ended; on the loop. Only the first word counts."""
        self.task = None  # it may have other work by the time a cancellation gets here
        if self._end(state, value, error):
            self._tell()

    def cancel(self) -> bool:
        """Cancel the work, and what it still waits for; False if it has ended."""
        if not self._end("cancelled", None, None):
            return False
        self._crew.loop.call_soon_threadsafe(self._cancel_work)
        return True

    def advance(self) -> None:
        """Get ready if all it comes after has ended, else look again when the next one has."""
        if self._state != "pending":
            self._drop()
            return
        for given in self._after:
            if given._state == "pending":
                self._awaited = given
                given.then(self.advance)
                return
            if given._state != "there":
                break
        self._awaited = None
        self._crew.get_ready(self)

    def begin(self, task: asyncio.Task[None]) -> Coroutine[Any, Any, T] | None:
        """The work, to be run in this task; None if there is nothing to be done any more."""
        work, after = self.work, self._after
        if work is None or self._state != "pending":
            self._drop()
            return None
        self.work, self._after = None, ()
        for given in after:
            if given._state != "there":
                self.settle(given._state, error=given._error)
                return None
        self.task = task
        return work()

    def _end(self, state: State, value: Any, error: BaseException | None) -> bool:
        with _settling:
            if self._state != "pending":
                return False
            self._value, self._error, self._state = value, error, state
            event = self._event
        if event is not None:
            event.set()
        return True

    def _tell(self) -> None:
        callbacks, self._callbacks = self._callbacks, None
        self.task = self.context = None
        for callback in callbacks or ():
            callback()

    def _cancel_work(self) -> None:
        """Reach the task, or what the work waits for before it gets one; on the loop."""
        cancelled: Deferred[Any] | None = self
        while cancelled is not None:
            awaited, cancelled._awaited = cancelled._awaited, None
            if cancelled.task is not None:
                cancelled.task.cancel()
            cancelled._tell()
            cancelled = awaited
            if cancelled is not None and not cancelled._end("cancelled", None, None):
                cancelled = None

    def _drop(self) -> None:
        """Let go of work that will not be done."""
        work, self.work, self._after = self.work, None, ()
        if isinstance(work, Given):
            work.coroutine.close()


class Given(Generic[T]):
    """A coroutine that is there already, as something that makes one."""

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self.coroutine = coroutine

    def __call__(self) -> Coroutine[Any, Any, T]:
        """The coroutine."""
        return self.coroutine


class Crew:
    """The tasks that do the work of one loop, in the order in which it gets ready.

    Args:
        loop: The loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[Deferred[Any]] = deque()
        self._called = False
        self._alone: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def get_ready(self, deferred: Deferred[Any]) -> None:
        """Have work done whose time has come; on the loop."""
        self._ready.append(deferred)
        if not self._called:
            self._called = True
            self.loop.call_soon(self._call)

    def _call(self) -> None:
        """Let one task try how far it comes alone; if it waits, each piece gets its own."""
        self._called = False
        tried, self._alone = self._alone, None
        if tried is not None and not tried.done():
            while self._ready:
                self._employ(self._ready.popleft())
        elif self._ready:
            first = self._employ(self._ready.popleft())
            if self._ready:
                self._alone, self._called = first, True
                self.loop.call_soon(self._call)

    def _employ(self, first: Deferred[Any]) -> asyncio.Task[None]:
        task = self.loop.create_task(self._do(first), context=first.context)
        self._tasks.add(task)  # a loop holds its tasks weakly only
        task.add_done_callback(self._tasks.discard)
        return task

    async def _do(self, deferred: Deferred[Any]) -> None:
        """Do one piece of work after the other, as long as they are done in the same context."""
        import asyncio

        task = cast("asyncio.Task[None]", asyncio.current_task())
        left = TURN
        while True:
            work = deferred.begin(task)
            if work is not None:
                try:
                    value = await work
                except asyncio.CancelledError:
                    deferred.settle("cancelled")
                    return
                except BaseException as error:  # noqa: BLE001 - raised again where it is read
                    if not isinstance(error, Exception):
                        log.warning("an operation raised %r; it is raised where it is read", error)
                    if error.__traceback__ is not None:
                        error.__traceback__ = error.__traceback__.tb_next  # not this frame
                    deferred.settle("failed", error=error)
                else:
                    deferred.settle("there", value)
                if task.cancelling():
                    return
            left -= 1
            if not (left and self._ready and _same(copy_context(), self._ready[0].context)):
                return
            deferred = self._ready.popleft()


def _same(left: Context, right: Context | None) -> bool:
    """Whether two contexts hold the very same values."""
    if right is None or len(left) != len(right):
        return False
    return all(left.get(variable) is value for variable, value in right.items())
