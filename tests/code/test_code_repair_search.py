"""Whole repairs through the judge, and how the search keeps to its bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgrad_code.errors import SandboxFailed
from textgrad_code.judge import Judge
from textgrad_code.problem import Limits, Problem, Signature, TestCase
from textgrad_code.repair.attempts import order_of_tests, passed_weight, quick_limits
from textgrad_code.repair.search import repair, unified
from textgrad_code.verdict import Judgement, TestResult, TestTrace, Verdict
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as opened:
        yield opened


def problem(
    answer: Callable[..., JSON],
    visible: Sequence[tuple[JSON, ...]],
    hidden: Sequence[tuple[JSON, ...]],
) -> Problem:
    """A function ``f`` with tests whose answers a right program gives."""

    def cases(inputs: Sequence[tuple[JSON, ...]]) -> tuple[TestCase, ...]:
        return tuple(TestCase(arguments=i, expected=answer(*i)) for i in inputs)

    return Problem(
        name="f",
        signature=Signature(kind="function", name="f"),
        visible=cases(visible),
        hidden=cases(hidden),
        limits=Limits(test_s=1.0),
    )


def lists(*values: list[JSON]) -> list[tuple[JSON, ...]]:
    return [(value,) for value in values]


def largest_sum(a: list[int]) -> int:
    return max(sum(a[i:j]) for i in range(len(a)) for j in range(i + 1, len(a) + 1))


def first_alone(s: str) -> int:
    return next((i for i, c in enumerate(s) if s.count(c) == 1), -1)


SUMS = problem(
    largest_sum,
    lists([-3], [1, 2], [-2, -1], [3, -1, 4], [-5, 4, -1]),
    lists([-7, -8], [5], [2, -9, 3, 3], [-1, 0, -2], [1, -1, 1, -1, 1]),
)
TWO_FAULTS: list[tuple[JSON, ...]] = [
    ([1, 2], 4),
    ([1, 3], 4),
    ([2, 1, 3], 5),
    ([5, 5, 5], 1),
    ([0, 4, 4], 8),
    ([1, 2, 3, 4], 6),
    ([4, 3, 2, 1, 0], 4),
    ([9, 1, 9, 1], 10),
    ([2, 2, 2, 2], 5),
]
CASES = {
    "comparison": (
        """def f(s):
    i, j = 0, len(s) - 1
    while i < j:
        if s[i] == s[j]:  # the ends differ
            return False
        i += 1
        j -= 1
    return True
""",
        problem(
            lambda s: s == s[::-1],
            [("ab",), ("a",), ("aa",), ("aba",), ("abc",), ("",)],
            [("abba",), ("abab",), ("aab",), ("xyzzyx",), ("xyzyzx",)],
        ),
    ),
    "initial value": (
        """def f(a):
    best = 0
    cur = 0
    for x in a:
        cur = max(x, cur + x)
        best = max(best, cur)
    return best
""",
        SUMS,
    ),
    "missing answer at the end": (
        """def f(s):
    seen = {}
    for c in s:
        seen[c] = seen.get(c, 0) + 1
    for i, c in enumerate(s):
        if seen[c] == 1:
            return i
""",
        problem(
            first_alone,
            [("ab",), ("aab",), ("aa",), ("",), ("abab",)],
            [("abba",), ("xxy",), ("zz",), ("q",), ("aabbc",)],
        ),
    ),
    "syntax, then a fault": (
        """def f(a)
    best = a[0]
    cur = 0
    for x in a
        cur = min(x, cur + x)
        best = max(best, cur)
    return best
""",
        SUMS,
    ),
    "state left behind": (
        """def f(a, found=[]):
    for x in a:
        if x not in found:
            found.append(x)
    return len(found)
""",
        problem(
            lambda a: len(set(a)),
            lists([1, 2, 1], [3, 3], [], [4, 5, 6]),
            lists([7, 7], [8, 9], [1], [2, 3, 2, 3, 4]),
        ),
    ),
    "misspelled": (
        """def f(a):
    best = cur = float('-inf')
    for x in a:
        cur = max(x, cur + x)
        best = max(bset, cur)
    return best
""",
        SUMS,
    ),
    "two faults": (
        """def f(a, k):
    count = 0
    for i in range(1, len(a)):
        for j in range(i + 1, len(a)):
            if a[i] + a[j] <= k:
                count += 1
    return count
""",
        problem(
            lambda a, k: sum(a[i] + a[j] < k for i in range(len(a)) for j in range(i + 1, len(a))),
            TWO_FAULTS,
            [([1, 1, 1], 3), ([1, 1, 1], 2), ([9, 0, 1, 2], 9), ([4, 4], 8), ([3, 2, 1], 5)],
        ),
    ),
    "endless loop": (
        """def f(n):
    count = 0
    while n > 0:
        count += n % 2
        n = n // 1
    return count
""",
        problem(
            lambda n: n.bit_count(),
            [(5,), (0,), (8,), (7,), (6,)],
            [(1,), (1023,), (1024,), (12345,), (2,)],
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fault_is_mended_and_the_mend_holds_on_hidden_tests(name: str, judge: Judge) -> None:
    text, asked = CASES[name]
    assert judge.judge(text, asked, asked.visible).verdict is not Verdict.AC
    result = repair(text, asked, judge, max_candidates=800, seconds=120)
    assert result.plausible, result.summary
    assert result.judgement.passed == result.judgement.tests == len(asked.visible)
    assert judge.judge(result.program, asked, asked.hidden).verdict is Verdict.AC, result.diff
    count = len(asked.visible)
    assert result.summary.startswith(f"passes {count} of {count} visible tests")
    assert "correct" not in result.summary
    assert result.diff.startswith("--- before.py\n+++ after.py\n")
    assert len(result.history) == result.candidates
    assert result.history[-1].verdict is Verdict.AC
    assert [a.number for a in result.history] == list(range(1, result.candidates + 1))


def test_repair_repeats(judge: Judge) -> None:
    text, asked = CASES["initial value"]
    one, other = (repair(text, asked, judge, max_candidates=200, seconds=120) for _ in "ab")
    assert one.program == other.program
    assert one.suspicion == other.suspicion
    tried = (
        [(at.number, at.words, at.passed) for at in result.history] for result in (one, other)
    )
    assert next(tried) == next(tried)  # a loop may run out of time or of steps first


def test_comments_and_everything_else_stay(judge: Judge) -> None:
    text, asked = CASES["comparison"]
    result = repair(text, asked, judge, seconds=120)
    before, after = text.splitlines(), result.program.splitlines()
    assert len(before) == len(after)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert "# the ends differ" in result.program


def test_program_that_passes_comes_back_as_it_is(judge: Judge) -> None:
    result = repair("def f(a):\n    return max(a)\n", problem(max, lists([1, 2]), []), judge)
    assert (result.plausible, result.candidates, result.diff) == (True, 0, "")


def test_hopeless_program_comes_back_as_it_is(judge: Judge) -> None:
    asked = problem(lambda a: sorted(a)[len(a) // 2] * 7919, lists([1, 2, 3], [5, 4, 9]), [])
    text = "def f(a):\n    return a\n"
    result = repair(text, asked, judge, max_candidates=25, seconds=120)
    assert not result.plausible
    assert (result.program, result.diff, result.words) == (text, "", "")
    assert result.candidates <= 25
    assert "nothing better was found" in result.summary


def test_hidden_tests_are_never_run(judge: Judge) -> None:
    """With hidden tests that nothing can pass the repair is the same."""
    text, asked = CASES["comparison"]
    cruel = replace(asked, hidden=tuple(replace(t, expected="no") for t in asked.hidden))
    one = repair(text, asked, judge, seconds=120)
    assert repair(text, cruel, judge, seconds=120).program == one.program


@dataclass
class Scripted:
    """A judge that says what a rule says: tests of the search without running programs."""

    rule: Callable[[str, TestCase], Verdict]
    asked: list[str] = field(default_factory=list)

    def judge(
        self, program: str, problem: Problem, tests: Sequence[TestCase] | None = None
    ) -> Judgement:
        del problem
        self.asked.append(program)
        results = tuple(
            TestResult(index=i, verdict=self.rule(program, t)) for i, t in enumerate(tests or ())
        )
        bad = [r.verdict for r in results if r.verdict is not Verdict.AC]
        return Judgement(
            verdict=bad[0] if bad else Verdict.AC,
            results=results,
            tests=len(results),
            tier="none",
        )

    def trace(
        self, program: str, problem: Problem, tests: Sequence[TestCase], *, most_steps: int
    ) -> tuple[TestTrace, ...]:
        del program, problem, tests, most_steps
        return ()


def hopeless(program: str, test: TestCase) -> Verdict:
    """Nothing ever passes."""
    del program, test
    return Verdict.WA


TEXT = "def f(a, b):\n    c = a + b\n    return c - 1\n"
TWO = problem(lambda a: a, [(1,), (2,), (3,)], [])


def test_partial_mend_is_kept_if_it_passes_more() -> None:
    def rule(program: str, test: TestCase) -> Verdict:
        passes = test.arguments == (1,) or ("a - b" in program and test.arguments == (2,))
        return Verdict.AC if passes else Verdict.WA

    result = repair(TEXT, TWO, Scripted(rule), max_candidates=60)
    assert not result.plausible
    assert "a - b" in result.program
    assert result.judgement.passed == 2 > result.start.passed


def test_mend_that_breaks_another_test_is_not_kept() -> None:
    def rule(program: str, test: TestCase) -> Verdict:
        passes = (test.arguments == (1,)) == ("a - b" not in program)
        return Verdict.AC if passes and test.arguments != (3,) else Verdict.WA

    heavy = (replace(TWO.visible[0], weight=5.0), *TWO.visible[1:])
    result = repair(TEXT, replace(TWO, visible=heavy), Scripted(rule), max_candidates=60)
    assert result.program == TEXT
    assert result.diff == ""


def test_second_edit_completes_the_first() -> None:
    def rule(program: str, test: TestCase) -> Verdict:
        first, second = "a - b" in program, "c + 1" in program
        passes = {1: True, 2: first, 3: first and second}[int(str(test.arguments[0]))]
        return Verdict.AC if passes else Verdict.WA

    result = repair(TEXT, TWO, Scripted(rule), max_candidates=400)
    assert result.plausible
    assert "a - b" in result.program
    assert "c + 1" in result.program
    assert result.words.count(";") == 1


def test_candidates_never_exceed_the_budget() -> None:
    judge = Scripted(hopeless)
    result = repair(TEXT, TWO, judge, max_candidates=17)
    assert result.candidates <= 17
    assert len({a.number for a in result.history}) == result.candidates


def test_time_is_up_when_the_clock_says_so() -> None:
    ticks = iter(range(10_000))
    judge = Scripted(hopeless)
    result = repair(TEXT, TWO, judge, seconds=12, clock=lambda: float(next(ticks)))
    assert 0 < result.candidates < 12


def test_one_failure_of_the_sandbox_costs_one_candidate() -> None:
    class Breaks(Scripted):
        def judge(
            self, program: str, problem: Problem, tests: Sequence[TestCase] | None = None
        ) -> Judgement:
            if len(self.asked) in (3, 5):
                self.asked.append(program)
                raise SandboxFailed("no more processes")
            return super().judge(program, problem, tests)

    result = repair(TEXT, TWO, Breaks(hopeless), max_candidates=20)
    assert [a.verdict for a in result.history].count(Verdict.SE) == 2
    assert result.candidates > 10


def test_sandbox_that_keeps_failing_is_reported() -> None:
    class Broken(Scripted):
        def judge(
            self, program: str, problem: Problem, tests: Sequence[TestCase] | None = None
        ) -> Judgement:
            if self.asked:
                raise SandboxFailed("no more processes")
            return super().judge(program, problem, tests)

    with pytest.raises(SandboxFailed, match="no more processes"):
        repair(TEXT, TWO, Broken(hopeless))


@pytest.mark.parametrize(("candidates", "seconds"), [(0, 1.0), (1, 0.0)])
def test_bounds_must_be_positive(candidates: int, seconds: float) -> None:
    with pytest.raises(UsageError, match="positive"):
        repair(TEXT, TWO, Scripted(hopeless), max_candidates=candidates, seconds=seconds)


def test_without_visible_tests_there_is_nothing_to_repair_for() -> None:
    with pytest.raises(UsageError, match="visible"):
        repair(TEXT, replace(TWO, visible=()), Scripted(hopeless))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1), st.integers(1, 60))
def test_result_is_never_worse_than_the_start(seed: int, chance: float, most: int) -> None:
    """Whatever passes by chance: the program that comes back passes no less weight."""

    def rule(program: str, test: TestCase) -> Verdict:
        lucky = Random(f"{seed} {program} {test.arguments}").random() < chance
        return Verdict.AC if lucky else Verdict.WA

    weighted = tuple(
        replace(t, weight=w) for t, w in zip(TWO.visible, (1.0, 2.5, 4.0), strict=True)
    )
    asked = replace(TWO, visible=weighted)
    result = repair(TEXT, asked, Scripted(rule), max_candidates=most)

    def weight(program: str) -> float:
        return sum(t.weight for t in weighted if rule(program, t) is Verdict.AC)

    assert weight(result.program) >= weight(TEXT)
    assert result.plausible == (weight(result.program) == 7.5)
    assert (result.program != TEXT) == (weight(result.program) > weight(TEXT))
    assert result.candidates <= most


def test_quick_failing_tests_are_tried_first() -> None:
    results = [(Verdict.WA, 0.5), (Verdict.AC, 0.2), (Verdict.WA, 0.1), (Verdict.AC, 0.1)]
    tests = tuple(TestCase(arguments=(i,), expected=i) for i in range(5))
    start = Judgement(
        verdict=Verdict.WA,
        tests=5,
        tier="none",
        results=tuple(
            TestResult(index=i, verdict=v, seconds=s) for i, (v, s) in enumerate(results)
        ),
    )
    failing, passing = order_of_tests(replace(TWO, visible=tests), start)
    assert [t.arguments[0] for t in failing] == [2, 0, 4]  # the last was never run
    assert [t.arguments[0] for t in passing] == [3, 1]
    assert quick_limits(Limits(test_s=5.0), start).test_s == pytest.approx(2.0)
    assert quick_limits(Limits(test_s=0.1), start).test_s == pytest.approx(0.1)
    assert passed_weight(tests, start) == 2.0


def test_diff_ends_its_lines() -> None:
    assert unified("a\nb", "a\nc").splitlines()[-2:] == ["-b", "+c"]


def test_diff_ends_lines_where_python_does() -> None:
    told = unified("a\r\nb = '\x0c\u2028'\r\nc", "a\r\nb = '\x0c\u2028'\r\nd")
    assert told.split("\n")[-4:] == [" b = '\x0c\u2028'\r", "-c", "+d", ""]
