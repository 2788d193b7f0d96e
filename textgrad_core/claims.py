"""Waiting for another process that works on the same key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from textgrad_core.logs import log

if TYPE_CHECKING:
    from textgrad_core.cache import Claim, JsonFile

T = TypeVar("T")
FIRST_LOOK_S = 0.05
LONGEST_LOOK_S = 1.0


async def claim_or_result(
    cache: JsonFile, key: str, kept: Callable[[], T | None], longest_s: float
) -> tuple[Claim | None, T | None]:
    """The claim on a key, or what another process has put there meanwhile.

    Neither if the other one takes too long: doing the work twice costs less than waiting for
    ever.

    Args:
        cache: Where results are kept and claims are made.
        key: What is worked on.
        kept: The result, if it is there.
        longest_s: How long to wait for somebody else.
    """
    import asyncio

    pause = FIRST_LOOK_S
    ends = time.monotonic() + longest_s
    while (claim := cache.claim(key)) is None:
        if time.monotonic() >= ends:
            log.warning("waited %g s for another process to finish %s", longest_s, key[:12])
            return None, None
        if pause == FIRST_LOOK_S:
            log.info("another process works on %s; waiting for its result", key[:12])
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, LONGEST_LOOK_S)
        result = kept()
        if result is not None:
            return None, result
    result = kept()  # somebody may have been faster
    if result is not None:
        claim.release()
        return None, result
    return claim, None
