"""Tests that stand in a data set as ``assert f(...) == value``, read without running them."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from textgrad_code.datasets.constants import NotConstant, answer_form, constant, plain
from textgrad_code.problem import TestCase
from textgrad_core.jsondata import JSON

_COMPARERS = ("is_same_list", "is_same_tree")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """One assertion.

    Args:
        test: The call and what it must answer.
        tolerance: How far a float may be off; None if it must be equal.
    """

    test: TestCase
    tolerance: float | None = None


def read_assert(statement: ast.stmt, called: str, parameters: tuple[str, ...]) -> Asserted:
    """One ``assert`` as a test.

    Understood are ``f(..) == value``, ``f(..) is value``, ``value == f(..)`` wrapped in
    ``is_same_list`` or ``is_same_tree``, ``tuple(f(..)) == tuple(value)``, ``f(..)``,
    ``not f(..)`` and ``abs(f(..) - value) < tolerance``, with arguments by place or by name.

    Args:
        statement: The statement.
        called: Name that is called.
        parameters: Names of its parameters, to put arguments given by name in order.

    Raises:
        NotConstant: If it has another form, or its values are not constants.
    """
    if not isinstance(statement, ast.Assert):
        raise NotConstant(ast.unparse(statement))
    match statement.test:
        case ast.Compare(
            left=ast.Call(
                func=ast.Name(id="abs"),
                args=[ast.BinOp(left=ast.Call() as call, op=ast.Sub(), right=expected)],
            ),
            ops=[ast.Lt()],
            comparators=[bound],
        ):
            tolerance = constant(bound)
            if not isinstance(tolerance, float):
                raise NotConstant(ast.unparse(statement))
            return Asserted(test=_test(call, expected, called, parameters), tolerance=tolerance)
        case ast.Compare(
            left=ast.Call() as call, ops=[ast.Eq() | ast.Is()], comparators=[expected]
        ):
            return Asserted(test=_test(_inner(call), expected, called, parameters))
        case ast.Call(func=ast.Name(id=name), args=[ast.Call() as call, expected]) if (
            name in _COMPARERS
        ):
            return Asserted(test=_test(call, expected, called, parameters))
        case ast.Call() as call:
            return Asserted(test=_test(call, ast.Constant(True), called, parameters))
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call() as call):
            return Asserted(test=_test(call, ast.Constant(False), called, parameters))
    raise NotConstant(ast.unparse(statement))


def call_arguments(call: ast.Call, parameters: tuple[str, ...]) -> tuple[JSON, ...]:
    """The arguments of a call in the order of the parameters.

    Raises:
        NotConstant: If they are not constants, or not one for each parameter.
    """
    given = [plain(constant(argument)) for argument in call.args]
    named = {k.arg: plain(constant(k.value)) for k in call.keywords}
    rest = parameters[len(given) :]
    if set(named) != set(rest) or len(given) > len(parameters):
        raise NotConstant(f"{ast.unparse(call)} does not fit the parameters {parameters}")
    return (*given, *(named[name] for name in rest))


def _test(
    call: ast.Call, expected: ast.expr, called: str, parameters: tuple[str, ...]
) -> TestCase:
    if not isinstance(call.func, ast.Name) or call.func.id != called:
        raise NotConstant(ast.unparse(call))
    return TestCase(
        arguments=call_arguments(call, parameters), expected=answer_form(constant(expected))
    )


def _inner(call: ast.Call) -> ast.Call:
    """``f(..)`` of ``tuple(f(..))``."""
    match call:
        case ast.Call(func=ast.Name(id="tuple"), args=[ast.Call() as inner], keywords=[]):
            return inner
    return call
