"""How long the optimizer's request is after a batch: it has to fit a model's context."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from benchmarks.core.sides import Side

SYSTEM = " ".join(["Answer in one paragraph, step by step, and check every number."] * 8)
REPLY_CHARS = 400


def essay(prompt: str) -> str:
    """A reply of its own for every prompt, the same on every machine."""
    mark = sha256(prompt.encode()).hexdigest()
    return f"Reply {mark}: " + "the reasoning is sound but the units are missing. " * (
        REPLY_CHARS // 50
    )


def measure(side: Side, *, size: int) -> dict[str, Any]:
    """Characters of the one request that asks for the new value."""
    engine = side.engine(0.0, essay)
    writer = side.engine(0.0)
    system = side.variable(SYSTEM, role="the system prompt")
    call = side.call(engine, system)
    judge = side.tg.TextLoss("Is it right?", engine)
    questions = [side.variable(f"What is {n} metres in feet?", frozen=True) for n in range(size)]
    side.tg.sum([judge(call(question)) for question in questions]).backward(engine)
    side.tg.TGD([system], engine=writer).step()
    return {"batch": size, "characters": max(len(prompt) for prompt in writer.log.prompts)}
