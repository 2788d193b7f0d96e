"""Growth: the order of a program's work from counted steps."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_code.growth import Point, fitted_growth, input_size

SIZES = (8, 16, 32, 64, 128, 256)
WORK: dict[str, Callable[[int], float]] = {
    "1": lambda _: 12,
    "log n": lambda n: 4 + 9 * math.log2(n + 1),
    "n": lambda n: 6 + 3 * n,
    "n log n": lambda n: 20 + 2 * n * math.log2(n + 1),
    "n^2": lambda n: 15 + 4 * n + n * n,
    "n^3": lambda n: 40 + 3 * n**2 + n**3,
}


def points(work: Callable[[int], float], seconds: float = 0.0) -> list[Point]:
    return [Point(size=n, steps=round(work(n)), seconds=seconds * n * n) for n in SIZES]


@pytest.mark.parametrize("order", WORK)
def test_the_order_is_found_also_with_overhead(order: str) -> None:
    found = fitted_growth(points(WORK[order]))
    assert found is not None
    assert found.order == order


def test_doubling_work_is_exponential() -> None:
    found = fitted_growth([Point(size=n, steps=3 * 2**n) for n in range(2, 16)])
    assert found is not None
    assert found.order == "2^n"


@given(st.sampled_from(sorted(WORK)), st.integers(1, 50), st.randoms(use_true_random=False))
def test_neither_scale_nor_order_of_points_matters(order: str, scale: int, rng: object) -> None:
    base = [Point(size=n, steps=round(1000 * WORK[order](n))) for n in SIZES]
    scaled = [Point(size=p.size, steps=p.steps * scale) for p in base]
    getattr(rng, "shuffle")(scaled)  # noqa: B009 - hypothesis hides the type
    one, other = fitted_growth(base), fitted_growth(scaled)
    assert one is not None
    assert other is not None
    assert one.order == other.order
    assert math.isclose(one.exponent, other.exponent, abs_tol=1e-9)


@pytest.mark.parametrize("sizes", [(8, 16), (8, 9, 10, 11), (5, 5, 5, 5), ()])
def test_too_little_to_tell_orders_apart(sizes: tuple[int, ...]) -> None:
    assert fitted_growth([Point(size=n, steps=n * n) for n in sizes]) is None


def test_time_counts_only_where_it_is_long_enough_to_mean_something() -> None:
    short, long = fitted_growth(points(WORK["n"], 1e-9)), fitted_growth(points(WORK["n"], 1e-3))
    assert short is not None
    assert short.time_exponent is None
    assert long is not None
    assert long.time_exponent == pytest.approx(2.0)


def test_size_counts_scalars_and_characters() -> None:
    assert input_size([[1, 2, [3]], "abcd", None, {"k": [1]}]) == 3 + 4 + 1 + 1
    assert input_size([[]]) == 1
