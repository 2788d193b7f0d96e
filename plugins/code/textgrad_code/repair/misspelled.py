"""Names that nothing defines: misspelled, or not imported."""

from __future__ import annotations

import ast
import builtins
import difflib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from textgrad_code.repair.scopes import SELF, Scopes
from textgrad_code.repair.source import Edit, Place, Program, Splice

MODULES = (
    *("math", "heapq", "bisect", "collections", "itertools", "functools", "string", "random"),
    *("operator", "re", "sys", "copy", "typing"),
)
IMPORTED_FROM = {
    **dict.fromkeys(("Counter", "defaultdict", "deque", "OrderedDict"), "collections"),
    **dict.fromkeys(("heappush", "heappop", "heapify", "nlargest", "nsmallest"), "heapq"),
    **dict.fromkeys(("bisect_left", "bisect_right", "insort"), "bisect"),
    **dict.fromkeys(("combinations", "permutations", "product", "accumulate"), "itertools"),
    **dict.fromkeys(("lru_cache", "cache", "reduce", "cmp_to_key"), "functools"),
    **dict.fromkeys(("sqrt", "ceil", "floor", "inf", "gcd", "lcm", "comb"), "math"),
    **dict.fromkeys(("List", "Dict", "Set", "Tuple", "Optional", "Union", "Any"), "typing"),
}
CONSTANTS = {"true": "True", "false": "False", "null": "None", "nil": "None"}
CONSTANTS |= {"INT_MAX": "float('inf')", "INT_MIN": "float('-inf')", "INF": "float('inf')"}
BUILTINS = tuple(name for name in dir(builtins) if not name.startswith("_"))
METHODS = tuple(
    dict.fromkeys(
        name
        for kind in (list, dict, set, str, deque)
        for name in dir(kind)
        if not name.startswith("_")
    )
)
NEAR = 0.6  # similarity as difflib has it
SURE = 1.0


def misspelled(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """Undefined names and attributes, to the nearest that exist; missing imports."""
    known = Known.of(program, scopes)
    defined, star = known.defined, "*" in known.imported
    reported: set[str] = set()
    for place in program.places:
        node = place.node
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in defined or node.id in BUILTINS or node.id.startswith("__"):
                continue
            yield from _imports(program, place, node.id, reported, star)
            yield from _near_names(program, place, node, scopes, known)
        elif isinstance(node, ast.Attribute) and node.attr not in METHODS:
            yield from _near_attributes(program, place, node, known)


def _imports(
    program: Program, place: Place, name: str, reported: set[str], star: bool
) -> Iterator[Edit]:
    line = f"import {name}" if name in MODULES else ""
    if name in IMPORTED_FROM:
        line = f"from {IMPORTED_FROM[name]} import {name}"
    if not line or name in reported:
        return
    reported.add(name)
    start = import_offset(program)
    splice = Splice(start=start, end=start, text=line + program.newline)
    prior = SURE * (0.2 if star else 1.0)
    yield program.edit(place, "import", f"{line} is added", prior, splice)


def _near_names(
    program: Program, place: Place, node: ast.Name, scopes: Scopes, known: Known
) -> Iterator[Edit]:
    if node.id in IMPORTED_FROM and "*" in known.imported:
        return
    visible = [name.text for name in scopes.visible(place)]
    candidates = list(dict.fromkeys([*visible, *BUILTINS, *IMPORTED_FROM]))
    texts = [CONSTANTS[node.id]] if node.id in CONSTANTS else []
    near = difflib.get_close_matches(node.id, candidates, 3, NEAR)
    texts += [name for name in near if name not in texts]
    texts += [f"self.{node.id}"] if node.id in known.of_self else []
    for nth, text in enumerate(texts):
        words = f"{node.id}, which nothing defines, becomes {text}"
        splice = program.replace(node, text)
        yield program.edit(place, "misspelled", words, SURE * 0.9**nth, splice)


def _near_attributes(
    program: Program, place: Place, node: ast.Attribute, known: Known
) -> Iterator[Edit]:
    base = node.value.id if isinstance(node.value, ast.Name) else ""
    ours = node.attr in known.attributes or node.attr in known.of_self
    if ours or base in MODULES or base in known.imported:
        return
    candidates = list(known.of_self) if base in SELF else METHODS
    end = program.span(node)[1]
    start = end - len(node.attr.encode())
    for nth, text in enumerate(difflib.get_close_matches(node.attr, candidates, 2, NEAR)):
        words = f".{node.attr} becomes .{text}"
        splice = program.spaced(start, end, text)
        yield program.edit(place, "misspelled", words, SURE * 0.9**nth, splice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Names that are bound anywhere: enough to find those that are bound nowhere.

    Args:
        defined: Variables, arguments, functions, classes, imports.
        imported: Imports alone; ``*`` for a star import.
        of_self: Methods and attributes of ``self``, in order.
        attributes: Attributes set on anything, and those of nodes of trees and lists.
    """

    defined: frozenset[str]
    imported: frozenset[str]
    of_self: tuple[str, ...]
    attributes: frozenset[str]

    @classmethod
    def of(cls, program: Program, scopes: Scopes) -> Known:
        """What a program binds."""
        defined: set[str] = set()
        imported: set[str] = set()
        methods: list[str] = []
        attributes = {"val", "next", "left", "right", "random"}
        for node in ast.walk(program.tree):
            match node:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                    defined.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    defined.add(name)
                    methods.append(name)
                case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                    defined.add(name)
                case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                    defined.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    attributes.add(name)
                case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                    imported |= {(a.asname or a.name).split(".")[0] for a in aliases}
        return cls(
            defined=frozenset(defined | imported),
            imported=frozenset(imported),
            of_self=tuple(dict.fromkeys([*scopes.attributes, *methods])),
            attributes=frozenset(attributes),
        )


def import_offset(program: Program) -> int:
    """Where an import may stand: behind a docstring and ``from __future__`` lines.

    It stays behind the comments in front too, of which one may declare the file's encoding.
    """
    offset = program.starts[0]
    while program.data.startswith(b"#", offset):
        offset = program.line_of(offset)[1]
    for statement in program.tree.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not docstring and not future:
            break
        lines = program.whole_lines(statement)
        if lines is None:
            break
        offset = lines[1]
    return offset
