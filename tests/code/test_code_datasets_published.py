"""The published files themselves: counts that are known, problems that hold together."""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path

import pytest

from published_data import published_data
from textgrad_code.datasets import (
    DATASETS,
    dataset_problem,
    humaneval,
    leetcode_dataset,
    leetcode_hard39,
)
from textgrad_code.datasets.humaneval_computed import COMPUTED
from textgrad_code.datasets.registry import HARD39, HUMANEVAL, LEETCODE, TEXTGRAD_RUNS
from textgrad_code.datasets.rows import row_named, rows, text
from textgrad_code.datasets.textgrad_runs import recorded_programs
from textgrad_code.errors import ProblemError
from textgrad_code.problem import Problem
from textgrad_code.problem_checks import check_problem
from textgrad_core.data import Dataset, fetch, find, is_here, read_data


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGRAD_DATA", str(tmp_path / "kept"))


def calls(problem: Problem) -> Counter[str]:
    tests = (*problem.visible, *problem.hidden)
    return Counter(json.dumps(test.arguments) for test in tests)


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_the_files_are_the_recorded_ones(dataset: Dataset) -> None:
    folder = published_data()
    assert is_here(dataset, folder)
    assert not is_here(dataset)
    files = fetch(dataset, source=str(folder))
    assert is_here(dataset)
    sizes = {f.name: f.bytes for f in dataset.files}
    for file in files:
        plain = sizes.get(file.name.removesuffix(".gz"))
        assert sizes.get(file.name) == file.stat().st_size or plain == len(read_data(file))


def test_leetcode_has_228_problems_and_every_assertion_is_read() -> None:
    problems = list(leetcode_dataset.problems(published_data()))
    assert len(problems) == 228
    assert sum(len(p.visible) for p in problems) == 581
    assert sum(len(p.hidden) for p in problems) == 22_013
    for problem, row in zip(problems, rows(LEETCODE, published_data()), strict=True):
        check_problem(problem, problem.name)
        assert max(calls(problem).values()) == 1
        assert len(problem.visible) == problem.statement.count("Input:")
        asserted = text(row, "test").count("assert candidate(")
        assert sum(calls(problem).values()) <= asserted + len(problem.visible)


def test_no_leetcode_call_is_asserted_with_two_answers() -> None:
    for row in rows(LEETCODE, published_data()):
        answers: dict[str, str] = {}
        for node in ast.walk(ast.parse(text(row, "test"))):
            if isinstance(node, ast.Compare):
                call, answer = ast.dump(node.left), ast.dump(node.comparators[0])
                assert answers.setdefault(call, answer) == answer


def test_humaneval_has_164_problems_and_what_is_computed_is_known() -> None:
    problems = list(humaneval.problems(published_data()))
    assert len(problems) == 164
    assert sum(sum(calls(p).values()) for p in problems) == 1533
    assert {p.name for p in problems if not p.hidden} == {"HumanEval/29", "HumanEval/34"}
    computed = set()
    for problem, row in zip(problems, rows(HUMANEVAL, published_data()), strict=True):
        check_problem(problem, problem.name)
        parameters = tuple(p.name for p in problem.signature.parameters)
        if humaneval.read_check(text(row, "test"), parameters).left:
            computed.add(problem.name)
    assert computed == {*COMPUTED, "HumanEval/95"}


def test_the_files_of_the_hard_problems_say_the_same() -> None:
    folder = published_data()
    read = {
        file.name: {
            p.name: (p.signature, p.visible)
            for line in find(HARD39, folder, file.name).read_bytes().splitlines()
            for p in [leetcode_hard39.problem_of(json.loads(line))]
        }
        for file in HARD39.files
        if file.name == "index.jsonl"
    }
    problems = {p.name: (p.signature, p.visible) for p in leetcode_hard39.problems(folder)}
    assert read["index.jsonl"] == problems
    assert Counter(len(visible) for _, visible in problems.values()) == {2: 27, 3: 12}


def test_textgrad_released_312_programs_with_641_states() -> None:
    recorded = list(recorded_programs(published_data()))
    assert len(recorded) == 312
    assert sum(len(run.states) for run in recorded) == 641
    keys = {(run.problem, run.seed, run.iteration) for run in recorded}
    assert len(keys) == 312
    accepted = Counter(run.iteration for run in recorded if run.accepted)
    assert accepted == {0: 40, 1: 56}
    assert sum(run.hidden_total <= 0 for run in recorded) == 16
    problems = {p.name: p for p in leetcode_hard39.problems(published_data())}
    assert {run.problem for run in recorded} == set(problems)
    for run in recorded:
        assert len(run.states) in (0, len(problems[run.problem].visible))
    assert TEXTGRAD_RUNS.files[0].name in str(find(TEXTGRAD_RUNS, published_data()))


@pytest.mark.parametrize(
    ("address", "called"),
    [
        (
            "leetcode:shortest-distance-after-road-addition-queries-i",
            "shortestDistanceAfterQueries",
        ),
        ("humaneval:HumanEval/0", "has_close_elements"),
        ("leetcode-hard39:rearranging-fruits", "minCost"),
    ],
)
def test_a_problem_is_found_by_its_address(address: str, called: str) -> None:
    problem = dataset_problem(address, published_data())
    assert problem.name == address.partition(":")[2]
    assert problem.signature.name == called


def test_an_unknown_problem_is_refused_with_close_names() -> None:
    with pytest.raises(ProblemError, match="shortest-distance"):
        row_named(LEETCODE, published_data(), "shortest-distance")
