"""One background event loop, so that everything inside may be async and everything outside sync.

The loop's thread starts at first use and is a daemon; after a fork the child starts its own.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Coroutine, Iterator
from concurrent import futures
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from textgrad_core.errors import UsageError
from textgrad_core.logs import log

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

_guard = threading.Lock()
_loops: dict[int, _Loop] = {}  # keyed by process: a fork inherits no thread
_eager: ContextVar[bool] = ContextVar("textgrad_eager", default=False)
CANCEL_GRACE_S = 5.0
WAIT_S = 0.25


class Deferred(Future[T]):
    """The result of a coroutine that runs on the background loop; cancelling it cancels that.

    Attributes:
        task: The coroutine under way; None before its turn has come.
    """

    def __init__(self, loop: _Loop) -> None:
        super().__init__()
        self._loop = loop
        self.task: asyncio.Task[T] | None = None

    def cancel(self) -> bool:
        """Cancel the coroutine too."""
        cancelled = super().cancel()
        if cancelled:
            self._loop.asyncio.call_soon_threadsafe(self._cancel_task)
        return cancelled

    def begin(self, work: Coroutine[Any, Any, T], context: Context) -> None:
        """Start the coroutine; on the loop."""
        self.task = self._loop.asyncio.create_task(work, context=context)
        self.task.add_done_callback(self._settle)

    def _cancel_task(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def _settle(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            super().cancel()
        error = None if task.cancelled() else task.exception()
        if not self.set_running_or_notify_cancel():
            return
        if error is not None:
            self.set_exception(error)
        else:
            self.set_result(task.result())


class _Loop:
    """The loop of this process, its thread, and what waits to be started on it.

    Waking a loop from another thread costs a system call, so it is woken once for all the work
    that has come until it looks.
    """

    def __init__(self) -> None:
        import asyncio

        self.asyncio = asyncio.new_event_loop()
        self.thread = threading.Thread(
            target=_serve, args=(self.asyncio,), name="textgrad-loop", daemon=True
        )
        self._arrivals: deque[tuple[Deferred[Any], Coroutine[Any, Any, Any], Context]] = deque()
        self._woken = False

    def start(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Have a coroutine started after all that came before it."""
        deferred: Deferred[T] = Deferred(self)
        self._arrivals.append((deferred, work, copy_context()))
        if not self._woken:
            self._woken = True
            try:
                self.asyncio.call_soon_threadsafe(self._begin)
            except BaseException:  # an interrupt must not leave it asleep for good
                self._woken = False
                raise
        return deferred

    def _begin(self) -> None:
        self._woken = False  # first: what arrives from here on wakes it again
        while self._arrivals:
            deferred, work, context = self._arrivals.popleft()
            deferred.begin(work, context)


def _this_loop() -> _Loop:
    with _guard:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = _Loop()
            loop.thread.start()
        return loop


def background_loop() -> asyncio.AbstractEventLoop:
    """The loop every operation of this process runs on."""
    return _this_loop().asyncio


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop for good: foreign code that exits ends its own operation, not the loop."""
    while not loop.is_closed():
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as error:
            log.warning("an operation raised %r; it is raised again where it is read", error)


def in_background() -> bool:
    """Whether this is the loop's own thread, where nothing may wait."""
    loop = _loops.get(os.getpid())
    return loop is not None and threading.current_thread() is loop.thread


def start(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine on the background loop and return at once."""
    return _this_loop().start(work)


async def settled(future: Future[T]) -> T:
    """Await what `start` returned, on any loop; being cancelled cancels the work too."""
    import asyncio

    if not (isinstance(future, Deferred) and future.task is not None and in_background()):
        return await asyncio.wrap_future(future)
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(_: object) -> None:
        if not waiter.done():
            waiter.set_result(None)

    future.task.add_done_callback(wake)  # after the one that settles the future
    try:
        await waiter
    except asyncio.CancelledError:
        future.cancel()
        raise
    result: T = future.result()
    return result


def wait(future: Future[T]) -> T:
    """The result of a future of the background loop; Ctrl-C cancels the work first.

    Raises:
        UsageError: If called on the background loop itself, which would wait for ever.
    """
    if not future.done():
        _refuse_in_background()
    try:
        while not future.done():
            # In pieces, because a lock does not notice an interrupt that another thread makes.
            futures.wait((future,), timeout=WAIT_S)
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        raise


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the background loop and wait for its result.

    An interrupt cancels it and gives it a moment to clean up before it is raised again.
    """
    try:
        _refuse_in_background()
    except UsageError:
        work.close()
        raise
    finished = threading.Event()

    async def watched() -> T:
        try:
            return await work
        finally:
            finished.set()

    future = start(watched())
    try:
        return wait(future)
    except (KeyboardInterrupt, CancelledError):
        finished.wait(CANCEL_GRACE_S)
        raise


async def hand_over(work: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine that runs on the background loop, from whatever loop this is.

    Engines, locks and limits belong to that one loop; cancelling the caller cancels the work.
    """
    if in_background():
        return await work
    return await settled(start(work))


def _refuse_in_background() -> None:
    if in_background():
        raise UsageError(
            "a value was read inside the background loop before it was there: "
            "use 'await variable' in async code"
        )


@contextmanager
def eager() -> Iterator[None]:
    """Wait at each operation, so that a debugger and a traceback stop where it was written."""
    token = _eager.set(True)
    try:
        yield
    finally:
        _eager.reset(token)


def is_eager() -> bool:
    """Whether operations wait for their value before they return."""
    return _eager.get()
