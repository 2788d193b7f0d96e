"""What is changed and what is only named anew; what is begun anew and what is kept too long."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from textgrad_code.repair.insertions import FunctionStatement, body_of, statement_before
from textgrad_code.repair.operators import short
from textgrad_code.repair.scopes import SELF, Scopes, made_kind
from textgrad_code.repair.source import Edit, Place, Program, Splice
from textgrad_code.repair.statements import LOOPS, blocks, headline

WRITTEN = 0.5  # an argument is bound anew where its content was to change
CONTRADICTED = 0.8  # a value is returned although the annotation says None
TOGETHER = 0.5
RESET = 0.35
KEPT_BY_MODULE = 0.6


def written_in_place(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """``items = ...`` to ``items[:] = ...``, so that the caller's list changes."""
    for place in program.places:
        if not place.functions or not isinstance(place.functions[-1], FunctionStatement):
            continue
        function = place.functions[-1]
        names = [a.arg for a in function.args.args if a.arg not in SELF]
        lists = [n for n in names if not scopes.kinds.get(n) or scopes.is_kind(n, "sequence")]
        match place.node:
            case ast.Assign(targets=[ast.Name(id=name) as target]) if name in lists:
                splice = program.replace(target, f"{name}[:]")
                words = f"{name} is changed in place"
                yield program.edit(place, "in place", words, WRITTEN, splice)
            case ast.Return(value=ast.expr() as value) as node if _gives_none(function):
                for name in lists:
                    text = f"{name}[:] = {program.source(value)}"
                    words = f"{headline(program, node)} becomes {short(text)}"
                    splice = program.replace(node, text)
                    yield program.edit(place, "in place", words, CONTRADICTED, splice)


def _gives_none(function: FunctionStatement) -> bool:
    returns = function.returns
    return isinstance(returns, ast.Constant) and returns.value is None


def together(program: Program) -> Iterator[Edit]:
    """``a = b`` and ``b = a`` to ``a, b = b, a``: the second reads what the first overwrote."""
    for place, block in blocks(program):
        for one, other in pairwise(block):
            match one, other:
                case (
                    ast.Assign(targets=[first], value=old),
                    ast.Assign(targets=[second], value=new),
                ) if not isinstance(first, ast.Tuple) and not isinstance(second, ast.Tuple):
                    read = {ast.unparse(n) for n in ast.walk(new) if isinstance(n, ast.expr)}
                    if ast.unparse(first) not in read:
                        continue
                case _:
                    continue
            if isinstance(old, ast.Tuple) or isinstance(new, ast.Tuple):
                continue
            lines = program.whole_lines(other)
            if lines is None or program.whole_lines(one) is None:
                continue
            parts = [program.source(n) for n in (first, second, old, new)]
            text = f"{parts[0]}, {parts[1]} = {parts[2]}, {parts[3]}"
            at = Place(node=one, parent=place, field="body", statement=one)
            words = f"{short(text)} at once"
            dropped = Splice(start=lines[0], end=lines[1], text="")
            kept = program.replace(one, text)
            yield program.edit(at, "at once", words, TOGETHER, kept, dropped)


def resets(program: Program) -> Iterator[Edit]:
    """What is set before a loop is set again in every round of it."""
    for place, block in blocks(program):
        for index, statement in enumerate(block):
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_fresh(value):
                    following = block[index + 1 :]
                case _:
                    continue
            for loop in _loops(following):
                if not _changes(loop, name):
                    continue
                text = program.source(statement)
                splice = statement_before(program, loop.body[0], text)
                if splice:
                    at = Place(node=loop, parent=place, field="body", statement=loop)
                    words = f"{short(text)} in every round"
                    edit = program.edit(at, "reset", words, RESET, splice)
                    lines = tuple(range(loop.lineno, (loop.end_lineno or loop.lineno) + 1))
                    yield Edit(
                        operator=edit.operator,
                        words=edit.words,
                        prior=edit.prior,
                        lines=lines,
                        splices=edit.splices,
                    )


def module_state(program: Program) -> Iterator[Edit]:
    """A variable of the module that a function changes is set again when it is called."""
    begun = {
        target.id: program.source(statement)
        for statement in program.tree.body
        if isinstance(statement, ast.Assign) and _is_fresh(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name) and len(statement.targets) == 1
    }
    for place in program.places:
        function = place.node
        if not isinstance(function, FunctionStatement):
            continue
        own = program.own_nodes.get(function, [])
        named = [name for n in own if isinstance(n, ast.Global) for name in n.names]
        grown = [name for name in begun if name not in named and _grows(own, name)]
        for name in dict.fromkeys([*named, *grown]):
            if name not in begun:
                continue
            first = body_of(function)[0]
            text = begun[name] if name in named else f"{name}.clear()"
            last = isinstance(first, ast.Global | ast.Nonlocal)
            behind = body_of(function)[1:2] if last else [first]
            splice = statement_before(program, behind[0], text) if behind else None
            if splice:
                words = f"{function.name} begins with {short(text)}"
                yield program.edit(place, "reset", words, KEPT_BY_MODULE, splice)


def _is_fresh(value: ast.expr) -> bool:
    """Whether an expression is a start: a number, a truth value, an empty or new container."""
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.Constant):
        return True
    if isinstance(value, ast.List | ast.Dict | ast.Set):
        return True
    return isinstance(value, ast.Call) and made_kind(value) in ("sequence", "table")


def _loops(statements: list[ast.stmt]) -> Iterator[ast.For | ast.While | ast.AsyncFor]:
    """Loops among statements, and those directly inside them."""
    for statement in statements:
        if isinstance(statement, LOOPS):
            yield statement
            yield from (inner for inner in statement.body if isinstance(inner, LOOPS))


def _changes(loop: ast.AST, name: str) -> bool:
    nodes = list(ast.walk(loop))
    stored = (n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return any(n.id == name for n in stored) or _grows(nodes, name)


def _grows(nodes: list[ast.AST], name: str) -> bool:
    """Whether a container is filled: ``name.append(...)``, ``name[...] = ...``."""
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=attr)):
                if owner == name and attr in ("append", "add", "extend", "update", "insert"):
                    return True
            case ast.Subscript(value=ast.Name(id=owner), ctx=ast.Store()) if owner == name:
                return True
    return False
