"""Values that stand in a data set as Python source, read without running any of it."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from textgrad_code.node_data import attached
from textgrad_core.jsondata import JSON

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_NAMES: dict[str, object] = {
    "null": None,
    "true": True,
    "false": False,
    "inf": math.inf,
}
# Trees and lists are written as calls on the list of their values, which is our JSON for them;
# what makes the trees of LeetCodeDataset leaves out values that have no parent.
_WRAPPERS = ("list_node", "tuple", "list")
_LARGEST = 1e18


class NotConstant(ValueError):
    """An expression is more than a constant, or a value that JSON cannot hold."""


def constant(node: ast.expr) -> object:
    """The value of an expression made of constants, containers and sums of numbers.

    LeetCode's ``null``, ``true`` and ``false`` are understood; a linked list or tree is the list
    of its values.

    Raises:
        NotConstant: If it is anything else.
    """
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return node.value
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.List():
            return [constant(item) for item in node.elts]
        case ast.Tuple():
            return tuple(constant(item) for item in node.elts)
        case ast.Dict() if None not in node.keys:
            keys = [constant(key) for key in node.keys if key is not None]
            return dict(zip(keys, map(constant, node.values), strict=True))
        case ast.UnaryOp(op=ast.USub()):
            return -_number(node.operand)
        case ast.BinOp():
            return _computed(node)
        case ast.Call(func=ast.Name(id="tree_node"), args=[ast.List() as only], keywords=[]):
            return attached([plain(constant(item)) for item in only.elts])
        case ast.Call(func=ast.Name(id=name), args=[only], keywords=[]) if name in _WRAPPERS:
            return constant(only)
    raise NotConstant(ast.unparse(node))


def plain(value: object) -> JSON:
    """A constant as JSON data; a tuple is a list.

    Raises:
        NotConstant: If JSON cannot hold it: infinities, keys that are not text.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple():
            return [plain(item) for item in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {str(key): plain(item) for key, item in value.items()}
    raise NotConstant(f"{value!r} has no JSON form")


def answer_form(value: object) -> JSON:
    """A constant as the form an answer has; an infinity has one (`textgrad_code.compare`).

    Raises:
        NotConstant: If it has none.
    """
    if isinstance(value, float) and math.isinf(value):
        return {"$float": str(value)}
    return plain(value)


def _number(node: ast.expr) -> float:
    value = constant(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotConstant(ast.unparse(node))
    return value


def _computed(node: ast.BinOp) -> object:
    """A sum or product of numbers, or two texts put together."""
    left, right = constant(node.left), constant(node.right)
    if isinstance(node.op, ast.Add) and isinstance(left, str) and isinstance(right, str):
        return left + right
    made = _OPERATORS.get(type(node.op))
    first, second = _number(node.left), _number(node.right)
    if made is None or (isinstance(node.op, ast.Pow) and max(abs(first), abs(second)) > 64):
        raise NotConstant(ast.unparse(node))
    try:
        result = made(first, second)
    except ArithmeticError as error:
        raise NotConstant(f"{ast.unparse(node)}: {error}") from error
    if not abs(result) <= _LARGEST:
        raise NotConstant(f"{ast.unparse(node)} is too large")
    return result
