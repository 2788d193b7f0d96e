"""Edits of operators and constants: comparisons, arithmetic, and/or, not, numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from textgrad_code.repair.source import Edit, Place, Program, Splice

COMPARISONS = {
    ast.Lt: ("<", ("<=", ">", ">=")),
    ast.LtE: ("<=", ("<", ">=", ">")),
    ast.Gt: (">", (">=", "<", "<=")),
    ast.GtE: (">=", (">", "<=", "<")),
    ast.Eq: ("==", ("!=", "<=", ">=")),
    ast.NotEq: ("!=", ("==", "<", ">")),
    ast.In: ("in", ("not in",)),
    ast.NotIn: (r"not\s+in", ("in",)),
    ast.Is: ("is", ("is not", "==")),
    ast.IsNot: (r"is\s+not", ("is", "!=")),
}
ARITHMETIC = {
    ast.Add: ("+", ("-", "*")),
    ast.Sub: ("-", ("+", "%")),
    ast.Mult: ("*", ("+", "//", "**")),
    ast.Div: ("/", ("//", "*")),
    ast.FloorDiv: ("//", ("/", "%")),
    ast.Mod: ("%", ("//", "-")),
    ast.Pow: ("**", ("*",)),
    ast.BitAnd: ("&", ("|", "^")),
    ast.BitOr: ("|", ("&", "^")),
    ast.BitXor: ("^", ("|", "&")),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
}
CLOSED = (
    *(ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Dict),
    *(ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.JoinedStr),
)
BRACKETED = (ast.Tuple, ast.GeneratorExp)  # their span includes their brackets
COMMENT = re.compile(rb"#[^\r\n]*")


def operator_splice(
    program: Program, left: ast.expr, right: ast.expr, pattern: str, new: str
) -> Splice | None:
    """Put another operator between two operands; None if the old one is not found there."""
    start, end = program.span(left)[1], program.span(right)[0]
    between = COMMENT.sub(lambda m: b" " * len(m.group()), program.data[start:end])
    found = re.search(pattern.encode(), between)
    if found is None:
        return None
    return program.spaced(start + found.start(), start + found.end(), new)


def comparisons(program: Program) -> Iterator[Edit]:
    """``<`` to ``<=`` and the like."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.Compare):
            continue
        operands = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, operands, node.comparators, strict=False):
            pattern, others = COMPARISONS[type(op)]
            for nth, other in enumerate(others):
                splice = operator_splice(program, left, right, pattern, other)
                if splice:
                    words = f"{_plain(pattern)} becomes {other}"
                    yield program.edit(place, "comparison", words, 1.0 - 0.25 * nth, splice)


def arithmetic(program: Program) -> Iterator[Edit]:
    """``+`` to ``-``, ``//`` to ``/`` and the like, also in ``+=``; operands exchanged."""
    for place in program.places:
        node = place.node
        if isinstance(node, ast.BinOp):
            symbol, others = ARITHMETIC[type(node.op)]
            for nth, other in enumerate(others):
                if _text_operand(node) and other != "*":
                    continue
                splice = operator_splice(program, node.left, node.right, re.escape(symbol), other)
                if splice:
                    words = f"{symbol} becomes {other}"
                    yield program.edit(place, "arithmetic", words, 0.7 - 0.2 * nth, splice)
            if isinstance(node.op, ast.Sub | ast.FloorDiv | ast.Mod | ast.Div | ast.Pow):
                yield exchange(program, place, node.left, node.right, 0.3)
        elif isinstance(node, ast.AugAssign):
            symbol, others = ARITHMETIC[type(node.op)]
            for nth, other in enumerate(others[:2]):
                pattern = re.escape(symbol) + "="
                splice = operator_splice(program, node.target, node.value, pattern, other + "=")
                if splice:
                    words = f"{symbol}= becomes {other}="
                    yield program.edit(place, "arithmetic", words, 0.55 - 0.2 * nth, splice)


def exchange(program: Program, place: Place, one: ast.expr, other: ast.expr, prior: float) -> Edit:
    """Two expressions in each other's place, in brackets where they need them."""
    a, b = operand(program, one), operand(program, other)
    words = f"{short(a)} and {short(b)} change places"
    return program.edit(
        place, "exchange", words, prior, program.replace(one, b), program.replace(other, a)
    )


def operand(program: Program, node: ast.expr) -> str:
    """The text of an expression, fit to stand beside an operator."""
    text = program.source(node)
    if isinstance(node, CLOSED) or (text.startswith("(") and isinstance(node, BRACKETED)):
        return text
    return f"({text})"


def logic(program: Program) -> Iterator[Edit]:
    """``and`` to ``or``, an operand left out, ``not`` added or removed."""
    for place in program.places:
        node = place.node
        if isinstance(node, ast.BoolOp):
            yield from _boolean(program, place, node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            sign = "not" if isinstance(node.op, ast.Not) else "-"
            splice = program.replace(node, operand(program, node.operand))
            yield program.edit(place, "sign", f"{sign} is dropped", 0.45, splice)
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            test = node.test
            if not isinstance(test, ast.Compare | ast.UnaryOp) or (
                isinstance(test, ast.Compare) and len(test.ops) > 1
            ):
                splice = program.replace(test, f"not {operand(program, test)}")
                yield program.edit(place, "negation", "the condition is negated", 0.4, splice)
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Name | ast.Call):
            splice = program.replace(node.value, f"not {program.source(node.value)}")
            yield program.edit(place, "negation", "the answer is negated", 0.15, splice)


def _boolean(program: Program, place: Place, node: ast.BoolOp) -> Iterator[Edit]:
    old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    splices = [
        operator_splice(program, left, right, rf"\b{old}\b", new)
        for left, right in zip(node.values, node.values[1:], strict=False)
    ]
    found = [s for s in splices if s]
    if len(found) == len(splices):
        yield program.edit(place, "logic", f"{old} becomes {new}", 0.8, *found)
    if len(found) > 1:
        for splice in found:
            yield program.edit(place, "logic", f"one {old} becomes {new}", 0.45, splice)
    for value in node.values:
        neutral = "True" if old == "and" else "False"
        words = f"{short(program.source(value))} is left out"
        if len(node.values) == 2:  # the other one stays alone
            rest = next(v for v in node.values if v is not value)
            splice = program.replace(node, f"{operand(program, rest)}")
        else:
            splice = program.replace(value, f"{neutral}")
        yield program.edit(place, "logic", words, 0.35, splice)


def constants(program: Program) -> Iterator[Edit]:
    """Numbers one more and one less, 0, 1, -1, infinity; truth values flipped."""
    for place in program.places:
        node = place.node
        if not isinstance(node, ast.Constant) or _is_docstring(place):
            continue
        for text, prior in _other_values(node.value):
            splice = program.replace(node, text)
            old = program.source(node)
            yield program.edit(place, "constant", f"{old} becomes {text}", prior, splice)


def _other_values(value: object) -> Iterator[tuple[str, float]]:
    match value:
        case bool():
            yield str(not value), 0.7
        case int():
            near = {value + 1: 0.8, value - 1: 0.8}
            special = {0: 0.45, 1: 0.45, -1: 0.35, 2: 0.25}
            for other, prior in {**special, **near}.items():
                if other != value:
                    yield str(other), prior
        case "inf" | "-inf":
            yield repr("inf" if value == "-inf" else "-inf"), 0.6
        case None:
            yield "0", 0.15


def _is_docstring(place: Place) -> bool:
    return place.parent is not None and isinstance(place.parent.node, ast.Expr)


def _text_operand(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(s, ast.JoinedStr) or (isinstance(s, ast.Constant) and isinstance(s.value, str))
        for s in sides
    )


def _plain(pattern: str) -> str:
    return pattern.replace(r"\s+", " ")


def short(text: str) -> str:
    """A text on one line, cut."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:37] + "..."
