"""Work that outlasts whoever asked for it, because what it has begun cannot be taken back."""

from __future__ import annotations

from collections.abc import Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from textgrad_core.errors import TextgradError
from textgrad_core.logs import log

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
_under_way: set[asyncio.Task[Any]] = set()  # a loop alone does not keep its tasks alive


async def until_paid_for(work: Coroutine[Any, Any, T]) -> T:
    """Await work in a task of its own; being cancelled cancels that and does not wait for it.

    The work decides what a cancellation ends: see `ended`.
    """
    import asyncio

    task = asyncio.ensure_future(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            task.add_done_callback(_report)
            task.cancel()
        raise


async def ended(job: Future[Any]) -> bool:
    """Wait until a job has ended, however; returns whether its result is still wanted.

    A cancellation of the waiting task takes back a job that has not begun, and raises. One that
    has begun is waited for, and its result is not wanted any more.
    """
    import asyncio

    waiting = asyncio.wrap_future(job)
    wanted = True
    while not waiting.done():
        try:
            await asyncio.wait([waiting])
        except asyncio.CancelledError:
            if job.cancel():
                raise
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            wanted = False
    if waiting.cancelled():
        raise asyncio.CancelledError
    waiting.exception()  # read here, so that asyncio does not report it as lost
    return wanted


def _report(task: asyncio.Task[Any]) -> None:
    """Read the error of work that nobody waits for."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, TextgradError):  # mostly: the journal was closed meanwhile
        log.info("what was cancelled ended with: %s", error)
    elif error is not None:
        log.error("what was cancelled failed", exc_info=error)
