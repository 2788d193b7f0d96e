"""By what things are ordered: keys of sorting, ties, signs; which of a pair is which."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from textgrad_code.repair.operators import operand, short
from textgrad_code.repair.source import Edit, Place, Program

ORDERED = ("sorted", "sort", "min", "max", "nlargest", "nsmallest")
NEW_KEYS = {"len": 0.2, "lambda item: item[1]": 0.25, "lambda item: item[0]": 0.15}


def keys(program: Program) -> Iterator[Edit]:
    """Another key: a length, another part, the other sign, a rule for ties, none at all."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.Call) or _called(node) not in ORDERED:
            continue
        given = next((k for k in node.keywords if k.arg == "key"), None)
        if given is not None:
            yield from _other_keys(program, place, given.value)
        elif node.args or _called(node) == "sort":
            end = program.span(node)[1] - 1
            comma = ", " if node.args or node.keywords else ""
            for text, prior in NEW_KEYS.items():
                splice = program.spaced(end, end, f"{comma}key={text}")
                yield program.edit(place, "key", f"key={text} is added", prior, splice)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _other_keys(program: Program, place: Place, key: ast.expr) -> Iterator[Edit]:
    match key:
        case ast.Lambda(args=ast.arguments(args=[ast.arg(arg=name)]), body=body):
            parts = body.elts if isinstance(body, ast.Tuple) else [body]
        case ast.Attribute(attr="get") | ast.Name():
            text = program.source(key)
            tied = f"lambda item: ({text}(item), item)"
            turned = f"lambda item: (-{text}(item), item)"
            for new, prior in ((tied, 0.3), (turned, 0.3)):
                splice = program.replace(key, new)
                yield program.edit(place, "key", f"the key becomes {short(new)}", prior, splice)
            return
        case _:
            return
    texts = []
    for part in parts:
        if not isinstance(part, ast.UnaryOp):  # a sign is dropped by another edit
            other = f"-{operand(program, part)}"
            splice = program.replace(part, other)
            yield program.edit(place, "key", f"the key has {short(other)}", 0.4, splice)
        texts.append(program.source(part))
    whole = ", ".join(texts)
    if name not in texts:
        new = f"({whole}, {name})"
        splice = program.replace(body, new)
        yield program.edit(place, "key", f"the key becomes {short(new)}", 0.35, splice)


def ends(program: Program) -> Iterator[Edit]:
    """The other end of what is ordered: ``popitem(last=False)``, ``insert(0, ...)``."""
    for place in program.places:
        match place.node:
            case ast.Call(func=ast.Attribute(attr="popitem"), args=[], keywords=[]) as node:
                end = program.span(node)[1] - 1
                splice = program.spaced(end, end, "last=False")
                yield program.edit(place, "pop", "popitem takes the first", 0.5, splice)
            case ast.Call(func=ast.Attribute(attr="append", value=owner), args=[one]) as node:
                text = f"{program.source(owner)}.insert(0, {program.source(one)})"
                splice = program.replace(node, text)
                words = f"{short(program.source(one))} is put in front"
                yield program.edit(place, "order", words, 0.15, splice)


def pairs(program: Program) -> Iterator[Edit]:
    """``pair[0]`` and ``pair[1]`` of one statement in each other's place."""
    for place in program.places:
        statement = place.node
        if not isinstance(statement, ast.stmt) or hasattr(statement, "body"):
            continue
        owners: dict[str, dict[int, list[ast.expr]]] = {}
        for node in ast.walk(statement):
            match node:
                case ast.Subscript(value=value, slice=ast.Constant(value=int(at)) as index) if (
                    at in (0, 1) and not isinstance(at, bool)
                ):
                    owners.setdefault(ast.unparse(value), {}).setdefault(at, []).append(index)
        for owner, found in owners.items():
            if len(found) == 2:
                splices = [
                    program.replace(index, str(1 - at))
                    for at, indices in found.items()
                    for index in indices
                ]
                words = f"{short(owner)}[0] and {short(owner)}[1] change places"
                yield program.edit(place, "pair", words, 0.4, *splices)
