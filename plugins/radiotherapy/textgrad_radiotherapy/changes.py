"""What a step changes, in words that fit a line: the largest changes first."""

from __future__ import annotations

import math
from collections.abc import Mapping

from textgrad_radiotherapy.weights import Weights

NAMED = 4  # changes; the rest are counted
LEVEL_SHARE = 0.05  # of a dose level; moving it so far counts like a factor e on a weight
LEAST = 0.05  # ln of a factor on a weight; less is not worth a word


def changes_told(before: Weights, after: Weights, own_gy: Mapping[str, float]) -> str:
    """Such as ``PTV over x1.4, Rectum mean x0.55, Body over 35.1 at 33.2 Gy``.

    Args:
        before: What the step was made from.
        after: Where it leads.
        own_gy: Dose level by term where nothing else is said.
    """
    told: list[tuple[float, str]] = []
    for name, weight in after.weights.items():
        step = abs(math.log(weight / before.weights[name]))
        if step > LEAST:
            told.append((step, f"{name} {_factor(weight / before.weights[name])}"))
    for name in {**before.doses_gy, **after.doses_gy}:
        was, now = (w.doses_gy.get(name, own_gy[name]) for w in (before, after))
        step = abs(now / was - 1.0) / LEVEL_SHARE
        if step > LEAST:
            told.append((step, f"{name} at {now:.4g} Gy"))
    told.sort(key=lambda change: -change[0])
    parts = [words for _, words in told[:NAMED]]
    parts += [f"{len(told) - NAMED} more"] if len(told) > NAMED else []
    return ", ".join(parts) or "hardly a change"


def _factor(ratio: float) -> str:
    digits = 0 if ratio >= 10 else 1 if ratio >= 1 else 2
    return f"x{ratio:.{digits}f}" if ratio >= 0.1 else f"x{ratio:.2g}"
