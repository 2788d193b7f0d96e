"""Threads for a user's own functions, so that one that waits holds up nobody else.

A function may itself build operations and read their values, which need threads in turn. Each
level of nesting has threads of its own, so the outer ones can never starve the inner ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import TypeVar

T = TypeVar("T")

WIDTH = 32
_level: ContextVar[int] = ContextVar("textgrad_thread_level", default=0)
_guard = threading.Lock()
_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}  # keyed by process: a fork has no threads


async def in_thread(
    work: Callable[[], T], pool: Callable[[int], ThreadPoolExecutor] | None = None
) -> T:
    """Run foreign code that may block, with the context of the caller.

    Args:
        work: What to run.
        pool: The threads of a level, if not those that all functions share.
    """
    import asyncio

    level = _level.get()
    context = copy_context()
    context.run(_level.set, level + 1)
    return await asyncio.get_running_loop().run_in_executor(
        (pool or _pool)(level), lambda: context.run(work)
    )


def _pool(level: int) -> ThreadPoolExecutor:
    import os

    with _guard:
        key = os.getpid(), level
        if key not in _pools:
            _pools[key] = ThreadPoolExecutor(WIDTH, f"textgrad-function-{level}")
        return _pools[key]
