"""HumanEval: all 164 problems, their assertions read as tests, none of them run.

156 problems hold nothing but assertions with constants (sums and products of numbers are worked
out). 7 compute something: a loop, random inputs, or an answer of the solution itself;
`humaneval_computed` says what those assertions mean. Of the last one, problem 95, one assertion
is left out: its argument is a dictionary with a number for a key, which JSON cannot hold. That
makes 1,533 tests.

Visible are the calls that the docstring shows, and the first two tests where it shows none that
the data set also asserts; problems 29 and 34 show all they have. Answers are compared with
``==``, or within the tolerance the assertion gives; as everywhere in this package a tuple is as
good as a list, and a number is no truth value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textgrad_code.datasets.asserts import Asserted, call_arguments, read_assert
from textgrad_code.datasets.constants import NotConstant
from textgrad_code.datasets.humaneval_computed import COMPUTED
from textgrad_code.datasets.registry import HUMANEVAL
from textgrad_code.datasets.rows import Row, row_named, rows, text
from textgrad_code.datasets.signatures import signature_of
from textgrad_code.errors import ProblemError
from textgrad_code.problem import Checker, Limits, Problem
from textgrad_code.problem_checks import check_problem
from textgrad_core.jsondata import JSON, canonical_json

LIMITS = Limits(test_s=3.0, total_s=60.0)
_SHOWN_OTHERWISE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What could be read of the ``check`` function of a problem.

    Args:
        asserted: Assertions that are tests as they stand.
        left: Source of the statements that compute something.
    """

    asserted: tuple[Asserted, ...]
    left: tuple[str, ...]


def problems(folder: Path | None = None) -> Iterator[Problem]:
    """Every problem, in the order of the file.

    Raises:
        DataError: If the data set is not here.
    """
    return map(problem_of, rows(HUMANEVAL, folder))


def problem(name: str, folder: Path | None = None) -> Problem:
    """One problem by its identifier, such as ``HumanEval/0``.

    Raises:
        DataError: If the data set is not here.
        ProblemError: If there is none of that name.
    """
    return problem_of(row_named(HUMANEVAL, folder, name))


def problem_of(row: Row) -> Problem:
    """A problem from its row.

    Raises:
        ProblemError: If the row is not as the rows of this data set are.
    """
    name, prompt, entry = text(row, "task_id"), text(row, "prompt"), text(row, "entry_point")
    signature = signature_of(prompt, entry)
    parameters = tuple(p.name for p in signature.parameters)
    read = read_check(text(row, "test"), parameters)
    computed = COMPUTED.get(name)
    tests = (*(a.test for a in read.asserted), *(computed.tests() if computed else ()))
    if not tests:
        raise ProblemError(f"{HUMANEVAL.name}: {name} has no test that can be read")
    tolerances = [a.tolerance for a in read.asserted if a.tolerance is not None]
    shown = _shown_calls(prompt, entry, parameters)
    visible = tuple(t for t in tests if _key(t.arguments) in shown) or tests[:_SHOWN_OTHERWISE]
    chosen = {_key(test.arguments) for test in visible}
    problem = Problem(
        name=name,
        title=entry,
        statement=prompt,
        signature=signature,
        visible=visible,
        hidden=tuple(test for test in tests if _key(test.arguments) not in chosen),
        checker=Checker(
            kind="program" if computed and computed.checker else "ordered",
            source=computed.checker if computed else "",
            tolerance=min(tolerances, default=None),
        ),
        limits=LIMITS,
        starter=prompt,
        reference=prompt + text(row, "canonical_solution"),
        source=f"HumanEval, {HUMANEVAL.licence}",
    )
    check_problem(problem, f"{HUMANEVAL.name}: {name}")
    return problem


def read_check(source: str, parameters: tuple[str, ...]) -> Read:
    """Read the ``check(candidate)`` function of a problem.

    Args:
        source: The program around it.
        parameters: Names of the parameters of what is called.

    Raises:
        ProblemError: If there is no such function.
    """
    for part in ast.parse(source).body:
        if isinstance(part, ast.FunctionDef) and part.name == "check":
            break
    else:
        raise ProblemError(f"{HUMANEVAL.name}: no function check(candidate) in:\n{source}")
    asserted: list[Asserted] = []
    left: list[str] = []
    for statement in filter(_says_something, part.body):
        try:
            asserted.append(read_assert(statement, "candidate", parameters))
        except NotConstant:
            left.append(ast.unparse(statement))
    return Read(asserted=tuple(asserted), left=tuple(left))


def _says_something(statement: ast.stmt) -> bool:
    """Whether a statement is more than a constant, a bare name or ``assert True``."""
    match statement:
        case ast.Expr(value=ast.Constant() | ast.Name()) | ast.Assert(test=ast.Constant()):
            return False
    return True


def _shown_calls(prompt: str, entry: str, parameters: tuple[str, ...]) -> set[str]:
    """Arguments of every call of the function that its docstring shows."""
    shown: set[str] = set()
    docstrings = [
        ast.get_docstring(part) or ""
        for part in ast.parse(prompt).body
        if isinstance(part, ast.FunctionDef) and part.name == entry
    ]
    for line in "\n".join(docstrings).split(f"{entry}(")[1:]:
        for end in (i for i, character in enumerate(line) if character == ")"):
            try:
                call = ast.parse(f"f({line[:end]})", mode="eval").body
                if isinstance(call, ast.Call):
                    shown.add(_key(call_arguments(call, parameters)))
            except (SyntaxError, NotConstant):
                continue
            break
    return shown


def _key(arguments: tuple[JSON, ...]) -> str:
    return canonical_json(list(arguments))
