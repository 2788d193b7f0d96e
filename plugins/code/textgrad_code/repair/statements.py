"""Edits of whole statements: left out, exchanged, moved in or out of a block, another kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

from textgrad_code.repair.operators import operand, operator_splice, short
from textgrad_code.repair.source import Edit, Place, Program, Splice, lines_with_ends

LOOPS = (ast.For, ast.While, ast.AsyncFor)
FIXED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
PURE_WORDS = (ast.Pass, ast.Global, ast.Nonlocal)


def deletions(program: Program) -> Iterator[Edit]:
    """A statement left out."""
    for place in program.places:
        statement = place.node
        if not isinstance(statement, ast.stmt) or isinstance(statement, FIXED + PURE_WORDS):
            continue
        if place.parent is None or is_docstring(statement):
            continue
        lines = program.whole_lines(statement)
        siblings = getattr(place.parent.node, place.field)
        if lines is not None and len(siblings) > 1:
            splice = Splice(start=lines[0], end=lines[1], text="")
        elif _is_elif(program, statement):
            continue
        else:
            splice = program.replace(statement, "pass")
        simple = not hasattr(statement, "body")
        prior = 0.3 if simple else 0.15
        words = f"{headline(program, statement)} is left out"
        yield program.edit(place, "deletion", words, prior, splice)


def exchanges(program: Program) -> Iterator[Edit]:
    """Two neighbouring statements in each other's place."""
    for place, block in blocks(program):
        for one, other in pairwise(block):
            if isinstance(one, FIXED) or isinstance(other, FIXED) or is_docstring(one):
                continue
            if program.indent(one) != program.indent(other) or program.indent(one) is None:
                continue
            if program.whole_lines(one) is None or program.whole_lines(other) is None:
                continue
            at = Place(node=one, parent=place, field="body", statement=one)
            words = f"{headline(program, one)} and {headline(program, other)} change places"
            first = program.replace(one, program.source(other))
            second = program.replace(other, program.source(one))
            lines = sorted({*program.lines_of(at), other.lineno})
            edit = program.edit(at, "order", words, 0.3, first, second)
            yield Edit(
                operator=edit.operator,
                words=edit.words,
                prior=edit.prior,
                lines=tuple(lines),
                splices=edit.splices,
            )


def moves(program: Program) -> Iterator[Edit]:
    """The last statement of a block moved behind it; the one behind it moved in."""
    for place, block in blocks(program):
        owner = place.node
        if not isinstance(owner, (*LOOPS, ast.If)) or getattr(owner, "orelse", None):
            continue
        outer, inner = program.indent(owner), program.indent(block[-1])
        if outer is None or inner is None:
            continue
        last = block[-1]
        if len(block) > 1 and not (isinstance(owner, LOOPS) and _leaves(last)):
            yield from _reindented(program, place, last, inner, outer, "moves out of the block")
        following = _next_sibling(place)
        if following is not None and not isinstance(following, FIXED):
            yield from _reindented(
                program, place, following, outer, inner, "moves into the block before it"
            )


def _reindented(
    program: Program, place: Place, statement: ast.stmt, old: str, new: str, words: str
) -> Iterator[Edit]:
    lines = program.whole_lines(statement)
    if lines is None or _has_long_text(statement) or program.indent(statement) != old:
        return
    text = program.data[lines[0] : lines[1]].decode()
    moved = "".join(_indented(line, old, new) for line in lines_with_ends(text))
    at = Place(node=statement, parent=place, field="body", statement=statement)
    splice = Splice(start=lines[0], end=lines[1], text=moved)
    words = f"{headline(program, statement)} {words}"
    yield program.edit(at, "move", words, 0.3, splice)


def _indented(line: str, old: str, new: str) -> str:
    """A line at another level; what stands up to a form feed is no part of its indentation."""
    feed = line.rfind("\x0c", 0, len(line) - len(line.lstrip())) + 1
    code = line[feed:]
    if not code.strip() or not code.startswith(old):
        return line
    return line[:feed] + new + code.removeprefix(old)


def assignments(program: Program) -> Iterator[Edit]:
    """``=`` to ``+=`` and back; an assignment that keeps the larger or smaller value."""
    for place in program.places:
        match place.node:
            case ast.Assign(targets=[ast.Name() | ast.Subscript() | ast.Attribute() as t]) as node:
                for other in ("+=", "-="):
                    splice = operator_splice(program, t, node.value, "=", other)
                    if splice:
                        prior = 0.35 if other == "+=" else 0.15
                        words = f"= becomes {other}"
                        yield program.edit(place, "assignment", words, prior, splice)
                for name in ("max", "min"):
                    if isinstance(node.value, ast.Call | ast.Constant):
                        continue
                    text = f"{name}({program.source(t)}, {program.source(node.value)})"
                    words = f"{short(program.source(t))} becomes {short(text)}"
                    splice = program.replace(node.value, text)
                    yield program.edit(place, "assignment", words, 0.25, splice)
            case ast.AugAssign(target=target, value=value):
                splice = operator_splice(program, target, value, r"[^=\s]+=", "=")
                if splice:
                    words = f"{short(program.source(place.node))} assigns only"
                    yield program.edit(place, "assignment", words, 0.35, splice)


def keywords(program: Program) -> Iterator[Edit]:
    """``break`` to ``continue``, ``while`` to ``if``, ``elif`` to ``if`` and back."""
    for place in program.places:
        match place.node:
            case ast.Break() as node:
                splice = program.replace(node, "continue")
                yield program.edit(place, "keyword", "break becomes continue", 0.4, splice)
            case ast.Continue() as node:
                splice = program.replace(node, "break")
                yield program.edit(place, "keyword", "continue becomes break", 0.4, splice)
            case ast.While() as loop if not loop.orelse:
                yield _keyword(program, place, loop, "while", "if", 0.25)
            case ast.If() as node:
                if _is_elif(program, node):
                    yield _keyword(program, place, node, "elif", "if", 0.35)
                    continue
                if not node.orelse:
                    yield _keyword(program, place, node, "if", "while", 0.35)
                before = _sibling(place, -1)
                follows = isinstance(before, ast.If) and not _has_else(program, before)
                if follows and program.indent(node) is not None:
                    yield _keyword(program, place, node, "if", "elif", 0.35)


def _keyword(
    program: Program, place: Place, node: ast.stmt, old: str, new: str, prior: float
) -> Edit:
    start, _ = program.span(node)
    splice = program.spaced(start, start + len(old), new)
    return program.edit(place, "keyword", f"{old} becomes {new}", prior, splice)


def initial_values(program: Program) -> Iterator[Edit]:
    """A number a variable starts with: infinity, the first element, a length."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.Assign) or not place.functions:
            continue
        value = node.value
        if isinstance(value, ast.UnaryOp):
            value = value.operand
        if not isinstance(value, ast.Constant) or type(value.value) not in (int, float):
            continue
        given = [a.arg for a in place.functions[-1].args.args if a.arg not in ("self", "cls")]
        texts = {"float('-inf')": 0.5, "float('inf')": 0.5}
        texts |= {f"{name}[0]": 0.35 for name in given} | {f"len({n})": 0.25 for n in given}
        for text, prior in texts.items():
            if text != program.source(node.value):
                words = f"{program.source(node)} becomes {text}"
                splice = program.replace(node.value, text)
                yield program.edit(place, "initial value", words, prior, splice)


def divisions(program: Program) -> Iterator[Edit]:
    """``int(a / b)`` to ``a // b`` and the other way round; rounding up."""
    for place in program.places:
        match place.node:
            case (
                ast.Call(
                    func=ast.Name(id="int"), args=[ast.BinOp(op=ast.Div(), left=a, right=b)]
                ) as node
            ):
                text = f"({operand(program, a)} // {operand(program, b)})"
            case ast.BinOp(op=ast.FloorDiv(), left=a, right=b) as node:
                text = f"-(-{operand(program, a)} // {operand(program, b)})"
                words = f"{short(program.source(node))} is rounded up"
                yield program.edit(place, "division", words, 0.3, program.replace(node, text))
                text = f"int({operand(program, a)} / {operand(program, b)})"
            case _:
                continue
        words = f"{short(program.source(node))} becomes {short(text)}"
        yield program.edit(place, "division", words, 0.3, program.replace(node, text))


def blocks(program: Program) -> Iterator[tuple[Place, list[ast.stmt]]]:
    """Every list of statements with the place it belongs to."""
    for place in program.places:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(place.node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield place, block


def headline(program: Program, statement: ast.stmt) -> str:
    """First line of a statement, for people."""
    return short(lines_with_ends(program.source(statement))[0])


def is_docstring(statement: ast.stmt) -> bool:
    """Whether a statement is a bare string."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _sibling(place: Place, step: int) -> ast.stmt | None:
    if place.parent is None:
        return None
    block: Sequence[ast.AST] | ast.AST = getattr(place.parent.node, place.field)
    if not isinstance(block, list) or place.node not in block:
        return None
    at = block.index(place.node) + step
    found = block[at] if 0 <= at < len(block) else None
    return found if isinstance(found, ast.stmt) else None


def _next_sibling(place: Place) -> ast.stmt | None:
    return _sibling(place, 1)


def _is_elif(program: Program, statement: ast.stmt) -> bool:
    start, _ = program.span(statement)
    return isinstance(statement, ast.If) and program.data[start : start + 4] == b"elif"


def _has_else(program: Program, node: ast.If) -> bool:
    while node.orelse:
        first = node.orelse[0]
        if not (isinstance(first, ast.If) and _is_elif(program, first)):
            return True
        node = first
    return False


def _leaves(statement: ast.stmt) -> bool:
    return any(isinstance(n, ast.Break | ast.Continue) for n in ast.walk(statement))


def _has_long_text(statement: ast.stmt) -> bool:
    """Whether a string in it spans lines: its content must not be re-indented."""
    return any(
        isinstance(n, ast.Constant | ast.JoinedStr) and n.end_lineno != n.lineno
        for n in ast.walk(statement)
    )
