"""References of the shipped problems against answers found by trying everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import problem_oracles as oracles
from problem_bounds import BOUNDS
from run_in_process import program
from textgrad_code.compare import first_difference
from textgrad_code.problem_file import load_problem
from textgrad_code.trusted import trusted_function

small = st.integers(-4, 4)
lists = st.lists(small, max_size=8)
some = st.lists(small, min_size=1, max_size=8)
words = st.text("ab", max_size=6)
grids = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 2), min_size=size[0], max_size=size[0]),
        min_size=size[1],
        max_size=size[1],
    )
)
different = st.lists(st.integers(-9, 9), unique=True, max_size=7)


@st.composite
def rotated_lists(draw: st.DrawFn) -> list[Any]:
    values = sorted(draw(different.filter(bool)))
    cut = draw(st.integers(0, len(values)))
    return [values[cut:] + values[:cut], draw(st.integers(-10, 10))]


@st.composite
def windows(draw: st.DrawFn) -> list[Any]:
    values = draw(some)
    return [values, draw(st.integers(1, len(values)))]


@st.composite
def orders(draw: st.DrawFn) -> list[Any]:
    count = draw(st.integers(1, 5))
    place = st.integers(0, count - 1)
    return [count, draw(st.lists(st.lists(place, min_size=2, max_size=2), max_size=6))]


@st.composite
def counted_words(draw: st.DrawFn) -> list[Any]:
    given_words = draw(st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=9))
    return [given_words, draw(st.integers(1, len(set(given_words))))]


def of_class(name: str, first: list[Any], calls: list[tuple[str, list[Any]]]) -> list[Any]:
    """A test of a design class."""
    return [[name, *(call[0] for call in calls)], [first, *(call[1] for call in calls)]]


def call(name: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, list[Any]]]:
    """One operation of a design class."""
    return st.tuples(st.just(name), st.tuples(*values).map(list))


keys = st.integers(0, 3)
cache_calls = st.builds(
    lambda capacity, calls: of_class("RecentCache", [capacity], calls),
    st.integers(1, 3),
    st.lists(st.one_of(call("get", keys), call("put", keys, keys)), max_size=12),
)
median_calls = st.lists(st.one_of(call("add", small), call("median")), max_size=10).map(
    lambda calls: of_class("RunningMedian", [], [("add", [1]), *calls])
)
starts = st.text("ab", min_size=1, max_size=3)
word_calls = st.lists(
    st.one_of(call("add", starts), call("contains", starts), call("beginning", starts)),
    max_size=12,
).map(lambda calls: of_class("WordIndex", [], calls))


@st.composite
def stack_calls(draw: st.DrawFn) -> list[Any]:
    calls: list[tuple[str, list[Any]]] = []
    height = 0
    for _ in range(draw(st.integers(1, 14))):
        name = draw(
            st.sampled_from(["push", "push", "pop", "top", "least"] if height else ["push"])
        )
        height += {"push": 1, "pop": -1}.get(name, 0)
        calls.append((name, [draw(small)] if name == "push" else []))
    return of_class("LeastStack", [], calls)


@st.composite
def sums(draw: st.DrawFn) -> list[Any]:
    text = str(draw(st.integers(0, 30)))
    for _ in range(draw(st.integers(0, 6))):
        operator = draw(st.sampled_from("+-*/"))
        number = draw(st.integers(1, 30))
        text += f"{draw(st.sampled_from(['', ' ']))}{operator} {number}"
    return [text]


@st.composite
def road_maps(draw: st.DrawFn) -> list[Any]:
    n = draw(st.integers(1, 6))
    place = st.integers(1, n)
    found = draw(st.lists(st.tuples(place, place, st.integers(1, 9)), max_size=9))
    lines = [f"{n} {len(found)}", *(" ".join(map(str, road)) for road in found)]
    return ["\n".join(lines) + "\n"]


@st.composite
def loan_lists(draw: st.DrawFn) -> list[Any]:
    name = st.sampled_from(["ann", "bob", "cid"])
    found = draw(st.lists(st.tuples(name, name, st.integers(1, 4)), max_size=8))
    lines = [f"{len(found)}", *(" ".join(map(str, loan)) for loan in found)]
    return ["\n".join(lines) + "\n"]


nested = st.recursive(small, lambda inner: st.lists(inner, max_size=3), max_leaves=8)
roman_signs = st.tuples(
    st.integers(0, 3).map(lambda n: "M" * n),
    *(
        st.sampled_from(["", a, a * 2, a * 3, a + b, b, b + a, b + a * 2, b + a * 3, a + c])
        for a, b, c in ("CDM", "XLC", "IVX")
    ),
).map("".join)
bookings = st.tuples(st.integers(0, 9), st.integers(0, 4)).map(lambda p: [p[0], p[0] + p[1]])


def arguments(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Arguments drawn one by one."""
    return st.tuples(*parts).map(list)


CASES: dict[str, tuple[st.SearchStrategy[list[Any]], Callable[..., Any]]] = {
    "pair-with-sum": (arguments(some, small), oracles.pair_with_sum),
    "longest-streak": (arguments(lists), oracles.longest_streak),
    "balanced-brackets": (arguments(st.text("()[]{}", max_size=8)), oracles.balanced_brackets),
    "smallest-window": (
        arguments(st.text("abc", min_size=1, max_size=9), st.text("abc", min_size=1, max_size=3)),
        oracles.smallest_window,
    ),
    "fewest-coins": (
        arguments(
            st.lists(st.integers(1, 9), unique=True, min_size=1, max_size=4), st.integers(0, 25)
        ),
        oracles.fewest_coins,
    ),
    "count-islands": (
        arguments(grids.map(lambda g: [[min(v, 1) for v in row] for row in g])),
        oracles.count_islands,
    ),
    "edit-distance": (arguments(words, words), oracles.edit_distance),
    "search-rotated": (rotated_lists(), oracles.search_rotated),
    "merge-bookings": (arguments(st.lists(bookings, max_size=7)), oracles.merge_bookings),
    "trapped-water": (
        arguments(st.lists(st.integers(0, 5), max_size=9)),
        oracles.trapped_water,
    ),
    "spiral-order": (arguments(grids), oracles.spiral_order),
    "days-until-warmer": (arguments(some), oracles.days_until_warmer),
    "task-order": (orders(), oracles.task_order),
    "mirror-part": (arguments(st.text("abc", min_size=1, max_size=9)), oracles.mirror_part),
    "all-selections": (arguments(different), oracles.all_selections),
    "anagram-groups": (arguments(st.lists(words, max_size=6)), oracles.anagram_groups),
    "common-words": (counted_words(), oracles.common_words),
    "window-medians": (windows(), oracles.window_medians),
    "fast-power": (
        arguments(st.sampled_from([-2.5, -1.0, 0.5, 1.5, 3.0]), st.integers(-9, 9)),
        oracles.power,
    ),
    "turn-belt": (arguments(some, st.integers(0, 20)), oracles.turn_belt),
    "three-colours": (arguments(st.lists(st.integers(0, 2), max_size=9)), sorted),
    "blank-crosses": (arguments(grids), oracles.blank_crosses),
    "next-arrangement": (
        arguments(st.lists(st.integers(0, 4), min_size=1, max_size=5)),
        oracles.next_arrangement,
    ),
    "recent-cache": (cache_calls, oracles.recent_cache),
    "least-stack": (stack_calls(), oracles.least_stack),
    "running-median": (median_calls, oracles.running_median),
    "word-index": (word_calls, oracles.word_index),
    "roman-number": (arguments(roman_signs.filter(bool)), oracles.roman_number),
    "primes-below": (arguments(st.integers(0, 130)), oracles.primes_below),
    "calculate": (sums(), oracles.calculate),
    "flatten": (arguments(st.lists(nested, max_size=4)), oracles.flatten),
    "word-counts": (arguments(st.text("aAb' \n,", max_size=14)), oracles.word_counts),
    "settle-debts": (loan_lists(), oracles.ledger),
    "shortest-route": (road_maps(), oracles.shortest_route),
    "merge-chains": (
        arguments(st.lists(lists.map(sorted), max_size=4)),
        lambda chains: sorted(value for one in chains for value in one),
    ),
}


loaded = cache(load_problem)


@cache
def reference(name: str) -> Callable[[list[Any]], Any]:
    problem = loaded(name)
    return program(problem, problem.reference)


def wrong(name: str, given: list[Any], expected: Any, answer: Any) -> str | None:
    """What the problem's own checker finds wrong."""
    checker = loaded(name).checker
    if checker.kind == "program":
        judged = trusted_function(checker.source, "check", name)(given, expected, answer)
        return None if judged is True else str(judged)
    return first_difference(expected, answer, order=checker.kind, tolerance=checker.tolerance)


@pytest.mark.parametrize("name", CASES)
def test_reference_answers_as_trying_everything_does(name: str) -> None:
    strategy, oracle = CASES[name]

    @settings(max_examples=40)
    @given(strategy.filter(lambda drawn: BOUNDS[name](*drawn)))
    def agrees(drawn: list[Any]) -> None:
        assert wrong(name, drawn, oracle(*drawn), reference(name)(drawn)) is None

    agrees()
