"""Limits: what they allow, what they refuse, and that threads cannot overdraw them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_core.budget import Budget, Countable, Hold, Meter
from textgrad_core.errors import BudgetExhausted, UsageError

COUNTED: tuple[Countable, ...] = ("evaluations", "calls", "tokens", "retries")


@pytest.mark.parametrize("name", ["evaluations", "calls", "seconds", "tokens", "cost"])
@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_that_allows_nothing_is_refused(name: str, limit: float) -> None:
    given_limits: dict[str, Any] = {name: limit}
    with pytest.raises(UsageError, match=f"budget {name}={limit}"):
        Budget(**given_limits)


def test_no_retries_at_all_is_a_budget() -> None:
    assert not Meter(Budget(retries=0)).grant_retry()
    with pytest.raises(UsageError, match="retries=-1"):
        Budget(retries=-1)


@given(
    limit=st.one_of(st.none(), st.integers(1, 30)),
    moves=st.lists(
        st.tuples(st.sampled_from(["hold", "settle", "release"]), st.integers(0, 12)), max_size=30
    ),
    resource=st.sampled_from(COUNTED),
)
def test_a_meter_counts_like_a_counter(
    limit: int | None, moves: list[tuple[str, int]], resource: Countable
) -> None:
    meter = Meter(Budget(**{resource: limit}))
    holds: list[tuple[Hold, int]] = []
    used = 0
    for move, amount in moves:
        if move == "hold":
            if limit is not None and used + amount > limit:
                with pytest.raises(BudgetExhausted) as caught:
                    meter.hold(**{resource: amount})
                assert (caught.value.what, caught.value.used, caught.value.limit) == (
                    resource,
                    used,
                    limit,
                )
            else:
                holds.append((meter.hold(**{resource: amount}), amount))
                used += amount
        elif holds:
            hold, held = holds.pop(0)
            if move == "settle":
                hold.settle(**{resource: amount})
                used += amount - held
            else:
                hold.release()
                used -= held
            hold.release()  # what is settled stays settled
        assert meter.used == {**dict.fromkeys((*COUNTED, "cost"), 0), resource: used}
        assert meter.left(resource) == (None if limit is None else max(0, limit - used))


def test_several_resources_are_reserved_together_or_not_at_all() -> None:
    meter = Meter(Budget(calls=5, tokens=100))
    with pytest.raises(BudgetExhausted, match="100 tokens"):
        meter.hold(calls=1, tokens=101)
    assert meter.used["calls"] == 0
    assert meter.refusal is not None
    meter.hold(calls=1, tokens=60).settle(tokens=20)
    assert (meter.used["calls"], meter.used["tokens"]) == (1, 20)
    meter.hold(calls=1, tokens=60).settle(tokens=None)  # nobody counted: the estimate stays
    assert meter.used["tokens"] == 80


def test_money_is_exact() -> None:
    meter = Meter(Budget(cost=0.3))
    for _ in range(3):
        meter.hold(cost=Decimal("0.1"))
    assert meter.used["cost"] == Decimal("0.3")
    with pytest.raises(BudgetExhausted, match=r"budget of 0\.3 cost"):
        meter.hold(cost=Decimal("0.0001"))


def test_threads_cannot_overdraw() -> None:
    meter = Meter(Budget(evaluations=500))

    def take(_: int) -> bool:
        try:
            meter.hold(evaluations=1)
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
    with pytest.raises(BudgetExhausted, match="5 seconds"):
        meter.check_time()
    Meter(Budget(), clock=lambda: now[0]).check_time()
    assert not Meter(Budget(), clock=lambda: now[0]).out_of_time()


def test_what_was_used_cannot_be_changed_from_outside() -> None:
    meter = Meter(Budget(calls=1))
    seen = dict(meter.used)
    meter.hold(calls=1)
    assert seen["calls"] == 0
    assert meter.used["calls"] == 1


def test_settings_of_older_runs_stay_the_same() -> None:
    assert Budget(calls=3).to_json() == {"evaluations": None, "calls": 3, "seconds": None}
    every = Budget(calls=3, tokens=5, cost=0.5, retries=0)
    assert Budget(**every.to_json()) == every  # type: ignore[arg-type]
