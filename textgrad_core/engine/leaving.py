"""Connections a program left open are closed when it ends, so that no warning follows it."""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING
from weakref import WeakSet

from textgrad_core import runtime
from textgrad_core.logs import log

if TYPE_CHECKING:
    from textgrad_core.engine.openai import OpenAIEngine

PATIENCE_S = 2.0
_open: WeakSet[OpenAIEngine] = WeakSet()
_here = os.getpid()


def close_at_exit(engine: OpenAIEngine) -> None:
    """Close an engine when the process ends, if it still exists then."""
    _open.add(engine)


@atexit.register
def _close_all() -> None:
    import asyncio

    if os.getpid() != _here:  # a forked child shares the connections of its parent
        return
    for engine in list(_open):
        try:
            closing = asyncio.run_coroutine_threadsafe(engine.aclose(), runtime.background_loop())
            closing.result(PATIENCE_S)
        except Exception:  # nothing may keep a program from ending
            log.debug("%s could not be closed", engine.name, exc_info=True)
