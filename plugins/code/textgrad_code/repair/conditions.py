"""Conditions that say too little: a bound, a check for emptiness, a flag instead of a state."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from textgrad_code.repair.operators import operand, short
from textgrad_code.repair.scopes import SELF, Scopes
from textgrad_code.repair.source import Edit, Place, Program

ORDER = (ast.Lt, ast.LtE)


def lower_bounds(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """``x < n`` to ``0 <= x < n``: indices below zero wrap round."""
    for place in program.places:
        match place.node:
            case ast.Compare(left=ast.Name() as left, ops=[op]) as node if isinstance(op, ORDER):
                if not scopes.is_kind(left.id, "sequence"):
                    text = f"0 <= {program.source(node)}"
                    words = f"{short(program.source(node))} becomes {short(text)}"
                    splice = program.replace(node, text)
                    yield program.edit(place, "lower bound", words, 0.25, splice)


def emptiness(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """A condition that holds for an empty list too, or only for one that is not."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.If | ast.While):
            continue
        test = operand(program, node.test)
        if isinstance(node.test, ast.Compare | ast.UnaryOp | ast.BoolOp):
            inner = [n for n in ast.walk(node.test) if isinstance(n, ast.Name)]
            held = [n.id for n in inner if scopes.is_kind(n.id, "sequence") or _table(scopes, n)]
            for name in dict.fromkeys(held):
                yield _condition(program, place, node.test, f"{name} and {test}")
                yield _condition(program, place, node.test, f"not {name} or {test}")
        else:
            yield _condition(program, place, node.test, f"{test} is not None")


def guarded(program: Program) -> Iterator[Edit]:
    """An index or an attribute looked at only where it exists: ``i < len(x) and x[i] == y``."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.If | ast.While):
            continue
        test = operand(program, node.test)
        checks: dict[str, float] = {}
        for inner in ast.walk(node.test):
            match inner:
                case ast.Subscript(value=ast.Name(id=owner), slice=ast.Name() | ast.BinOp() as at):
                    index = program.source(at)
                    checks |= {f"{index} < len({owner})": 0.35, f"{index} >= 0": 0.25}
                case ast.Subscript(value=ast.Name(id=owner), slice=ast.Constant() | ast.UnaryOp()):
                    checks.setdefault(owner, 0.35)
                case ast.Attribute(value=ast.Name(id=owner)) if owner not in SELF:
                    checks.setdefault(owner, 0.35)
                case ast.Attribute(value=ast.Attribute() as owner) if _plain(owner):
                    checks.setdefault(program.source(owner), 0.3)
        told = {ast.unparse(value) for value in _operands(node.test)}
        for check, prior in checks.items():
            if check not in told:
                text = f"{check} and {test}"
                words = f"the condition becomes {short(text)}"
                yield program.edit(place, "guard", words, prior, program.replace(node.test, text))


def _operands(test: ast.expr) -> list[ast.expr]:
    return test.values if isinstance(test, ast.BoolOp) else [test]


def _plain(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id not in SELF


def _table(scopes: Scopes, name: ast.Name) -> bool:
    return scopes.is_kind(name.id, "table")


def _condition(program: Program, place: Place, test: ast.expr, text: str) -> Edit:
    words = f"the condition becomes {short(text)}"
    return program.edit(place, "condition", words, 0.25, program.replace(test, text))


def flags(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """``return True`` to ``return not stack`` and the like."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.Return) or not isinstance(node.value, ast.Constant):
            continue
        if not isinstance(node.value.value, bool):
            continue
        for name in scopes.visible(place):
            told = name.text
            texts = [f"not {told}" if node.value.value else f"bool({told})"]
            if scopes.is_kind(told, "number"):
                texts = [f"{told} == 0", f"{told} > 0"]
            for text in texts:
                splice = program.replace(node.value, text)
                words = f"{short(program.source(node))} becomes return {text}"
                yield program.edit(place, "answer", words, 0.3, splice)
