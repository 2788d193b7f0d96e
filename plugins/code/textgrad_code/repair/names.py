"""Another variable of the same scope in a name's place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from textgrad_code.repair.scopes import SELF, Scopes
from textgrad_code.repair.source import Edit, Place, Program

SWAP = 0.35
STORE = 0.15
UNSURE = 0.6  # factor where no use shows the type of one of the two
LATER = 0.5  # factor where the other name is bound further down only
FOR_NUMBER = 0.18
COMBINE = 0.13
COMBINED = (ast.Assign, ast.AugAssign, ast.Return, ast.Subscript)
ANSWER = 1.4  # factor for `return x`


def variables(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """One variable for another that may have the same type."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.Name) or node.id in SELF or _is_called(place):
            continue
        visible = scopes.visible(place)
        if not any(name.text == node.id for name in visible):
            continue
        for name in visible:
            if name.text == node.id or not scopes.alike(node.id, name.text):
                continue
            prior = SWAP if isinstance(node.ctx, ast.Load) else STORE
            if not (scopes.kinds.get(node.id) and scopes.kinds.get(name.text)):
                prior *= UNSURE
            if name.line > node.lineno:
                prior *= LATER
            if place.parent is not None and isinstance(place.parent.node, ast.Return):
                prior *= ANSWER
            words = f"{node.id} becomes {name.text}"
            yield program.edit(place, "variable", words, prior, program.replace(node, name.text))


def numbers(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """A variable for a number; another one added to or taken from a variable."""
    for place in program.places:
        match place.node:
            case ast.Constant(value=int(value)) as node if not isinstance(value, bool):
                yield from _for_number(program, scopes, place, node)
            case ast.Name(id=name, ctx=ast.Load()) as node if scopes.is_kind(name, "number"):
                if place.parent is not None and isinstance(place.parent.node, COMBINED):
                    yield from _combined(program, scopes, place, node)


def _for_number(
    program: Program, scopes: Scopes, place: Place, node: ast.Constant
) -> Iterator[Edit]:
    for name in _numbers(scopes, place, node.lineno):
        words = f"{program.source(node)} becomes {name}"
        splice = program.replace(node, name)
        yield program.edit(place, "variable", words, FOR_NUMBER, splice)


def _combined(program: Program, scopes: Scopes, place: Place, node: ast.Name) -> Iterator[Edit]:
    for name in _numbers(scopes, place, node.lineno):
        for sign in "-+" if name != node.id else "":
            text = f"{node.id} {sign} {name}"
            words = f"{node.id} becomes {text}"
            splice = program.replace(node, text)
            yield program.edit(place, "combination", words, COMBINE, splice)


def _numbers(scopes: Scopes, place: Place, line: int) -> list[str]:
    """Variables that are numbers and are bound by then."""
    names = scopes.visible(place)
    return [n.text for n in names if n.line <= line and scopes.is_kind(n.text, "number")]


def attributes(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """One attribute of ``self`` for another."""
    for place in program.places:
        node = place.node
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            continue
        if node.value.id not in SELF or node.attr not in scopes.attributes:
            continue
        for other in scopes.attributes:
            if other != node.attr:
                text = f"{node.value.id}.{other}"
                words = f"{node.value.id}.{node.attr} becomes {text}"
                prior = 0.3 if isinstance(node.ctx, ast.Load) else STORE
                yield program.edit(place, "attribute", words, prior, program.replace(node, text))


def _is_called(place: Place) -> bool:
    return place.parent is not None and (
        isinstance(place.parent.node, ast.Call) and place.field == "func"
    )
