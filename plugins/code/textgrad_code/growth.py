"""How the work of a program grows with the size of its input: counts fitted to known orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textgrad_core.jsondata import JSON

MIN_POINTS = 3
MIN_SPREAD = 4.0  # largest size over smallest; below it the orders cannot be told apart
SAME_FIT = 1.25  # a higher order has to fit so much better than a lower one
TRUSTED_MS = 5.0  # below it, time says more about the machine than about the program
ORDERS: Mapping[str, Callable[[float], float]] = {
    "1": lambda _: 1.0,
    "log n": lambda n: math.log2(n + 1),
    "n": lambda n: n,
    "n log n": lambda n: n * math.log2(n + 1),
    "n^2": lambda n: n**2,
    "n^3": lambda n: n**3,
    "2^n": lambda n: 2.0 ** min(n, 500),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run.

    Args:
        size: Size of the input, from 1.
        steps: Lines executed.
        seconds: Wall seconds without counting lines; 0 if it was not taken.
    """

    size: float
    steps: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How work grows with size.

    Args:
        order: The order that fits best, one of `ORDERS`.
        exponent: Slope of log(steps) over log(size) on the larger half of the sizes.
        time_exponent: The same of the wall time; None where it is too short to mean anything.
        points: What was fitted, by size.
        timed: Runs that were timed apart, if any, by size.
    """

    order: str
    exponent: float
    time_exponent: float | None
    points: tuple[Point, ...]
    timed: tuple[Point, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return {
            "order": self.order,
            "exponent": round(self.exponent, 3),
            "time_exponent": None if self.time_exponent is None else round(self.time_exponent, 3),
            "points": [[p.size, p.steps, round(p.seconds, 6)] for p in self.points],
            "timed": [[p.size, round(p.seconds, 6)] for p in self.timed],
        }


def fitted_growth(points: Sequence[Point], timed: Sequence[Point] = ()) -> Growth | None:
    """Fit ``steps = a + b f(size)`` for every order f and take the one that fits best.

    Steps are counted, so the same program gives the same order on every machine. A loop hidden in
    one step (``x in list``) is not seen by them; the time exponent shows it.

    Args:
        points: Runs whose steps were counted.
        timed: Runs that were timed without counting, larger ones too; by default ``points``.

    Returns:
        None where there are fewer than three sizes or they span less than a factor of four.
    """
    by_size: dict[float, Point] = {}
    for point in points:
        known = by_size.get(point.size)
        if point.size >= 1 and (known is None or point.steps > known.steps):
            by_size[point.size] = point
    used = [by_size[size] for size in sorted(by_size)]
    if len(used) < MIN_POINTS or used[-1].size < MIN_SPREAD * used[0].size:
        return None
    best, least = "1", math.inf
    for name, order in ORDERS.items():
        misfit = max(_misfit(used, order), 1e-9)
        if misfit * SAME_FIT < least:
            best, least = name, misfit
    long = [p for p in (timed or used) if p.seconds * 1000 >= TRUSTED_MS]
    return Growth(
        order=best,
        exponent=_slope([(p.size, p.steps) for p in used]),
        time_exponent=_slope([(p.size, p.seconds) for p in long]) if len(long) > 1 else None,
        points=tuple(used),
        timed=tuple(timed),
    )


def input_size(arguments: Sequence[JSON]) -> int:
    """Scalars in the arguments, characters of texts included; at least 1."""
    return max(1, sum(_scalars(a) for a in arguments))


def _scalars(value: JSON) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(_scalars(v) for v in value)
    if isinstance(value, dict):
        return sum(_scalars(v) for v in value.values())
    return 1


def _misfit(points: Sequence[Point], order: Callable[[float], float]) -> float:
    """Root mean square of the relative error of the best ``a + b f``, both not negative."""
    scale = order(points[-1].size)
    rows = [(1.0 / p.steps, order(p.size) / scale / p.steps) for p in points if p.steps > 0]
    if not rows:
        return math.inf
    uu, uv, vv = (sum(r[i] * r[j] for r in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    u, v = (sum(r[i] for r in rows) for i in (0, 1))
    determinant = uu * vv - uv * uv
    a = b = 0.0
    if determinant > 1e-12 * uu * vv:
        a, b = (u * vv - v * uv) / determinant, (v * uu - u * uv) / determinant
    if a <= 0 or b <= 0:  # one of the two alone, whichever fits better
        tried = [(u / uu, 0.0), (0.0, v / vv)] if vv else [(u / uu, 0.0)]
        return min(_relative_error(rows, *pair) for pair in tried)
    return _relative_error(rows, a, b)


def _relative_error(rows: Sequence[tuple[float, float]], a: float, b: float) -> float:
    return math.sqrt(sum((a * x + b * y - 1.0) ** 2 for x, y in rows) / len(rows))


def _slope(pairs: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope in logarithms, on the larger half of the sizes, at least two."""
    kept = [(math.log(x), math.log(y)) for x, y in pairs if x > 0 and y > 0]
    kept = kept[-max(2, (len(kept) + 1) // 2) :]
    mean_x, mean_y = (sum(k[i] for k in kept) / max(1, len(kept)) for i in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in kept)
    if spread == 0:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in kept) / spread
