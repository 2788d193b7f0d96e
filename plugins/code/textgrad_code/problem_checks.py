"""What the parts of a problem demand of each other."""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Iterator

from textgrad_code.errors import ProblemError
from textgrad_code.jail.nodes import shape_of
from textgrad_code.node_checks import check_nodes
from textgrad_code.problem import Problem, Signature, TestCase
from textgrad_code.problem_fields import shown
from textgrad_code.trusted import require_function
from textgrad_code.type_checks import check_types
from textgrad_core.jsondata import JSON


def check_problem(problem: Problem, where: str) -> None:
    """Hold the parts of a problem against each other.

    Args:
        problem: The problem.
        where: Where it comes from, for messages.

    Raises:
        ProblemError: Naming the place, the value, the bound and the remedy.
    """
    _check_signature(problem.signature, f"{where}: signature")
    if not problem.visible and not problem.hidden:
        raise ProblemError(f"{where}: there are 0 tests: write at least one [[visible]] test")
    for place, test in _tests(problem):
        _check_test(problem.signature, test, f"{where}: {place}")
        is_answer = problem.checker.kind != "program"
        check_nodes(problem.signature, test, f"{where}: {place}", expected_too=is_answer)
    if problem.signature.kind == "design":
        _check_names(problem, f"{where}: signature.operations")
    _check_checker(problem, where)
    limits = problem.limits
    if limits.total_s < limits.test_s:
        raise ProblemError(
            f"{where}: limits.total_s is {limits.total_s:g}, less than the {limits.test_s:g} s "
            "of one test (limits.test_s): raise total_s or lower test_s"
        )
    if problem.scaling:
        require_function(problem.scaling, "arguments", f"{where}: scaling")
    if problem.reference:
        try:
            compile(problem.reference, "reference", "exec")
        except (SyntaxError, ValueError) as error:
            raise ProblemError(f"{where}: reference is no Python program: {error}") from error


def _tests(problem: Problem) -> Iterator[tuple[str, TestCase]]:
    for group, tests in (("visible", problem.visible), ("hidden", problem.hidden)):
        for index, test in enumerate(tests):
            yield f"{group}[{index}]", test


def _check_signature(signature: Signature, where: str) -> None:
    kind, count = signature.kind, len(signature.parameters)
    check_types(signature, where)
    named = [one.name for one in signature.operations]
    if named and kind != "design":
        raise ProblemError(f"{where}.operations: only a design has them, this is a {kind}")
    for name in named:
        if named.count(name) > 1:
            raise ProblemError(f"{where}.operations names {name!r} twice: leave one out")
    if kind == "stdin":
        if signature.name or signature.parameters or signature.in_place is not None:
            raise ProblemError(
                f"{where}: a stdin program reads text and is called by no name: "
                "leave out name, parameters and in_place"
            )
        return
    _check_name(signature.name, f"{where}.name")
    if kind == "method":
        _check_name(signature.class_name, f"{where}.class")
    if signature.in_place is None:
        return
    if kind == "design":
        raise ProblemError(f"{where}.in_place is {signature.in_place}: a design has no such thing")
    if signature.in_place >= count:
        raise ProblemError(
            f"{where}.in_place is {signature.in_place}, but there are {count} parameters: "
            "give the number of the argument to look at after the call, from 0"
        )


def _check_name(name: str, where: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ProblemError(f"{where} is {name!r}: write the Python name that is called")


def _check_test(signature: Signature, test: TestCase, where: str) -> None:
    if signature.kind == "stdin":
        if len(test.arguments) != 1 or not isinstance(test.arguments[0], str):
            given = shown(list(test.arguments))
            raise ProblemError(f"{where}.input is {given}: write the text of standard input")
        if not isinstance(test.expected, str):
            raise ProblemError(
                f"{where}.expected is {shown(test.expected)}: write the text to be printed"
            )
    elif signature.kind == "design":
        _check_operations(signature, test, where)
    elif len(test.arguments) != len(signature.parameters):
        raise ProblemError(
            f"{where}.input holds {len(test.arguments)} arguments, but signature.parameters "
            f"names {len(signature.parameters)}: write one value for each"
        )


def _check_operations(signature: Signature, test: TestCase, where: str) -> None:
    name = signature.name
    operations, calls = _lists(test.arguments)
    if operations is None or calls is None:
        raise ProblemError(
            f"{where}.input is {shown(list(test.arguments))}: write two lists, the operations "
            f'and their arguments, such as [["{name}", "add"], [[], [3]]]'
        )
    if len(operations) != len(calls) or not operations:
        raise ProblemError(
            f"{where}.input names {len(operations)} operations and {len(calls)} lists of "
            "arguments: write one list for each operation, at least one"
        )
    if operations[0] != name:
        raise ProblemError(
            f"{where}.input begins with the operation {shown(operations[0])}: "
            f"begin with the class, {name!r}"
        )
    for index, (operation, arguments) in enumerate(zip(operations, calls, strict=True)):
        if not isinstance(operation, str) or not isinstance(arguments, list):
            raise ProblemError(
                f"{where}.input: operation {index} is {shown(operation)} with "
                f"{shown(arguments)}: write a name and a list of arguments"
            )
        _check_count(signature, index, operation, len(arguments), f"{where}.input[1][{index}]")
    if not isinstance(test.expected, list) or len(test.expected) != len(operations):
        raise ProblemError(
            f"{where}.expected is {shown(test.expected)}: write a list of {len(operations)} "
            "answers, one per operation, null for the constructor"
        )


def _check_count(signature: Signature, index: int, called: str, count: int, where: str) -> None:
    """The arguments of one call, where a declaration names them."""
    if index:
        declared = [one.parameters for one in signature.operations if one.name == called]
    else:
        declared = [signature.parameters] if signature.parameters else []
    if declared and len(declared[0]) != count:
        place = f"the operation {called!r}" if index else "signature.parameters"
        raise ProblemError(
            f"{where} holds {count} arguments, but {place} names {len(declared[0])}: "
            "write one value for each"
        )


def _check_names(problem: Problem, where: str) -> None:
    """A name that only a declaration has, and one that only tests have: one is misspelled."""
    called = {
        str(name)
        for test in (*problem.visible, *problem.hidden)
        for name in (_lists(test.arguments)[0] or [])[1:]
    }
    declared = {one.name for one in problem.signature.operations}
    unknown, unused = sorted(called - declared), sorted(declared - called)
    if unknown and unused:
        near = difflib.get_close_matches(unused[0], unknown, n=1) or unknown
        raise ProblemError(
            f"{where} names {unused[0]!r}, which no test calls, and not {near[0]!r}, which one "
            "does: name what the tests call, or leave it out"
        )


def _lists(arguments: tuple[JSON, ...]) -> tuple[list[JSON] | None, list[JSON] | None]:
    """The two halves of a design test, None for what is no list."""
    if len(arguments) != 2:
        return None, None
    first, second = arguments
    return (
        first if isinstance(first, list) else None,
        second if isinstance(second, list) else None,
    )


def _check_checker(problem: Problem, where: str) -> None:
    checker = problem.checker
    if checker.kind == "program":
        require_function(checker.source, "check", f"{where}: checker.source")
        return
    if checker.source:
        raise ProblemError(
            f"{where}: checker.source is given, but checker.kind is {checker.kind!r}: "
            "write kind = 'program' or leave the source out"
        )
    for notation in _judged_types(problem.signature):
        shape = shape_of(notation)
        if checker.kind == "nested-any-order" and shape is not None and shape.lists > 1:
            raise ProblemError(
                f"{where}: checker.kind is {checker.kind!r}, but answers have the type "
                f"{notation!r}: of nodes in lists in lists, write 'any-order' or a program"
            )


def _judged_types(signature: Signature) -> Iterator[str]:
    yield from (one.returns for one in signature.operations)
    in_place = signature.in_place
    yield signature.returns if in_place is None else signature.parameters[in_place].type
