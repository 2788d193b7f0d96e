"""One background event loop, so that everything inside may be async and everything outside sync.

The loop's thread starts at first use and is a daemon; after a fork the child starts its own.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Coroutine, Iterator
from concurrent import futures
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from textgrad_core.errors import UsageError

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
log = logging.getLogger("textgrad_core")

_guard = threading.Lock()
# keyed by process: a fork inherits no thread
_loops: dict[int, tuple[asyncio.AbstractEventLoop, threading.Thread]] = {}
_eager: ContextVar[bool] = ContextVar("textgrad_eager", default=False)
CANCEL_GRACE_S = 5.0
WAIT_S = 0.25


def background_loop() -> asyncio.AbstractEventLoop:
    """The loop every operation of this process runs on."""
    import asyncio

    with _guard:
        if os.getpid() not in _loops:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(
                target=_serve, args=(loop,), name="textgrad-loop", daemon=True
            )
            _loops[os.getpid()] = loop, thread
            thread.start()
        return _loops[os.getpid()][0]


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
    return loop is not None and threading.current_thread() is loop[1]


def start(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine on the background loop and return at once."""
    import asyncio

    return asyncio.run_coroutine_threadsafe(work, background_loop())


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
    import asyncio

    return await asyncio.wrap_future(start(work))


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
