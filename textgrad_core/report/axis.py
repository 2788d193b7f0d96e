"""Where an axis begins and ends, and which round numbers it carries."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import pairwise

_LARGEST = sys.float_info.max
_PADDING = 0.06


def axis_range(values: Sequence[float]) -> tuple[float, float]:
    """Bounds that hold every value with some air, and never coincide.

    Args:
        values: Finite numbers; may be empty or all equal.
    """
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    half_span = high / 2 - low / 2
    if half_span <= 1e-12 * max(abs(low), abs(high)) or half_span < 1e-300:
        air = max(abs(low) * 0.05, abs(high) * 0.05, 1.0 if high == 0.0 else 1e-290)
    else:
        air = half_span * (2 * _PADDING)
    return max(low - air, -_LARGEST), min(high + air, _LARGEST)


def fraction(value: float, low: float, high: float) -> float:
    """Place of a value between two bounds, 0 to 1; values outside stay at the nearer bound."""
    # Halves, because high - low may exceed the largest float.
    share = (value / 2 - low / 2) / (high / 2 - low / 2)
    return min(max(share, 0.0), 1.0)


def ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Round numbers (1, 2 or 5 times a power of ten) within two bounds, at least two of them.

    Args:
        low: Lower bound.
        high: Upper bound, above ``low``.
        about: How many are wanted at most, give or take one.
    """
    for wanted in (about, 2 * about, 4 * about):
        found = _round_numbers(low, high, max(wanted, 1))
        if len(found) > 1:
            return found
    return (low, high)


def whole_ticks(at: Sequence[float], low: float, high: float) -> tuple[float, ...]:
    """Those ticks that are whole numbers, and on no side of zero where no value is.

    Args:
        at: Ticks.
        low: The lowest value shown.
        high: The highest one.

    Returns:
        All ticks if none is left, as between 2.3 and 2.6.
    """
    whole = (
        t for t in at if t.is_integer() and (t >= 0.0 or low < 0.0) and (t <= 0.0 or high > 0.0)
    )
    return tuple(whole) or tuple(at)


def _round_numbers(low: float, high: float, about: int) -> tuple[float, ...]:
    step = (high / 2 - low / 2) / about * 2
    if not math.isfinite(step) or step <= 0.0:
        return ()
    exponent = math.floor(math.log10(step))
    digit = next((d for d in (1, 2, 5) if float(f"{d}e{exponent}") >= step * 0.999), 0)
    if not digit:
        digit, exponent = 1, exponent + 1
    unit = float(f"{digit}e{exponent}")
    if not math.isfinite(unit) or unit < sys.float_info.min:
        return ()
    # Parsed from decimal text, so that 3 * 0.1 prints as 0.3.
    numbers = range(math.ceil(low / unit), math.floor(high / unit) + 1)
    found = (float(f"{n * digit}e{exponent}") for n in numbers)
    return tuple(t for t in found if low <= t <= high)


def tick_labels(at: Sequence[float]) -> tuple[str, ...]:
    """The ticks as text, all with the same number of decimals."""
    largest = max((abs(t) for t in at), default=0.0)
    gap = min((b - a for a, b in pairwise(at)), default=largest)
    if largest >= 1e6 or 0 < gap < 1e-4:
        return tuple(f"{t:.6g}" for t in at)
    decimals = 0 if gap <= 0 else max(0, -math.floor(math.log10(gap) + 1e-9))
    return tuple(f"{t:.{decimals}f}" for t in at)
