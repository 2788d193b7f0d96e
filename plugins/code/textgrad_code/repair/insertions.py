"""What was forgotten: a return, a base case, a sort, a remainder, a default made anew per call."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from textgrad_code.repair.misspelled import import_offset
from textgrad_code.repair.scopes import SELF, Scopes, made_kind
from textgrad_code.repair.source import Edit, Place, Program, Splice
from textgrad_code.repair.statements import LOOPS, blocks, is_docstring

FunctionStatement = ast.FunctionDef | ast.AsyncFunctionDef
DEFAULTS = {
    "int": ("0", "-1", "1"),
    "float": ("0.0",),
    "bool": ("False", "True"),
    "str": ("''",),
    "List": ("[]",),
    "list": ("[]",),
    "Optional": ("None",),
}
ANY_DEFAULT = ("0", "-1", "False", "True", "[]", "''", "None")


def returns(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """A ``return`` at the end of a function that may end without one."""
    for place, function, own in _functions(program):
        if function.name == "__init__" or not _falls_through(function.body[-1]):
            continue
        answers = [n for n in own if isinstance(n, ast.Return) and n.value is not None]
        names = [name.text for name in scopes.local(function)]
        if answers:
            texts = dict.fromkeys(defaults(function, answers), 0.6)
        else:
            if not function.returns and _is_void(own):
                continue
            texts = {}
        texts |= dict.fromkeys(names, 0.5 if not answers else 0.25)
        for text, prior in texts.items():
            splice = _after(program, function.body[-1], f"return {text}")
            if splice:
                words = f"{function.name} ends with return {text}"
                yield _function_edit(program, place, "return", words, prior, splice)


def guards(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """A base case in front: ``if not x: return ...`` and the like."""
    for place, function, own in _functions(program):
        answers = [n for n in own if isinstance(n, ast.Return) and n.value is not None]
        values = defaults(function, answers)
        for argument in function.args.args:
            name = argument.arg
            if name in SELF or function.name == "__init__":
                continue
            conditions = {f"not {name}": (values, 0.3)}
            if not scopes.is_kind(name, "sequence"):
                conditions[f"{name} <= 1"] = ((name, *values), 0.25)
                conditions[f"{name} < 0"] = (values, 0.2)
            if not scopes.is_kind(name, "number"):
                conditions[f"len({name}) == 1"] = ((f"{name}[0]", name, *values), 0.2)
            for condition, (results, prior) in conditions.items():
                for nth, result in enumerate(results):
                    text = f"if {condition}: return {result}"
                    splice = statement_before(program, body_of(function)[0], text)
                    if splice:
                        yield _function_edit(
                            program, place, "base case", text, prior * 0.9**nth, splice
                        )


def preparations(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """A list sorted, a number reduced by a length, before anything else."""
    for place, function, _own in _functions(program):
        names = [a.arg for a in function.args.args if a.arg not in SELF]
        if function.name == "__init__":
            continue
        lists = [n for n in names if scopes.is_kind(n, "sequence") or not scopes.kinds.get(n)]
        numbers = [n for n in names if scopes.is_kind(n, "number")]
        texts = {f"{name} = sorted({name})": 0.3 for name in lists}
        texts |= {f"{k} %= len({name})": 0.35 for k in numbers for name in lists}
        for text, prior in texts.items():
            splice = statement_before(program, body_of(function)[0], text)
            if splice:
                yield _function_edit(program, place, "preparation", text, prior, splice)


def mutable_defaults(program: Program) -> Iterator[Edit]:
    """``def f(x=[])`` to ``None`` and a new list in every call."""
    for place, function, _own in _functions(program):
        arguments = [*function.args.posonlyargs, *function.args.args]
        defaulted = arguments[len(arguments) - len(function.args.defaults) :]
        pairs = [
            *zip(defaulted, function.args.defaults, strict=True),
            *zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            if default is None or made_kind(default) not in ("sequence", "table"):
                continue
            if isinstance(default, ast.Constant | ast.Tuple | ast.JoinedStr):
                continue
            name = argument.arg
            text = f"if {name} is None: {name} = {program.source(default)}"
            splice = statement_before(program, body_of(function)[0], text)
            if splice:
                words = f"{name} is made anew in every call"
                at = program.replace(default, "None")
                yield _function_edit(program, place, "default", words, 0.9, at, splice)


def memories(program: Program) -> Iterator[Edit]:
    """A recursive function that remembers its answers."""
    for place, function, own in _functions(program):
        calls = [n.func for n in own if isinstance(n, ast.Call)]
        recursive = any(
            (isinstance(f, ast.Name) and f.id == function.name)
            or (isinstance(f, ast.Attribute) and f.attr == function.name)
            for f in calls
        )
        indent = program.indent(function)
        if not recursive or indent is None or function.decorator_list:
            continue
        start, _ = program.span(function)
        top = import_offset(program)
        decorator = f"@functools.lru_cache(maxsize=None){program.newline}{indent}"
        splices = (
            Splice(start=top, end=top, text=f"import functools{program.newline}"),
            Splice(start=start, end=start, text=decorator),
        )
        words = f"{function.name} remembers its answers"
        yield _function_edit(program, place, "memory", words, 0.4, *splices)


def bookkeeping(program: Program, scopes: Scopes) -> Iterator[Edit]:
    """What is in a set already is passed over; what is visited is put into the set."""
    tables = [n for n in scopes.kinds if scopes.is_kind(n, "has .add")]
    for place, block in blocks(program):
        if not isinstance(place.node, LOOPS) or block is not place.node.body:
            continue
        stored = [
            node.id
            for statement in [place.node, *block]
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        for table in tables:
            for name in dict.fromkeys(stored):
                if name == table:
                    continue
                for statement in block[:3]:
                    guard = f"if {name} in {table}: continue"
                    splice = statement_before(program, statement, guard)
                    if splice:
                        yield program.edit(place, "visited", guard, 0.2, splice)
                    splice = statement_before(program, statement, f"{table}.add({name})")
                    if splice:
                        words = f"{table}.add({name}) is added"
                        yield program.edit(place, "visited", words, 0.15, splice)


def _functions(
    program: Program,
) -> Iterator[tuple[Place, FunctionStatement, list[ast.AST]]]:
    """Each function with the nodes that are its own, not an inner function's."""
    for place in program.places:
        function = place.node
        if isinstance(function, FunctionStatement):
            yield place, function, program.own_nodes.get(function, [])


def defaults(function: FunctionStatement, answers: list[ast.Return]) -> tuple[str, ...]:
    """Plain answers a function may give: by its annotation, by what it returns elsewhere."""
    if function.returns is not None:
        head = ast.unparse(function.returns).removeprefix("typing.").split("[")[0]
        if head in DEFAULTS:
            return DEFAULTS[head]
    texts = [ast.unparse(a.value) for a in answers if isinstance(a.value, ast.Constant)]
    if "True" in texts or "False" in texts:
        return ("False", "True")
    if any(isinstance(a.value, ast.List) for a in answers):
        return ("[]",)
    return ANY_DEFAULT


def body_of(function: FunctionStatement) -> list[ast.stmt]:
    """Statements of a function behind its docstring, or the docstring if it is all there is."""
    body = function.body
    return body[1:] if len(body) > 1 and is_docstring(body[0]) else body


def _falls_through(last: ast.stmt) -> bool:
    if isinstance(last, ast.Return | ast.Raise):
        return False
    if isinstance(last, ast.If) and last.orelse:
        return _falls_through(last.body[-1]) or _falls_through(last.orelse[-1])
    if isinstance(last, ast.While) and isinstance(last.test, ast.Constant):
        return any(isinstance(n, ast.Break) for n in ast.walk(last))
    return True


def _is_void(own: list[ast.AST]) -> bool:
    """Whether a function without annotation works by what it changes around it."""
    return any(isinstance(n, ast.Nonlocal | ast.Global) for n in own)


def _function_edit(
    program: Program, place: Place, operator: str, words: str, prior: float, *splices: Splice
) -> Edit:
    """An edit whose evidence is the whole body: the missing line cannot be executed."""
    function = place.node
    last = getattr(function, "end_lineno", None) or 1
    edit = program.edit(place, operator, words, prior, *splices)
    lines = tuple(range(edit.lines[0], last + 1))
    return Edit(operator=operator, words=edit.words, prior=prior, lines=lines, splices=splices)


def statement_before(program: Program, statement: ast.stmt, text: str) -> Splice | None:
    """A line in front of a statement; None if the statement does not begin its line."""
    indent = program.indent(statement)
    if indent is None or getattr(statement, "decorator_list", None):
        return None
    start, _ = program.span(statement)
    return Splice(start=start, end=start, text=f"{text}{program.newline}{indent}")


def _after(program: Program, statement: ast.stmt, text: str) -> Splice | None:
    indent, lines = program.indent(statement), program.whole_lines(statement)
    if indent is None or lines is None:
        return None
    end = lines[1]
    if program.data[:end].endswith((b"\n", b"\r")):
        return Splice(start=end, end=end, text=f"{indent}{text}{program.newline}")
    return Splice(start=end, end=end, text=f"{program.newline}{indent}{text}")
