"""Whether the types of a signature are ones that mean something here. Pure."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from textgrad_code.errors import ProblemError
from textgrad_code.jail.nodes import NODE_TYPES, shape_of
from textgrad_code.problem import Signature

MODULES = ("typing", "collections", "collections.abc")
PLAIN = (
    *("Any", "object", "None", "bool", "int", "float", "complex", "str", "bytes", "bytearray"),
    *("list", "dict", "set", "frozenset", "tuple", "deque", "defaultdict"),
    *("List", "Dict", "Set", "FrozenSet", "Tuple", "Deque", "DefaultDict", "Counter"),
    *("OrderedDict", "Optional", "Union", "Callable", "Iterable", "Iterator", "Generator"),
    *("Sequence", "MutableSequence", "Mapping", "MutableMapping", "Collection", "Hashable"),
    *("void", "boolean", "integer", "long", "double", "character", "string"),  # LeetCode's own
)
KNOWN = (*PLAIN, *NODE_TYPES)
SPELLED = {name.lower(): name for name in KNOWN}
CUTOFF = 0.82  # Literal is no misspelled Iterable (0.8), nor is NestedInteger an integer


def check_types(signature: Signature, where: str) -> None:
    """See that every type of a signature is known, and its nodes can be built.

    Args:
        signature: How the program is called.
        where: Its place, for messages.

    Raises:
        ProblemError: Naming the place, the type and what to write.
    """
    for index, one in enumerate(signature.parameters):
        check_type(one.type, f"{where}.parameters[{index}]")
    check_type(signature.returns, f"{where}.returns")
    for index, operation in enumerate(signature.operations):
        for parameter in operation.parameters:
            check_type(parameter.type, f"{where}.operations[{index}]")
        check_type(operation.returns, f"{where}.operations[{index}]")


def check_type(notation: str, where: str) -> None:
    """See that a type is known.

    Raises:
        ProblemError: Naming the place, the type and what to write.
    """
    try:
        names = list(_names(_parsed(notation)))
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ProblemError(
            f"{where} has the type {notation!r}: write a type, such as List[int], or Any"
        ) from error
    for name in names:
        if name == "Node":
            kinds = " or ".join(one for one in NODE_TYPES if one.startswith("Node."))
            raise ProblemError(f"{where} has the type {notation!r}: say which Node: {kinds}")
        if name not in KNOWN:
            near = difflib.get_close_matches(name.lower(), SPELLED, n=1, cutoff=CUTOFF)
            guess = f"did you mean {SPELLED[near[0]]}? " if near else ""
            raise ProblemError(
                f"{where} has the type {notation!r}: {name} is no type known here: {guess}"
                "for plain data of any kind write Any"
            )
        if name in NODE_TYPES and shape_of(notation) is None:
            raise ProblemError(
                f"{where} has the type {notation!r}: nodes are built inside List and Optional "
                f"only: write Optional[{name}] or List[Optional[{name}]]"
            )


def _parsed(notation: str) -> ast.expr:
    return ast.parse(notation.strip(), mode="eval").body


def _names(part: ast.expr) -> Iterator[str]:
    """Names of types, inside quotes too; ``typing.List`` is ``List``.

    Raises:
        ValueError: If there is something else than names.
    """
    match part:
        case ast.Name() | ast.Attribute():
            module, _, name = (text := ast.unparse(part)).rpartition(".")
            yield name if module in MODULES else text
        case ast.Constant(value=None):
            yield "None"
        case ast.Constant(value=str() as quoted):
            yield from _names(_parsed(quoted))
        case ast.Constant(value=value) if value is ...:
            return
        case ast.Subscript(value=outer, slice=inner):
            yield from _names(outer)
            yield from _names(inner)
        case ast.Tuple(elts=several) | ast.List(elts=several):
            for one in several:
                yield from _names(one)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _names(left)
            yield from _names(right)
        case _:
            raise ValueError(f"{ast.unparse(part)} names no type")
