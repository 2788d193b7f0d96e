"""Which names a place sees, and which of them could stand for one another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from textgrad_code.repair.source import Function, Place, Program

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*COMPREHENSIONS, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module)
ARITHMETIC = (ast.Sub, ast.FloorDiv, ast.Mod, ast.Div, ast.Pow, ast.LShift, ast.RShift)
MAKERS = {
    **dict.fromkeys(("int", "len", "abs", "sum", "ord", "float", "round", "pow"), "number"),
    **dict.fromkeys(("list", "sorted", "deque", "range"), "sequence"),
    **dict.fromkeys(("set", "dict", "defaultdict", "Counter", "OrderedDict"), "table"),
    **dict.fromkeys(("str", "input", "chr"), "sequence"),
}
SELF = ("self", "cls")
MOST_NAMES = 20  # that may stand for one another at a place


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A variable: where it is bound first, and what its uses say about its type."""

    text: str
    line: int


class Scopes:
    """The variables of a program.

    Args:
        program: The program.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.bound: dict[ast.AST, dict[str, Name]] = {}
        self.kinds: dict[str, set[str]] = {}
        self.attributes: dict[str, None] = {}
        for place in program.places:
            self._bind(place)
            for name, kind in uses(place):
                self.kinds.setdefault(name, set()).add(kind)

    def visible(self, place: Place) -> tuple[Name, ...]:
        """Variables a place may read, its own function's first; the nearest if they are many."""
        found: dict[str, Name] = {}
        for owner in owners(place):
            for text, name in self.bound.get(owner, {}).items():
                found.setdefault(text, name)
        names = tuple(found.values())
        if len(names) <= MOST_NAMES:
            return names
        line: int = getattr(place.node, "lineno", 1)
        near = sorted(names, key=lambda name: abs(name.line - line))[:MOST_NAMES]
        kept = {name.text for name in near}
        return tuple(name for name in names if name.text in kept)

    def local(self, function: Function) -> tuple[Name, ...]:
        """Arguments and variables of a function."""
        return tuple(self.bound.get(function, {}).values())

    def alike(self, one: str, other: str) -> bool:
        """Whether the uses of two names allow the same type."""
        a, b = self.kinds.get(one, set()), self.kinds.get(other, set())
        return not a or not b or bool(a & b)

    def is_kind(self, name: str, kind: str) -> bool:
        """Whether a use of the name shows that it is of a kind."""
        return kind in self.kinds.get(name, set())

    def _bind(self, place: Place) -> None:
        node = place.node
        if isinstance(node, ast.arg) and node.arg not in SELF:
            self._add(place.functions[-1], node.arg, node.lineno)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            self._add(owners(place)[0], node.id, node.lineno)
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attr, ctx=ast.Store()):
                self.attributes.setdefault(attr)

    def _add(self, owner: ast.AST, text: str, line: int) -> None:
        names = self.bound.setdefault(owner, {})
        if text not in names or line < names[text].line:
            names[text] = Name(text=text, line=line)


def owners(place: Place) -> list[ast.AST]:
    """Functions, comprehensions and the module around a place, innermost first."""
    found: list[ast.AST] = []
    at: Place | None = place
    while at is not None:
        scope = (*COMPREHENSIONS, ast.Module) if at is place else SCOPES
        if isinstance(at.node, scope):
            found.append(at.node)
        at = at.parent
    return found


def uses(place: Place) -> Iterator[tuple[str, str]]:
    """(name, kind) for what a node shows about the names in it."""
    node = place.node
    match node:
        case ast.BinOp(left=left, right=right, op=operator):
            if isinstance(operator, ARITHMETIC):
                yield from _named(left, "number")
                yield from _named(right, "number")
            elif isinstance(right, ast.Constant):
                yield from _named(left, _constant_kind(right))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for op, one, other in zip(ops, [left, *comparators], comparators, strict=False):
                if isinstance(op, ast.In | ast.NotIn):
                    yield from _named(other, "table")
                    yield from _named(other, "sequence")
                else:
                    yield from _named(one, made_kind(other))
                    yield from _named(other, made_kind(one))
        case ast.Assign(targets=[target], value=value):
            yield from _named(target, made_kind(value))
        case ast.AugAssign(target=target, value=value):
            yield from _named(target, made_kind(value))
        case (
            ast.For(target=target, iter=iterable) | ast.comprehension(target=target, iter=iterable)
        ):
            yield from _loop(target, iterable)
        case ast.Subscript(value=value, slice=ast.Slice()):
            yield from _named(value, "sequence")
        case ast.Subscript(value=value):
            yield from _named(value, "sequence")
            yield from _named(value, "table")
        case ast.Call(func=ast.Name(id="len"), args=[argument]):
            yield from _named(argument, "sequence")
            yield from _named(argument, "table")
        case ast.Call(func=ast.Name(id=name)):
            yield name, "function"
        case ast.Attribute(value=value, attr=attr):
            yield from _named(value, f"has .{attr}")
        case ast.arg(arg=name, annotation=annotation):
            yield from ((name, kind) for kind in _annotated(annotation))


def made_kind(value: ast.expr) -> str:
    """The kind of value an expression gives; empty if it does not show."""
    match value:
        case ast.Constant():
            return _constant_kind(value)
        case ast.Call(func=ast.Name(id=name)):
            return MAKERS.get(name, "")
        case ast.List() | ast.ListComp() | ast.Tuple() | ast.JoinedStr():
            return "sequence"
        case ast.Dict() | ast.Set() | ast.DictComp() | ast.SetComp():
            return "table"
        case ast.BinOp(left=ast.List()):
            return "sequence"
        case ast.BinOp(op=operator) if isinstance(operator, ARITHMETIC):
            return "number"
        case ast.UnaryOp(op=ast.USub()):
            return "number"
        case ast.UnaryOp(op=ast.Not()):
            return "truth"
    return ""


def _constant_kind(node: ast.Constant) -> str:
    match node.value:
        case bool():
            return "truth"
        case int() | float():
            return "number"
        case str() | bytes():
            return "sequence"
    return ""


def _named(node: ast.expr, kind: str) -> Iterator[tuple[str, str]]:
    if kind and isinstance(node, ast.Name):
        yield node.id, kind


def _loop(target: ast.expr, iterable: ast.expr) -> Iterator[tuple[str, str]]:
    yield from _named(iterable, "sequence")
    yield from _named(iterable, "table")
    match iterable:
        case ast.Call(func=ast.Name(id="range")):
            yield from _named(target, "number")
        case ast.Call(func=ast.Name(id="enumerate")):
            if isinstance(target, ast.Tuple) and target.elts:
                yield from _named(target.elts[0], "number")


def _annotated(annotation: ast.expr | None) -> tuple[str, ...]:
    text = ast.unparse(annotation) if annotation is not None else ""
    head = text.removeprefix("typing.").split("[")[0]
    return {
        "int": ("number",),
        "float": ("number",),
        "bool": ("truth",),
        "str": ("sequence",),
        "List": ("sequence",),
        "list": ("sequence",),
        "Dict": ("table",),
        "dict": ("table",),
        "Set": ("table",),
        "set": ("table",),
    }.get(head, ())
