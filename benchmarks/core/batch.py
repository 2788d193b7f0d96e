"""A batch of questions under one system prompt: forward, backward, step."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.core.sides import Side

LEVELS = 5  # answer, judge; feedback on the answer, on the system prompt; new system prompt


def calls(size: int) -> int:
    """Model calls of the whole program, on either side."""
    return 4 * size + 1


def measure(side: Side, *, size: int, sleep_s: float) -> dict[str, Any]:
    """Seconds of each part, and the most calls under way at once."""
    engine = side.engine(sleep_s)
    system = side.variable("Be brief.", role="the system prompt")
    call = side.call(engine, system)
    judge = side.tg.TextLoss("Is it right?", engine)
    optimizer = side.tg.TGD([system], engine=engine)

    begun = time.perf_counter()
    losses = []
    for n in range(size):
        losses.append(judge(call(side.variable(f"question {n}", frozen=True))))
    total = side.tg.sum(losses)
    _ = total.value
    forward = time.perf_counter()
    total.backward(engine)
    backward = time.perf_counter()
    optimizer.step()
    end = time.perf_counter()
    if system.value != "improved":
        raise SystemExit(f"the step wrote {system.value!r}")
    return {
        "forward_s": forward - begun,
        "backward_s": backward - forward,
        "step_s": end - backward,
        "seconds": end - begun,
        "calls": len(engine.log.prompts),
        "most_at_once": engine.log.peak,
    }
