"""LeetCode-Hard as TextGrad used it: 39 problems with 2 or 3 example tests each.

The hidden tests are on LeetCode's own site; here are visible ones only. Three files hold the
same problems and tests: the original one (a user's own copy, known by its digest), TextGrad's
result file, and an index of both without statements.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from textgrad_code.datasets.asserts import read_assert
from textgrad_code.datasets.constants import NotConstant
from textgrad_code.datasets.registry import HARD39
from textgrad_code.datasets.rows import Row, row_named, rows, text
from textgrad_code.datasets.signatures import signature_of
from textgrad_code.errors import ProblemError
from textgrad_code.problem import Checker, Limits, Problem, TestCase
from textgrad_code.problem_checks import check_problem

LIMITS = Limits(test_s=10.0, total_s=60.0)  # seconds: what TextGrad's evaluation allows a test


def problems(folder: Path | None = None) -> Iterator[Problem]:
    """Every problem, in the order of the file.

    Raises:
        DataError: If none of the files is here.
    """
    return map(problem_of, rows(HARD39, folder))


def problem(name: str, folder: Path | None = None) -> Problem:
    """One problem by its slug, such as ``rearranging-fruits``.

    Raises:
        DataError: If none of the files is here.
        ProblemError: If there is none of that name.
    """
    return problem_of(row_named(HARD39, folder, name))


def problem_of(row: Row) -> Problem:
    """A problem from a row of any of the files.

    Raises:
        ProblemError: If the row is not as the rows of these files are.
    """
    name = text(row, "task_id")
    head = f"def {text(row, 'signature')}"
    signature = signature_of(head)
    parameters = tuple(p.name for p in signature.parameters)
    statement = row.get("prompt")
    problem = Problem(
        name=name,
        title=name.replace("-", " ").title(),
        statement=statement if isinstance(statement, str) else "",
        signature=signature,
        visible=tuple(_test(line, signature.name, parameters) for line in _lines(row)),
        checker=Checker(tolerance=None),
        limits=LIMITS,
        starter=head,
        source=f"LeetCode-Hard, tests from TextGrad, {HARD39.licence}; statement by LeetCode",
    )
    check_problem(problem, f"{HARD39.name}: {name}")
    return problem


def _lines(row: Row) -> list[str]:
    found = row.get("local_tests", row.get("test"))
    if isinstance(found, str):
        found = [line for line in found.splitlines() if line.startswith("assert ")]
    if not isinstance(found, list) or not found:
        raise ProblemError(f"{HARD39.name}: row {row.get('task_id')!r} has no tests")
    return [str(line) for line in found]


def _test(line: str, called: str, parameters: tuple[str, ...]) -> TestCase:
    try:
        (statement,) = ast.parse(line).body
        return read_assert(statement, called, parameters).test
    except (SyntaxError, ValueError, NotConstant) as error:
        raise ProblemError(f"{HARD39.name}: {line!r} is no test: {error}") from error
