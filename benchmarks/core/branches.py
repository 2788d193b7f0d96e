"""Parallel branches, joined, summed up and judged: a program that looks things up."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.core.sides import Side

LEVELS = 6  # branch, summary, judge, and the way back


def measure(side: Side, *, branches: int, sleep_s: float) -> dict[str, Any]:
    """Seconds forward and backward."""
    engine = side.engine(sleep_s, lambda _: "well")
    call = side.call(engine)
    judge = side.tg.TextLoss("Is it right?", engine)
    leaves = [side.variable(f"question {n}") for n in range(branches)]

    begun = time.perf_counter()
    loss = judge(call(side.tg.sum([call(leaf) for leaf in leaves])))
    _ = loss.value
    forward = time.perf_counter()
    loss.backward(engine)
    end = time.perf_counter()
    if not all(leaf.get_gradient_text() for leaf in leaves):
        raise SystemExit("a branch has no feedback")
    return {
        "forward_s": forward - begun,
        "backward_s": end - forward,
        "seconds": end - begun,
        "calls": len(engine.log.prompts),
        "most_at_once": engine.log.peak,
    }
