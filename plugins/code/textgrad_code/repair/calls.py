"""Edits of calls and of what they are given: another function, arguments, copies, sort order."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

from textgrad_code.repair.operators import exchange, operand, short
from textgrad_code.repair.scopes import Scopes
from textgrad_code.repair.source import Edit, Place, Program

FUNCTIONS = {
    "min": (("max", 0.8),),
    "max": (("min", 0.8),),
    "any": (("all", 0.7),),
    "all": (("any", 0.7),),
    "sum": (("max", 0.35), ("len", 0.3)),
    "len": (("max", 0.15),),
    "floor": (("ceil", 0.6),),
    "ceil": (("floor", 0.6),),
    "int": (("round", 0.3),),
    "round": (("int", 0.3),),
    "list": (("sorted", 0.3),),
    "set": (("list", 0.25), ("sorted", 0.2)),
    "bisect": (("bisect_left", 0.7),),
    "bisect_left": (("bisect_right", 0.7),),
    "bisect_right": (("bisect_left", 0.7),),
    "insort": (("insort_left", 0.3),),
    "nlargest": (("nsmallest", 0.6),),
    "nsmallest": (("nlargest", 0.6),),
}
METHODS = {
    "append": (("appendleft", 0.25), ("extend", 0.3), ("add", 0.2)),
    "appendleft": (("append", 0.5),),
    "extend": (("append", 0.5),),
    "add": (("update", 0.3), ("discard", 0.2), ("append", 0.2)),
    "update": (("add", 0.4),),
    "remove": (("discard", 0.5),),
    "discard": (("add", 0.2),),
    "pop": (("popleft", 0.4),),
    "popleft": (("pop", 0.5),),
    "left": (("right", 0.6),),
    "right": (("left", 0.6),),
    "find": (("rfind", 0.5), ("index", 0.3)),
    "rfind": (("find", 0.5),),
    "index": (("find", 0.4),),
    "strip": (("rstrip", 0.3), ("lstrip", 0.3)),
    "lstrip": (("strip", 0.4),),
    "rstrip": (("strip", 0.4),),
    "keys": (("values", 0.4), ("items", 0.3)),
    "values": (("keys", 0.4), ("items", 0.3)),
    "items": (("values", 0.2),),
    "isalpha": (("isalnum", 0.6),),
    "isalnum": (("isalpha", 0.6), ("isdigit", 0.3)),
    "isdigit": (("isalnum", 0.3),),
    "lower": (("upper", 0.5),),
    "upper": (("lower", 0.5),),
    **{name: others for name, others in FUNCTIONS.items() if "s" in name},
}


def functions(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """``min`` to ``max``, ``append`` to ``extend``, ``.left`` to ``.right`` and the like."""
    for place in program.places:
        node = place.node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if any(name in names for names in scopes.bound.values()):
                continue
            for other, prior in FUNCTIONS.get(name, ()):
                words = f"{name} becomes {other}"
                yield program.edit(
                    place, "function", words, prior, program.replace(node.func, other)
                )
        elif isinstance(node, ast.Attribute):
            start, end = program.span(node)[1] - len(node.attr.encode()), program.span(node)[1]
            for other, prior in METHODS.get(node.attr, ()):
                words = f".{node.attr} becomes .{other}"
                splice = program.spaced(start, end, other)
                yield program.edit(place, "method", words, prior, splice)


def arguments(program: Program) -> Iterator[Edit]:
    """Arguments and elements exchanged, one of ``min(a, b)`` taken alone."""
    for place in program.places:
        match place.node:
            case ast.Call(func=function, args=[*given]) as call:
                yield from _pairs(program, place, given, 0.4)
                chooses = isinstance(function, ast.Name) and function.id in ("min", "max")
                if chooses and len(given) == 2 and not call.keywords:
                    yield from _alone(program, place, call, given)
            case ast.Tuple(elts=elements) if not isinstance(elements[:1], ast.Starred):
                prior = 0.35 if isinstance(place.statement, ast.Assign | ast.Return) else 0.2
                yield from _pairs(program, place, elements, prior)
            case ast.Subscript(
                value=ast.Subscript(slice=ast.expr() as first), slice=ast.expr() as second
            ):
                if not isinstance(first, ast.Slice) and not isinstance(second, ast.Slice):
                    yield exchange(program, place, first, second, 0.4)


def _pairs(
    program: Program, place: Place, given: Sequence[ast.expr], prior: float
) -> Iterator[Edit]:
    for one, other in pairwise(given):
        if ast.dump(one) != ast.dump(other):
            yield exchange(program, place, one, other, prior)


def _alone(
    program: Program, place: Place, call: ast.Call, given: Sequence[ast.expr]
) -> Iterator[Edit]:
    for one in given:
        text = operand(program, one)
        words = f"{short(program.source(call))} becomes {short(text)}"
        yield program.edit(place, "argument", words, 0.2, program.replace(call, text))


def sort_order(program: Program) -> Iterator[Edit]:
    """``reverse=True`` added, dropped or flipped; ``pop()`` from the other end."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        end = program.span(node)[1] - 1
        if name == "sorted" or method == "sort":
            old = next((k for k in node.keywords if k.arg == "reverse"), None)
            if old is not None:
                splice = program.replace(old.value, f"not {operand(program, old.value)}")
                yield program.edit(place, "sort order", "reverse is flipped", 0.6, splice)
            else:
                comma = ", " if node.args or node.keywords else ""
                splice = program.spaced(end, end, f"{comma}reverse=True")
                yield program.edit(place, "sort order", "sorted in reverse", 0.5, splice)
        elif method == "pop" and not node.args:
            splice = program.spaced(end, end, "0")
            yield program.edit(place, "pop", "pop takes the first", 0.4, splice)
        elif method == "pop" and len(node.args) == 1:
            splice = program.replace(node.args[0], "")
            yield program.edit(place, "pop", "pop takes the last", 0.4, splice)


def copies(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """A copy where a name is kept: ``append(path)`` to ``append(path[:])``."""
    for place in program.places:
        match place.node:
            case ast.Call(func=ast.Attribute(attr="append" | "add"), args=[ast.Name() as kept]):
                priors = {"{}[:]": 0.6, "list({})": 0.4, "tuple({})": 0.3}
            case ast.Assign(value=ast.Name() as kept):
                priors = {"{}[:]": 0.35, "{}.copy()": 0.25}
            case ast.Return(value=ast.Name() as kept):
                priors = {"list({})": 0.15}
            case ast.Call(args=[*_, ast.Name() as kept]):
                priors = {"{}[:]": 0.2}
            case _:
                continue
        if scopes.is_kind(kept.id, "number"):
            continue
        for form, prior in priors.items():
            text = form.format(kept.id)
            splice = program.replace(kept, text)
            yield program.edit(place, "copy", f"{kept.id} becomes {text}", prior, splice)


def repeated_rows(program: Program) -> Iterator[Edit]:
    """``[[0] * n] * m``, one row seen m times, to m rows."""
    for place in program.places:
        match place.node:
            case (
                ast.BinOp(
                    left=ast.List(
                        elts=[ast.List() | ast.BinOp() | ast.Dict() | ast.Call() as row]
                    ),
                    op=ast.Mult(),
                    right=times,
                ) as node
            ):
                text = f"[{program.source(row)} for _ in range({program.source(times)})]"
                words = f"{short(program.source(node))} becomes {short(text)}"
                splice = program.replace(node, text)
                yield program.edit(place, "copy", words, 0.8, splice)
