"""When answers count as right, against oracles of the standard library."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgrad_code.compare import Comparison, first_difference
from textgrad_code.matching import perfect_matching

NUMBERS = st.integers(-5, 5) | st.integers(-(2**70), 2**70)
LEAVES = NUMBERS | st.booleans() | st.none() | st.text(max_size=5)
NESTED = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4), max_leaves=15)
SMALL_LISTS = st.lists(st.integers(0, 3), max_size=6)


def same(expected: Any, answer: Any, **kwargs: Any) -> bool:
    return first_difference(expected, answer, **kwargs) is None


@given(NESTED)
def test_a_value_equals_itself(value: Any) -> None:
    again = json.loads(json.dumps(value))
    for order in ("ordered", "any-order", "nested-any-order"):
        assert same(value, again, order=order)


@given(NESTED, NESTED)
def test_ordered_without_floats_is_equality_of_json(one: Any, other: Any) -> None:
    assert same(one, other) == (json.dumps(one) == json.dumps(other))


@given(SMALL_LISTS, SMALL_LISTS)
def test_any_order_is_equality_of_multisets(one: list[int], other: list[int]) -> None:
    assert same(one, other, order="any-order") == (Counter(one) == Counter(other))


@given(st.lists(SMALL_LISTS, max_size=5), st.lists(SMALL_LISTS, max_size=5))
def test_orders_of_lists_of_lists(one: list[list[int]], other: list[list[int]]) -> None:
    rows = sorted(one) == sorted(other)
    nested = sorted(map(sorted, one)) == sorted(map(sorted, other))
    assert same(one, other, order="any-order") == rows
    assert same(one, other, order="nested-any-order") == nested


@given(st.lists(SMALL_LISTS, max_size=5), st.randoms(use_true_random=False))
def test_nested_shuffles_are_the_same(rows: list[list[int]], random: Any) -> None:
    shuffled = [random.sample(row, len(row)) for row in rows]
    random.shuffle(shuffled)
    assert same(rows, shuffled, order="nested-any-order")


@given(
    st.lists(st.floats(-2, 2), min_size=1, max_size=4),
    st.lists(st.floats(-2, 2), min_size=1, max_size=4),
)
def test_floats_in_any_order_match_if_some_order_does(
    one: list[float], other: list[float]
) -> None:
    pairings = (zip(one, order, strict=True) for order in itertools.permutations(other))
    within = len(one) == len(other) and any(
        all(abs(a - b) <= 0.5 * max(1, abs(a)) for a, b in pairing) for pairing in pairings
    )
    assert same(one, other, order="any-order", tolerance=0.5) == within
    assert (
        same([[a] for a in one], [[b] for b in other], order="any-order", tolerance=0.5) == within
    )


@pytest.mark.parametrize("order", ["ordered", "any-order", "nested-any-order"])
def test_a_key_is_no_value(order: Any) -> None:
    for around in (lambda value: value, lambda value: [value]):
        expected = around({"$dict": [[5, 2.0], [7, 1.0]]})
        assert same(expected, around({"$dict": [[7, 1.0], [5, 2.0000001]]}), order=order)
        assert not same(expected, around({"$dict": [[2, 5.0], [1, 7.0]]}), order=order)


def test_lists_in_a_dict_of_other_keys_are_lists_inside() -> None:
    expected, answer = {"$dict": [[5, [1, 2]]]}, {"$dict": [[5, [2, 1]]]}
    assert same(expected, answer, order="nested-any-order")
    assert not same(expected, answer, order="any-order")


def test_lists_in_an_object_are_lists_inside_too() -> None:
    expected, answer = {"a": [[1, 2], [3]]}, {"a": [[3], [2, 1]]}
    for around in (lambda value: value, lambda value: [value, 0]):
        assert same(around(expected), around(answer), order="nested-any-order")
        assert not same(around(expected), around(answer), order="any-order")


@pytest.mark.parametrize("one", [1, 0.5, [0.5], [[1, 0.5]]])
def test_wrong_answers_do_not_take_for_ever(one: Any) -> None:
    """By brute force these would be 300**4 pairs: the test would not end."""
    expected = [[one] * 300 for _ in range(300)]
    answer = json.loads(json.dumps(expected).replace("1", "2").replace("0.5", "0.7"))
    assert not same(expected, answer, order="nested-any-order")


@given(st.lists(st.lists(st.integers(0, 4), max_size=5), max_size=5))
def test_perfect_matchings_are_those_of_brute_force(edges: list[list[int]]) -> None:
    exists = any(
        all(right in edges[left] for left, right in enumerate(chosen))
        for chosen in itertools.permutations(range(5), len(edges))
    )
    assert perfect_matching(edges) == exists


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        (True, 1, False),
        (1, True, False),
        (0, False, False),
        (2, 2.0, True),
        (2, 2.000001, False),
        (2.0, 2, True),
        (2.0, 2.000001, True),
        (2.0, 2.0001, False),
        (1e9, 1e9 + 5000, True),
        (1e9, 1e9 + 20000, False),
        (0.0, -0.0, True),
        (math.nan, {"$float": "nan"}, False),
        ({"$float": "nan"}, {"$float": "nan"}, False),
        ([{"$float": "nan"}], [{"$float": "nan"}], False),
        (math.inf, {"$float": "inf"}, True),
        (math.inf, {"$float": "-inf"}, False),
        (1.0, {"$float": "inf"}, False),
        (2**53 + 1, 2**53, False),
        (2**53 + 1, float(2**53), False),
        (2**100, {"$int": hex(2**100)}, True),
        (1.0, 10**400, False),
        (None, [], False),
        ("1", 1, False),
        ([1, 2], {"$set": [1, 2]}, False),
        ([1, 2], {"$deque": [1, 2]}, False),
        ({"$set": [1, 2]}, {"$set": [2, 1]}, True),
        ({"$dict": [[1, 2], [3, 4]]}, {"$dict": [[3, 4], [1, 2]]}, True),
        ({"a": 1.0, "b": 2}, {"b": 2, "a": 1.0000001}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
    ],
)
def test_traps(expected: Any, answer: Any, right: bool) -> None:
    assert same(expected, answer) == right


def test_without_tolerance_floats_are_exact() -> None:
    assert not same(0.1 + 0.2, 0.3, tolerance=None)
    assert same(0.1 + 0.2, 0.30000000000000004, tolerance=None)
    assert not same([0.1 + 0.2], [0.3], order="any-order", tolerance=None)


@pytest.mark.parametrize(
    ("expected", "answer", "order", "told"),
    [
        (5, 7, "ordered", "expected 5, got 7"),
        ([0, 0, 0, [5]], [0, 0, 0, [7]], "ordered", "at [3][0]: expected 5, got 7"),
        ([1, 2], [1], "ordered", "expected 2 items, got 1 item; the first is equal"),
        (
            [[1, 2]],
            [[3]],
            "ordered",
            "at [0]: expected 2 items, got 1 item; first difference at [0][0]: expected 1, got 3",
        ),
        ({"a": [1]}, {"a": [2]}, "ordered", 'at ["a"][0]: expected 1, got 2'),
        ([1, 1, 2], [1, 2, 2], "any-order", "in any order: missing 1, not expected 2"),
        ([1], {"$set": [1]}, "ordered", 'expected [1], got a set: {"$set": [1]}'),
    ],
)
def test_the_first_difference_is_named(expected: Any, answer: Any, order: Any, told: str) -> None:
    assert first_difference(expected, answer, order=order) == told


@given(st.recursive(st.text(max_size=300) | NUMBERS, lambda x: st.lists(x, max_size=200)))
def test_differences_are_short_and_printable(value: Any) -> None:
    told = first_difference([value, 1], [value, 2]) or ""
    assert told
    told = first_difference(1.5, value) or ""
    assert told
    assert len(told) < 300
    assert not any(ord(one) < 32 or one == "\x1b" for one in told.replace("\n", ""))


def test_long_texts_differ_at_a_place() -> None:
    told = first_difference("a" * 1000 + "b" + "c" * 500, "a" * 1000 + "d")
    assert told is not None
    assert "1501 and 1001 characters differ from character 1000 on" in told
    assert len(told) < 300


RECORDS = st.lists(
    st.lists(st.integers(-3, 3) | st.sampled_from([0.1, 0.5, 2.0, 2.000001, 1e6]), max_size=3)
    | st.tuples(st.sampled_from(["n0", "n1"]), st.floats(-1e6, 1e6)).map(list),
    max_size=8,
)


def with_noise(value: Any, random: Any) -> Any:
    """Floats moved by less than the tolerance."""
    if isinstance(value, list):
        return [with_noise(one, random) for one in value]
    if type(value) is float:
        return value + random.uniform(-9e-6, 9e-6) * max(1.0, abs(value))
    return value


@given(
    RECORDS,
    st.integers(1, 250),
    st.sampled_from(["any-order", "nested-any-order"]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_permutations_with_noise_are_the_same(
    records: list[Any], times: int, order: Any, random: Any
) -> None:
    expected = [
        [one + step * 0.5 if type(one) is float else one for one in record]
        for step in range(times)
        for record in records
    ]
    answer = with_noise(expected, random)
    if order == "nested-any-order":
        answer = [random.sample(one, len(one)) for one in answer]
    random.shuffle(answer)
    assert same(expected, answer, order=order)
    assert not same([*expected, ["n0", 0.1]], [*answer, ["n0", 0.2]], order=order)


@pytest.mark.parametrize("order", ["any-order", "nested-any-order"])
def test_many_records_of_floats_in_any_order(order: Any) -> None:
    pairs = [[i + 0.1, i + 0.2] for i in range(10_000)]
    answer = [[one + 1e-12, other - 1e-12] for one, other in pairs][::-1]
    assert same(pairs, answer, order=order)
    answer[5000][1] += 0.5
    assert not same(pairs, answer, order=order)
    assert same([["n0", 0.1]] * 500, [["n0", 0.1 + 1e-12]] * 500, order=order)


def test_an_open_pairing_is_told() -> None:
    """Members nearly the same, in a chain: no order of them is the pairing."""
    expected = [[i * 1e-6, (i * 7919 % 2000) * 1e-6] for i in range(2000)]
    random = Random(1)
    answer = with_noise(expected, random)
    random.shuffle(answer)
    assert same(expected, answer, order="any-order")
    comparison = Comparison(1e-5, nested=False, most_work=1000)
    told = comparison.difference(expected, answer, "", any_order=True)
    assert told is not None
    assert "no pairing within the tolerance was found in 1000 steps" in told


def test_nan_equals_nothing_in_any_order() -> None:
    nan = [{"$float": "nan"}, 1]
    assert not same(nan, nan, order="any-order")


def test_answers_far_too_large_are_not_looked_into() -> None:
    told = first_difference([1], [[]] * 20_000, order="any-order")
    assert told == "the answer has more than 10020 values, expected about 2"
