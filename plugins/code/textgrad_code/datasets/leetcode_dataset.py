"""LeetCodeDataset v0.3.1, test split: 228 problems of August 2024 to March 2025.

Every test of the data set is ``assert candidate(name=value, ..) == value``: 23,234 of them are
read, none is run. 645 repeat a call and are left out. (105 tests, of 5 problems, expect an
infinity, which LeetCode never answers: their input breaks the constraints. They are kept.)

Visible are the 581 examples of the statements (of a statement without one that can be read, the
first two tests), hidden the other 22,013 tests. The data set compares with ``==``, and so does the
judge, also where a statement allows any order; but here a number is no truth value: 1 for an
expected True is a wrong answer, which the data set's own check accepts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from textgrad_code.datasets.asserts import call_arguments, read_assert
from textgrad_code.datasets.constants import NotConstant, constant, plain
from textgrad_code.datasets.registry import LEETCODE
from textgrad_code.datasets.rows import Row, row_named, rows, text
from textgrad_code.datasets.signatures import signature_of
from textgrad_code.errors import ProblemError
from textgrad_code.problem import Checker, Limits, Problem, TestCase
from textgrad_code.problem_checks import check_problem
from textgrad_core.jsondata import JSON, canonical_json

LIMITS = Limits(test_s=10.0, total_s=120.0, memory_mib=1024)
_EXAMPLE = re.compile(r"Input:\s*(.*?)\nOutput:\s*(.*?)\n", re.DOTALL)
_SHOWN_OTHERWISE = 2


def problems(folder: Path | None = None) -> Iterator[Problem]:
    """Every problem, in the order of the file.

    Raises:
        DataError: If the data set is not here.
    """
    return map(problem_of, rows(LEETCODE, folder))


def problem(name: str, folder: Path | None = None) -> Problem:
    """One problem by its slug, such as ``count-mentions-per-user``.

    Raises:
        DataError: If the data set is not here.
        ProblemError: If there is none of that name.
    """
    return problem_of(row_named(LEETCODE, folder, name))


def problem_of(row: Row) -> Problem:
    """A problem from its row.

    Raises:
        ProblemError: If the row is not as the rows of this data set are.
    """
    name, statement = text(row, "task_id"), text(row, "problem_description")
    starter = text(row, "starter_code")
    signature = signature_of(starter)
    parameters = tuple(p.name for p in signature.parameters)
    try:
        tests = _distinct(_tests(text(row, "test"), parameters))
    except (SyntaxError, NotConstant) as error:
        raise ProblemError(
            f"{LEETCODE.name}: {name} has a test of another kind: {error}"
        ) from error
    if not tests:
        raise ProblemError(f"{LEETCODE.name}: {name} has no test")
    visible = tuple(_examples(statement, parameters, tests)) or tests[:_SHOWN_OTHERWISE]
    shown = {_key(test) for test in visible}
    tags = row.get("tags")
    problem = Problem(
        name=name,
        title=name.replace("-", " ").title(),
        statement=statement,
        signature=signature,
        visible=visible,
        hidden=tuple(test for test in tests if _key(test) not in shown),
        checker=Checker(tolerance=None),
        limits=LIMITS,
        starter=starter,
        reference=text(row, "completion"),
        source=f"LeetCodeDataset v0.3.1, {LEETCODE.licence}; statement by LeetCode",
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        extra={
            "difficulty": row.get("difficulty"),
            "question_id": row.get("question_id"),
            "estimated_date": row.get("estimated_date"),
        },
    )
    check_problem(problem, f"{LEETCODE.name}: {name}")
    return problem


def _tests(source: str, parameters: tuple[str, ...]) -> Iterator[TestCase]:
    for function in ast.parse(source).body:
        for statement in function.body if isinstance(function, ast.FunctionDef) else ():
            yield read_assert(statement, "candidate", parameters).test


def _examples(
    statement: str, parameters: tuple[str, ...], tests: tuple[TestCase, ...]
) -> Iterator[TestCase]:
    """The examples of a statement; where the data set has the same call, its answer."""
    known = {_key(test): test for test in tests}
    for given, answer in _EXAMPLE.findall(statement):
        try:
            call = ast.parse(f"candidate({given.strip()})", mode="eval").body
            if not isinstance(call, ast.Call):
                continue
            arguments = call_arguments(call, parameters)
            expected = plain(constant(ast.parse(answer.strip(), mode="eval").body))
        except (SyntaxError, NotConstant):
            continue  # prose or a drawing
        example = TestCase(arguments=arguments, expected=expected)
        yield known.get(_key(example), example)


def _distinct(tests: Iterator[TestCase]) -> tuple[TestCase, ...]:
    """Every call once, where it comes first."""
    found: dict[str, TestCase] = {}
    for test in tests:
        found.setdefault(_key(test), test)
    return tuple(found.values())


def _key(test: TestCase) -> str:
    arguments: list[JSON] = list(test.arguments)
    return canonical_json(arguments)
