"""The shipped problems: complete, within their own constraints, and judged as they should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import pytest

from judged import JAILED
from problem_bounds import BOUNDS
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem
from textgrad_code.problem_file import load_problem, problem_names, read_problem
from textgrad_code.verdict import Verdict

NAMES = problem_names()
loaded = cache(load_problem)
LARGEST_FILE_BYTES = 20_000


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    if not JAILED:
        pytest.skip("platform: no isolation here")
    with Judge() as one:
        yield one


def semantics(problem: Problem) -> set[str]:
    """Which ways of calling and comparing a problem exercises."""
    signature, checker = problem.signature, problem.checker
    types = " ".join([signature.returns, *(one.type for one in signature.parameters)])
    looped = any(isinstance(a, dict) for test in problem.visible for a in test.arguments)
    floats = any(isinstance(test.expected, float) for test in problem.visible) or any(
        isinstance(one, float)
        for test in problem.visible
        if isinstance(test.expected, list)
        for one in test.expected
    )
    return {
        "in place" if signature.in_place is not None else signature.kind,
        checker.kind,
        *(["tree"] if "TreeNode" in types else []),
        *(["linked list"] if "ListNode" in types else []),
        *(["loop"] if looped else []),
        *(["float"] if floats else []),
    }


def test_every_way_of_calling_and_comparing_is_covered() -> None:
    counts = Counter(way for name in NAMES for way in semantics(loaded(name)))
    needed = {
        **{"method": 14, "in place": 3, "design": 4, "function": 3, "stdin": 3},
        **{"tree": 4, "linked list": 3, "loop": 1, "float": 2},
        **{"any-order": 2, "nested-any-order": 2, "program": 2},
    }
    assert len(NAMES) >= 32
    assert {way: counts[way] for way in needed if counts[way] < needed[way]} == {}


def test_titles_and_statements_are_all_different() -> None:
    problems = [loaded(name) for name in NAMES]
    assert len({problem.title for problem in problems}) == len(NAMES)
    assert len({problem.statement for problem in problems}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_problem_is_complete(name: str) -> None:
    problem = loaded(name)
    assert problem.name == name
    for part in (problem.title, problem.statement, problem.constraints, problem.starter):
        assert part
    assert problem.reference
    assert problem.source
    assert problem.tags
    assert 3 <= len(problem.visible) <= 5
    assert len(problem.hidden) >= 12
    assert len(problem.buggy) >= 2
    for buggy in problem.buggy:
        assert buggy.fault
        compile(buggy.source, name, "exec")
        assert buggy.source != problem.reference
    compile(problem.starter, name, "exec")
    seen = [repr(test.arguments) for test in (*problem.visible, *problem.hidden)]
    assert len(set(seen)) == len(seen), "a test is there twice"


@pytest.mark.parametrize("name", NAMES)
def test_file_is_small(name: str) -> None:
    file = files("textgrad_code").joinpath("problems", f"{name}.toml")
    assert len(file.read_bytes()) <= LARGEST_FILE_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_generated_tests_are_the_same_each_time(name: str) -> None:
    text = files("textgrad_code").joinpath("problems", f"{name}.toml").read_text("utf-8")
    assert read_problem(text, f"{name}.toml") == read_problem(text, f"{name}.toml")


@pytest.mark.parametrize("name", NAMES)
def test_tests_obey_the_constraints(name: str) -> None:
    problem = loaded(name)
    for test in (*problem.visible, *problem.hidden):
        assert BOUNDS[name](*test.arguments), test.name or repr(test.arguments)[:200]


@pytest.mark.parametrize("name", NAMES)
def test_reference_is_accepted(judge: Judge, name: str) -> None:
    problem = loaded(name)
    judged = judge.judge(problem.reference, problem)
    assert judged.verdict is Verdict.AC, judged.message
    assert judged.tests == len(judged.results) == len(problem.visible) + len(problem.hidden)


@pytest.mark.parametrize("name", NAMES)
def test_starter_is_not_accepted(judge: Judge, name: str) -> None:
    problem = loaded(name)
    judged = judge.judge(problem.starter, problem, stop_at_first=True)
    assert judged.verdict in (Verdict.WA, Verdict.RE)


@pytest.mark.parametrize("name", NAMES)
def test_buggy_programs_are_caught_by_hidden_tests(judge: Judge, name: str) -> None:
    problem = loaded(name)
    passing = 0
    for buggy in problem.buggy:
        hidden = judge.judge(buggy.source, problem, problem.hidden, stop_at_first=True)
        assert hidden.verdict not in (Verdict.AC, Verdict.CE, Verdict.SE, Verdict.SV), buggy.fault
        if "complexity" in buggy.fault:
            assert hidden.verdict is Verdict.TLE, buggy.fault
        visible = judge.judge(buggy.source, problem, problem.visible, stop_at_first=True)
        passing += visible.verdict is Verdict.AC
    assert passing, "no buggy program passes the visible tests"
