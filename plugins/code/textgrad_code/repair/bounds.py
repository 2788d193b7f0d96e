"""Off by one: bounds of ranges, slices, indices, comparisons, assignments and answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from textgrad_code.repair.operators import CLOSED, operand, short
from textgrad_code.repair.source import Edit, Place, Program

# where an expression may grow by "+ 1" with no brackets around it, and how often that mends
SLOTS = {"range": 0.9, "slice": 0.6, "index": 0.5, "comparison": 0.6, "assignment": 0.5}
SLOTS |= {"answer": 0.5, "argument": 0.25, "element": 0.3}
SUMS = (ast.BinOp, ast.UnaryOp)


def off_by_one(program: Program) -> Iterator[Edit]:
    """One more and one less wherever a bound is computed (numbers have their own edits)."""
    for place in program.places:
        for node, slot in slots(place):
            if isinstance(node, ast.Constant | ast.JoinedStr | ast.Starred | ast.BoolOp):
                continue
            if not number_like(node):
                continue
            for step in (-1, 1):
                text = shifted(program, node, step)
                words = f"{short(program.source(node))} becomes {short(text)}"
                splice = program.replace(node, text)
                yield program.edit(place, f"{slot} bound", words, SLOTS[slot], splice)


def slots(place: Place) -> Iterator[tuple[ast.expr, str]]:
    """Bounds a node holds."""
    match place.node:
        case ast.Call(func=ast.Name(id="range"), args=arguments):
            yield from ((a, "range") for a in arguments[:2])
        case ast.Call(args=arguments):
            yield from ((a, "argument") for a in arguments if isinstance(a, ast.Name | ast.BinOp))
        case ast.Slice(lower=lower, upper=upper):
            yield from ((b, "slice") for b in (lower, upper) if b is not None)
        case ast.Subscript(slice=index) if not isinstance(index, ast.Slice | ast.Tuple):
            yield index, "index"
        case ast.Compare(comparators=[*_, last], ops=[*_, op]):
            if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq | ast.NotEq):
                yield last, "comparison"
        case ast.Assign(value=ast.Tuple(elts=elements)):
            yield from ((e, "element") for e in elements)
        case ast.Assign(value=value) | ast.AugAssign(value=value) | ast.AnnAssign(value=value):
            if value is not None:
                yield value, "assignment"
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Tuple):
            yield value, "answer"


def number_like(node: ast.expr) -> bool:
    """Whether an expression may well be a number."""
    match node:
        case ast.Name() | ast.Subscript() | ast.Attribute():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name not in ("list", "set", "dict", "str", "sorted", "deque", "range", "print")
        case ast.BinOp(left=left, right=right):
            return number_like(left) and (
                number_like(right) or isinstance(right, ast.Constant | ast.UnaryOp)
            )
        case ast.Call() | ast.UnaryOp(op=ast.USub()):
            return True
        case ast.Constant(value=value):
            return isinstance(value, int | float)
    return False


def shifted(program: Program, node: ast.expr, step: int) -> str:
    """The text of an expression one larger or smaller; ``n - 1`` plus one is ``n``."""
    text = program.source(node)
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=1)):
            if (step == 1) == isinstance(op, ast.Sub):
                return (
                    program.source(left)
                    if isinstance(left, CLOSED)
                    else f"({program.source(left)})"
                )
    body = text if isinstance(node, (*CLOSED, *SUMS)) else operand(program, node)
    return f"{body} {'+' if step > 0 else '-'} 1"


def slices(program: Program) -> Iterator[Edit]:
    """A bound of a slice left out."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.Slice):
            continue
        for bound in (node.lower, node.upper):
            if bound is not None:
                words = f"the bound {short(program.source(bound))} is left out"
                splice = program.replace(bound, "")
                yield program.edit(place, "slice", words, 0.3, splice)


def ranges(program: Program) -> Iterator[Edit]:
    """``range(a, b)`` to ``range(a)``, from 0, backwards."""
    for place in program.places:
        match place.node:
            case ast.Call(func=ast.Name(id="range"), args=[start, stop]) as call:
                first, last = program.source(start), program.source(stop)
                for text, prior in (
                    (f"range({last})", 0.35),
                    (f"range({first})", 0.1),
                    (
                        f"range({shifted(program, stop, -1)}, {shifted(program, start, -1)}, -1)",
                        0.3,
                    ),
                ):
                    words = f"{short(program.source(call))} becomes {short(text)}"
                    splice = program.replace(call, text)
                    yield program.edit(place, "range", words, prior, splice)
            case ast.Call(func=ast.Name(id="range"), args=[stop]) as call:
                last = shifted(program, stop, -1)
                text = f"range({last}, -1, -1)"
                words = f"{short(program.source(call))} becomes {short(text)}"
                splice = program.replace(call, text)
                yield program.edit(place, "range", words, 0.35, splice)
