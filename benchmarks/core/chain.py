"""A chain of model calls that cost nothing: what the library itself takes per node."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.core.sides import Side


def measure(side: Side, *, nodes: int) -> dict[str, Any]:
    """Microseconds per node, wall and processor; or the error that ended it, and where."""
    engine = side.engine(0.0, lambda _: "well")
    call = side.call(engine)
    leaf = side.variable("begin")
    times: dict[str, Any] = {"nodes": nodes}

    clocks = _now()
    tail = leaf
    for _ in range(nodes - 1):
        tail = call(tail)
    loss = side.tg.TextLoss("Is it right?", engine)(tail)
    _ = loss.value
    clocks = _note(times, "forward", clocks, nodes)
    try:
        loss.backward(engine)
    except RecursionError as error:
        return {**times, "error": f"RecursionError in backward: {error}"}
    _note(times, "backward", clocks, nodes)
    if not leaf.get_gradient_text():
        raise SystemExit("no feedback came to the begin of the chain")
    return times


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _note(
    times: dict[str, Any], part: str, since: tuple[float, float], nodes: int
) -> tuple[float, float]:
    wall, processor = now = _now()
    times[f"{part}_us"] = (wall - since[0]) / nodes * 1e6
    times[f"{part}_processor_us"] = (processor - since[1]) / nodes * 1e6
    return now
