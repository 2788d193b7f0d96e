"""Waiting for several effects, and calling a user's function from async code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import Any, TypeVar

from textgrad_core.threads import in_thread

T = TypeVar("T")


async def all_of(work: Iterable[Awaitable[T]]) -> list[T]:
    """Every result, or the first error once all have ended: what is paid for is recorded."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    results: list[T] = []
    for result in ended:
        if isinstance(result, BaseException):
            raise result
        results.append(result)
    return results


async def outside(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a thread, where it may wait for values; await what it returns."""
    made = await in_thread(lambda: function(*arguments))
    return await made if isawaitable(made) else made
