"""Nested `+`: how much feedback arrives at the leaf, in characters, for one word of judgement."""

from __future__ import annotations

from typing import Any

from benchmarks.core.sides import Side


def measure(side: Side, *, depth: int, double: bool) -> dict[str, Any]:
    """Characters of feedback on the leaf.

    Args:
        side: The library.
        depth: How many additions.
        double: Whether each adds the text to itself; else a constant.
    """
    engine = side.engine(0.0, lambda _: "well")
    leaf = side.variable("a")
    text = leaf
    for _ in range(depth):
        text = text + (text if double else side.variable("b", frozen=True))
    loss = side.tg.TextLoss("Is it right?", engine)(text)
    loss.backward(engine)
    return {"depth": depth, "characters": len(leaf.get_gradient_text())}
