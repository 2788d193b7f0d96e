"""Names that nothing defines: misspelled, or not imported."""

from __future__ import annotations

import ast
import builtins
import difflib
from collections import deque
from collections.abc import Iterator

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
    defined = _defined(program)
    reported: set[str] = set()
    star = "*" in defined
    for place in program.places:
        node = place.node
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in defined or node.id in BUILTINS or node.id.startswith("__"):
                continue
            yield from _imports(program, place, node.id, reported, star)
            yield from _near_names(program, place, node, scopes, star)
        elif isinstance(node, ast.Attribute) and node.attr not in METHODS:
            yield from _near_attributes(program, place, node, scopes)


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
    program: Program, place: Place, node: ast.Name, scopes: Scopes, star: bool
) -> Iterator[Edit]:
    visible = [name.text for name in scopes.visible(place)]
    known = list(dict.fromkeys([*visible, *BUILTINS, *IMPORTED_FROM]))
    texts = [CONSTANTS[node.id]] if node.id in CONSTANTS else []
    texts += [n for n in difflib.get_close_matches(node.id, known, 3, NEAR) if n not in texts]
    methods = _own_methods(program)
    texts += [f"self.{node.id}"] if node.id in scopes.attributes or node.id in methods else []
    if node.id in IMPORTED_FROM and star:
        return
    for nth, text in enumerate(texts):
        words = f"{node.id}, which nothing defines, becomes {text}"
        splice = program.replace(node, text)
        yield program.edit(place, "misspelled", words, SURE * 0.9**nth, splice)


def _near_attributes(
    program: Program, place: Place, node: ast.Attribute, scopes: Scopes
) -> Iterator[Edit]:
    if _is_ours(node, program, scopes):
        return
    of_self = isinstance(node.value, ast.Name) and node.value.id in SELF
    known = [*scopes.attributes, *_own_methods(program)] if of_self else METHODS
    end = program.span(node)[1]
    start = end - len(node.attr.encode())
    for nth, text in enumerate(difflib.get_close_matches(node.attr, known, 2, NEAR)):
        words = f".{node.attr} becomes .{text}"
        splice = program.spaced(start, end, text)
        yield program.edit(place, "misspelled", words, SURE * 0.9**nth, splice)


def _is_ours(node: ast.Attribute, program: Program, scopes: Scopes) -> bool:
    """Whether an attribute is set, is a method here, or belongs to an imported module."""
    if node.attr in scopes.attributes or node.attr in _own_methods(program):
        return True
    stored = {
        n.attr
        for n in ast.walk(program.tree)
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
    }
    if node.attr in stored or node.attr in ("val", "next", "left", "right", "random"):
        return True
    if isinstance(node.value, ast.Name):
        return node.value.id in MODULES or node.value.id in _imported(program)
    return False


def _own_methods(program: Program) -> tuple[str, ...]:
    return tuple(
        n.name
        for n in ast.walk(program.tree)
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _imported(program: Program) -> set[str]:
    return {
        (alias.asname or alias.name).split(".")[0]
        for n in ast.walk(program.tree)
        if isinstance(n, ast.Import | ast.ImportFrom)
        for alias in n.names
    }


def _defined(program: Program) -> set[str]:
    """Every name that is bound anywhere: enough to find those that are bound nowhere."""
    found = _imported(program)
    for node in ast.walk(program.tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
    return found


def import_offset(program: Program) -> int:
    """Where an import may stand: in front, behind a docstring and ``from __future__`` lines."""
    offset = 0
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
