"""Fault localisation: Ochiai's coefficient, ranks, exceptions, and what happens without data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_code.suspicion import middle_ranks, ochiai, raised_shares, suspicious_lines
from textgrad_code.verdict import TestResult, TraceLine, Verdict


@dataclass(frozen=True)
class Run:
    verdict: Verdict
    lines: Mapping[int, int] = field(default_factory=dict)


def run(verdict: Verdict, *lines: int) -> Run:
    return Run(verdict, dict.fromkeys(lines, 1))


def died(index: int, *lines: int) -> TestResult:
    trace = tuple(TraceLine(line=line, function="f", text="") for line in lines)
    return TestResult(index=index, verdict=Verdict.RE, exception="IndexError", trace=trace)


@pytest.mark.parametrize(
    ("failing", "passing", "all_failing", "expected"),
    [
        (0, 3, 2, 0.0),
        (2, 0, 2, 1.0),
        (2, 1, 2, 2 / math.sqrt(6)),
        (1, 0, 4, 0.5),
        (3, 1, 9, 3 / 6),
        (1, 3, 1, 0.5),
        (4, 5, 4, 2 / 3),
    ],
)
def test_coefficient_by_hand(
    failing: int, passing: int, all_failing: int, expected: float
) -> None:
    value = ochiai(failing=failing, passing=passing, all_failing=all_failing)
    assert value == pytest.approx(expected)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_coefficient_is_the_cosine_of_the_two_bit_vectors(tests: list[tuple[bool, bool]]) -> None:
    """Ochiai's coefficient is known to be the cosine similarity of binary vectors."""
    dot = sum(ran and fails for ran, fails in tests)
    norms = sum(ran for ran, _ in tests) * sum(fails for _, fails in tests)
    value = ochiai(
        failing=dot,
        passing=sum(ran and not fails for ran, fails in tests),
        all_failing=sum(fails for _, fails in tests),
    )
    assert value == pytest.approx(dot / math.sqrt(norms) if dot else 0.0)


def test_line_run_by_failing_tests_only_comes_first() -> None:
    lines = suspicious_lines(
        [run(Verdict.AC, 1, 2, 4), run(Verdict.WA, 1, 3, 4), run(Verdict.AC, 1, 2, 4)]
    )
    assert [s.line for s in lines] == [3, 1, 4, 2]
    assert [s.score for s in lines] == pytest.approx([1.0, 1 / math.sqrt(3), 1 / math.sqrt(3), 0])
    assert [s.rank for s in lines] == [1.0, 2.5, 2.5, 4.0]
    assert [(s.failing, s.passing) for s in lines] == [(1, 0), (1, 2), (1, 2), (0, 2)]


def test_all_lines_are_equal_where_no_test_passes() -> None:
    lines = suspicious_lines([run(Verdict.WA, 1, 2), run(Verdict.TLE, 1, 2)])
    assert [(s.line, s.score, s.rank) for s in lines] == [(1, 1.0, 1.5), (2, 1.0, 1.5)]


def test_nothing_is_suspicious_where_every_test_passes() -> None:
    assert suspicious_lines([run(Verdict.AC, 1, 2)]) == ()
    assert suspicious_lines([]) == ()


def test_failures_of_the_sandbox_say_nothing_about_lines() -> None:
    lines = suspicious_lines([run(Verdict.SE, 9), run(Verdict.WA, 2), run(Verdict.AC, 3)])
    assert {s.line: s.score for s in lines} == {2: 1.0, 3: 0.0}


def test_import_that_fails_leaves_the_line_of_the_exception() -> None:
    lines = suspicious_lines([run(Verdict.RE), run(Verdict.RE)], [died(0, 4), died(1, 4)])
    assert [(s.line, s.rank) for s in lines] == [(4, 1.0)]
    assert 0 < lines[0].score <= 1


def test_line_that_raised_outranks_lines_that_ran_as_often() -> None:
    traces = [run(Verdict.RE, 1, 2, 3), run(Verdict.AC, 1, 2, 3)]
    lines = suspicious_lines(traces, [died(0, 1, 3)])
    assert [s.line for s in lines] == [3, 1, 2]


def test_share_of_an_exception_halves_from_caller_to_caller() -> None:
    assert raised_shares([died(0, 2, 5, 9)]) == {2: 0.25, 5: 0.5, 9: 1.0}
    assert raised_shares([died(0, 9), TestResult(index=1, verdict=Verdict.WA)]) == {9: 0.5}


def test_recursion_counts_a_line_once() -> None:
    assert raised_shares([died(0, *[7] * 1000)]) == {7: 1.0}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Verdict.AC, Verdict.WA, Verdict.RE, Verdict.TLE]),
            st.sets(st.integers(1, 12)),
        ),
        max_size=8,
    )
)
def test_scores_are_shares_and_ranks_add_up(tests: list[tuple[Verdict, set[int]]]) -> None:
    traces = [run(verdict, *lines) for verdict, lines in tests]
    found = suspicious_lines(traces)
    assert all(0 <= s.score <= 1 + 1e-12 for s in found)
    assert sum(s.rank for s in found) == pytest.approx(len(found) * (len(found) + 1) / 2)
    assert found == suspicious_lines(traces[::-1])


def test_equal_scores_share_the_middle_of_their_places() -> None:
    assert middle_ranks({1: 0.5, 2: 0.9, 3: 0.5, 4: 0.5}) == {2: 1.0, 1: 3.0, 3: 3.0, 4: 3.0}
