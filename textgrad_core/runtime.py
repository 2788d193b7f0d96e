"""One background event loop, so that everything inside may be async and everything outside sync.

The loop's thread starts at first use and is a daemon; after a fork the child starts its own.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from textgrad_core.deferred import Crew, Deferred, Given, Work
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
        self._crew = Crew(self.asyncio)
        self._arrivals: deque[Deferred[Any]] = deque()
        self._woken = False

    def start(
        self, work: Work[T], after: Sequence[Deferred[Any]], context: Context
    ) -> Deferred[T]:
        """Have work done after all that came before it."""
        deferred = Deferred(self._crew, work, after, context)
        self._arrivals.append(deferred)
        if threading.get_ident() == self.thread.ident:  # it is awake
            self._begin()
        elif not self._woken:
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
            self._arrivals.popleft().advance()


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


def start(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """Start a coroutine on the background loop and return at once."""
    return _this_loop().start(Given(work), (), copy_context())


def defer(
    work: Work[T], after: Sequence[Deferred[Any]] = (), context: Context | None = None
) -> Deferred[T]:
    """Have work done on the background loop once other work has ended; returns at once.

    Args:
        work: Makes the coroutine.
        after: What it comes after; if one of these fails, so does this.
        context: What it is run in; by default a copy of the caller's.
    """
    return _this_loop().start(work, after, copy_context() if context is None else context)


async def settled(deferred: Deferred[T]) -> T:
    """Await what `start` returned, on any loop; being cancelled cancels the work too."""
    import asyncio

    if deferred.done():
        return deferred.result()
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    here = in_background()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def tell() -> None:
        if here:
            wake()
            return
        with suppress(RuntimeError):  # nobody waits on a loop that is closed
            loop.call_soon_threadsafe(wake)

    deferred.then(tell)
    try:
        await waiter
    except asyncio.CancelledError:
        deferred.cancel()
        raise
    return deferred.result()


def wait(deferred: Deferred[T]) -> T:
    """The result of work of the background loop; Ctrl-C cancels the work first.

    Raises:
        UsageError: If called on the background loop itself, which would wait for ever.
    """
    if not deferred.done():
        _refuse_in_background()
    try:
        while not deferred.wait(WAIT_S):
            pass  # in pieces: a lock does not notice an interrupt that another thread makes
        return deferred.result()
    except KeyboardInterrupt:
        deferred.cancel()
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
