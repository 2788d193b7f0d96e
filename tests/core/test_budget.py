"""Limits: what they allow, what they refuse, and that threads cannot overdraw them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_core.budget import Budget, Meter, Resource
from textgrad_core.errors import BudgetExhausted, UsageError

RESOURCES: tuple[Resource, ...] = ("evaluations", "calls")


@pytest.mark.parametrize("name", ["evaluations", "calls", "seconds"])
@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_that_allows_nothing_is_refused(name: str, limit: float) -> None:
    given_limits: dict[str, Any] = {name: limit}
    with pytest.raises(UsageError, match=f"budget {name}={limit}"):
        Budget(**given_limits)


@given(
    limit=st.one_of(st.none(), st.integers(1, 8)),
    moves=st.lists(st.sampled_from(["take", "give"]), max_size=30),
    resource=st.sampled_from(RESOURCES),
)
def test_a_meter_counts_like_a_counter(
    limit: int | None, moves: list[str], resource: Resource
) -> None:
    other: Resource = "calls" if resource == "evaluations" else "evaluations"
    meter = Meter(Budget(**{resource: limit}))
    used = 0
    for move in moves:
        if move == "give":
            if used:
                meter.give_back(resource)
                used -= 1
        elif limit is not None and used >= limit:
            with pytest.raises(BudgetExhausted) as caught:
                meter.reserve(resource)
            assert (caught.value.what, caught.value.used, caught.value.limit) == (
                resource,
                limit,
                limit,
            )
        else:
            meter.reserve(resource)
            used += 1
        assert meter.used == {resource: used, other: 0}
        assert meter.left(resource) == (None if limit is None else limit - used)
        assert meter.left(other) is None


def test_threads_cannot_overdraw() -> None:
    meter = Meter(Budget(evaluations=500))

    def take(_: int) -> bool:
        try:
            meter.reserve("evaluations")
        except BudgetExhausted:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        granted = sum(pool.map(take, range(2000)))
    assert granted == 500
    assert meter.used["evaluations"] == 500


def test_time_is_counted_from_the_start_of_the_meter() -> None:
    now = [100.0]
    meter = Meter(Budget(seconds=5), clock=lambda: now[0])
    assert not meter.out_of_time()
    now[0] = 104.9
    assert not meter.out_of_time()
    assert meter.seconds == pytest.approx(4.9)
    now[0] = 105.0
    assert meter.out_of_time()
    assert not Meter(Budget(), clock=lambda: now[0]).out_of_time()


def test_what_was_used_cannot_be_changed_from_outside() -> None:
    meter = Meter(Budget(calls=1))
    seen = dict(meter.used)
    meter.reserve("calls")
    assert seen == {"evaluations": 0, "calls": 0}
