"""A program as text with its syntax tree: where each node stands, and splicing in its place.

The tree says what may be changed, the change is made in the text: comments, spacing and line
ends elsewhere stay as they are, byte for byte.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256

BYTE_ORDER_MARK = "\ufeff"
LINE_END = re.compile(rb"\r\n|\r|\n")  # what Python ends a line with; a form feed is no line end
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]")
WARNINGS = threading.Lock()  # the filters of `warnings` are shared by all threads
MOST_DEPTH = 150  # of a tree: `ast` walks some of them by recursion
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # what the compiler may raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """Text that takes the place of the bytes from ``start`` up to ``end`` (UTF-8)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A small change of a program.

    Args:
        operator: Name of the kind of change.
        words: What changes, in one line.
        prior: How often such a change mends a program, as a share of the best kind.
        lines: Lines that would have to be wrong for this change to be right.
        splices: The change itself, without overlap.
    """

    operator: str
    words: str
    prior: float
    lines: tuple[int, ...]
    splices: tuple[Splice, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """A node and what stands around it.

    Args:
        node: The node.
        parent: The place it is a child of; None for the module.
        field: Name of the parent's field that holds it.
        statement: The innermost statement around it, or itself; None for the module.
        functions: Functions around it, outermost first.
    """

    node: ast.AST
    parent: Place | None = None
    field: str = ""
    statement: ast.stmt | None = None
    functions: tuple[Function, ...] = ()


def compiled(text: str) -> ast.Module | None:
    """The syntax tree of a program that compiles; None if it does not, or is nested too deep."""
    try:
        check_syntax(text)
        with WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.removeprefix(BYTE_ORDER_MARK))
    except UNREADABLE:
        return None
    return tree if _depth(tree) <= MOST_DEPTH else None


def _depth(tree: ast.AST) -> int:
    """Levels of a tree, counted no further than needed."""
    level: list[ast.AST] = [tree]
    depth = 0
    while level and depth <= MOST_DEPTH:
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth


def check_syntax(text: str) -> None:
    """Raise what the compiler raises, and keep its warnings to ourselves."""
    with WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(text.removeprefix(BYTE_ORDER_MARK), "<program>", "exec", dont_inherit=True)


def lines_with_ends(text: str) -> list[str]:
    """The lines of a text as Python numbers them, each with its line end."""
    return LINE.findall(text)


@lru_cache(maxsize=4096)
def same_program_key(text: str) -> str:
    """Equal for programs that differ in comments and spacing only."""
    tree = compiled(text)
    told = ast.dump(tree) if tree is not None else text.strip()
    return sha256(told.encode(errors="surrogatepass")).hexdigest()


class Program:
    """A program that compiles.

    Args:
        text: The source; a byte order mark in front belongs to the file, not to its first line.

    Raises:
        SyntaxError: If it is no Python program; ValueError if it is no text that can be one.
    """

    def __init__(self, text: str) -> None:
        check_syntax(text)
        with WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.tree = ast.parse(text.removeprefix(BYTE_ORDER_MARK))
        self.text = text
        self.data = text.encode()
        first = len(BYTE_ORDER_MARK.encode()) if text.startswith(BYTE_ORDER_MARK) else 0
        self.starts = (first, *(m.end() for m in LINE_END.finditer(self.data)))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every node that may be edited, parents first.

        Annotations are left out, and what stands inside formatted strings: before Python 3.12
        its positions are wrong.
        """
        return tuple(_walk(self.tree))

    @cached_property
    def own_nodes(self) -> dict[ast.AST, list[ast.AST]]:
        """Nodes by the function they are in directly."""
        found: dict[ast.AST, list[ast.AST]] = {}
        for place in self.places:
            if place.functions:
                found.setdefault(place.functions[-1], []).append(place.node)
        return found

    @cached_property
    def newline(self) -> str:
        """The line end the program uses."""
        found = LINE_END.search(self.data)
        return found.group().decode() if found else "\n"

    def offset(self, line: int, column: int) -> int:
        """Byte offset of a position as the syntax tree gives it (lines from 1, UTF-8 columns)."""
        return self.starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> tuple[int, int]:
        """Byte offsets of a node."""
        end = self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return self.offset(node.lineno, node.col_offset), end

    def source(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.data[start:end].decode()

    def line_of(self, offset: int) -> tuple[int, int]:
        """Byte offsets of the line that holds an offset, its line end included."""
        start = self.starts[bisect_right(self.starts, offset) - 1]
        found = LINE_END.search(self.data, offset)
        return start, found.end() if found else len(self.data)

    def indent(self, node: ast.stmt) -> str | None:
        """White space in front of a statement; None if something else stands there too.

        Python counts anew behind a form feed.
        """
        start, _ = self.span(node)
        before = self.data[self.line_of(start)[0] : start].decode()
        return before.rpartition("\x0c")[2] if not before.strip() else None

    def whole_lines(self, node: ast.stmt) -> tuple[int, int] | None:
        """Byte offsets of the lines a statement has to itself; None if it shares one."""
        if self.indent(node) is None:
            return None
        start, end = self.span(node)
        after = self.line_of(end)[1]
        rest = self.data[end:after].strip()
        if rest and not rest.startswith(b"#"):
            return None
        return self.line_of(start)[0], after

    def lines_of(self, place: Place) -> tuple[int, ...]:
        """Lines that speak for or against a node: its own and its statement's first."""
        node, statement = place.node, place.statement
        first = getattr(node, "lineno", 1)
        last = getattr(node, "end_lineno", None) or first
        body = getattr(node, "body", None)
        if isinstance(body, list) and body:
            last = max(first, body[0].lineno - 1)
        lines = set(range(first, last + 1))
        if statement is not None:
            lines.add(statement.lineno)
        return tuple(sorted(lines))

    def replace(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword, text: str) -> Splice:
        """The splice that puts a text in a node's place."""
        return self.spaced(*self.span(node), text)

    def spaced(self, start: int, end: int, text: str) -> Splice:
        """A splice with a space where the text would run into the word before or after it."""
        before, after = self.data[max(0, start - 1) : start], self.data[end : end + 1]
        if text and WORD.fullmatch(before) and WORD.match(text[0].encode()):
            text = " " + text
        if text and WORD.fullmatch(after) and WORD.match(text[-1].encode()):
            text += " "
        return Splice(start=start, end=end, text=text)

    def edit(
        self, place: Place, operator: str, words: str, prior: float, *splices: Splice
    ) -> Edit:
        """An edit at a place; ``words`` without the line number."""
        lines = self.lines_of(place)
        number = getattr(place.node, "lineno", lines[0])
        return Edit(
            operator=operator,
            words=f"line {number}: {words}",
            prior=prior,
            lines=lines,
            splices=splices,
        )

    def apply(self, splices: Iterable[Splice]) -> str:
        """The program with the splices made.

        Raises:
            ValueError: If two of them overlap.
        """
        pieces, position = [], 0
        for splice in sorted(splices, key=lambda s: (s.start, s.end)):
            if splice.start < position:
                raise ValueError(f"splices overlap at byte {splice.start}")
            pieces += [self.data[position : splice.start], splice.text.encode()]
            position = splice.end
        return b"".join([*pieces, self.data[position:]]).decode()


def _walk(tree: ast.Module) -> Iterator[Place]:
    stack = [Place(node=tree)]
    while stack:
        place = stack.pop()
        yield place
        node = place.node
        if isinstance(node, ast.JoinedStr):
            continue
        inner = (*place.functions, node) if isinstance(node, Function) else place.functions
        children = []
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "ctx"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    statement = child if isinstance(child, ast.stmt) else place.statement
                    children.append(
                        Place(
                            node=child,
                            parent=place,
                            field=field,
                            statement=statement,
                            functions=inner,
                        )
                    )
        stack.extend(reversed(children))
