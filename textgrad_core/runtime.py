"""One background event loop, so that everything inside may be async and everything outside sync.

The loop's thread starts at first use and is a daemon; after a fork the child starts its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from textgrad_core.errors import UsageError

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

_guard = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}  # keyed by process: a fork inherits no thread
_eager: ContextVar[bool] = ContextVar("textgrad_eager", default=False)
CANCEL_GRACE_S = 5.0


def background_loop() -> asyncio.AbstractEventLoop:
    """The loop every operation of this process runs on."""
    import asyncio

    with _guard:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="textgrad-loop", daemon=True).start()
        return loop


def start(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine on the background loop and return at once."""
    import asyncio

    return asyncio.run_coroutine_threadsafe(work, background_loop())


def wait(future: Future[T]) -> T:
    """The result of a future of the background loop; Ctrl-C cancels the work first.

    Raises:
        UsageError: If called on the background loop itself, which would wait for ever.
    """
    if not future.done() and threading.current_thread().name == "textgrad-loop":
        future.cancel()
        raise UsageError(
            "a value was read inside the background loop before it was there: "
            "use 'await variable' in async code"
        )
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        raise


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the background loop and wait for its result.

    An interrupt cancels it and gives it a moment to clean up before it is raised again.
    """
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
