"""Waiting for another process that works on the same key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from textgrad_core.logs import log

if TYPE_CHECKING:
    import asyncio

    from textgrad_core.cache import Claim, JsonFile

T = TypeVar("T")
FIRST_LOOK_S = 0.05
LONGEST_LOOK_S = 1.0


async def claim_or_result(
    cache: JsonFile,
    key: str,
    kept: Callable[[], T | None],
    longest_s: float,
    turn: asyncio.Semaphore | None = None,
) -> tuple[Claim | None, T | None]:
    """The claim on a key, or what another process has put there meanwhile.

    Neither if the other one takes too long: doing the work twice costs less than waiting for
    ever.

    Args:
        cache: Where results are kept and claims are made.
        key: What is worked on.
        kept: The result, if it is there.
        longest_s: How long to wait for somebody else.
        turn: Acquired before the key is claimed, so that nobody claims what he cannot begin;
            whoever gets the claim has to release it too.
    """
    import asyncio

    pause, waited_s = FIRST_LOOK_S, 0.0
    while (claim := await _claim(cache, key, turn)) is None:
        if waited_s >= longest_s:
            log.warning("waited %g s for another process to finish %s", longest_s, key[:12])
            return None, None
        if not waited_s:
            log.info("another process works on %s; waiting for its result", key[:12])
        await asyncio.sleep(pause)
        waited_s += pause
        pause = min(1.5 * pause, LONGEST_LOOK_S)
        result = kept()
        if result is not None:
            return None, result
    result = kept()  # somebody may have been faster
    if result is not None:
        claim.release()
        if turn is not None:
            turn.release()
        return None, result
    return claim, None


async def _claim(cache: JsonFile, key: str, turn: asyncio.Semaphore | None) -> Claim | None:
    if turn is None:
        return cache.claim(key)
    await turn.acquire()
    claim = cache.claim(key)
    if claim is None:
        turn.release()
    return claim
