"""How a program is called, from the code its author was given to start with."""

from __future__ import annotations

import ast

from textgrad_code.errors import ProblemError
from textgrad_code.problem import Kind, Parameter, Signature


def signature_of(starter: str, entry: str = "") -> Signature:
    """The signature in a piece of code whose last function may still have no body.

    Args:
        starter: A class with one method, or functions; the last one may end after its head or
            its docstring.
        entry: The function that is called; empty for the only one.

    Raises:
        ProblemError: If there is no such function.
    """
    tree = _parsed(starter)
    classes = [part for part in tree.body if isinstance(part, ast.ClassDef)]
    kind: Kind = "method" if classes else "function"
    body = classes[-1].body if classes else tree.body
    functions = [
        part for part in body if isinstance(part, ast.FunctionDef) and entry in ("", part.name)
    ]
    if not functions:
        raise ProblemError(f"the starter code defines no function {entry!r}:\n{starter}")
    found = functions[-1]
    arguments = found.args.args[1:] if classes else found.args.args
    return Signature(
        kind=kind,
        name=found.name,
        class_name=classes[-1].name if classes else "Solution",
        parameters=tuple(Parameter(name=a.arg, type=_type(a.annotation)) for a in arguments),
        returns=_type(found.returns),
    )


def _type(annotation: ast.expr | None) -> str:
    return "Any" if annotation is None else ast.unparse(annotation)


def _parsed(starter: str) -> ast.Module:
    code = starter.rstrip()
    if code.endswith(":"):
        head = code.splitlines()[-1]
        code += f"\n{head[: len(head) - len(head.lstrip())]}    pass"
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise ProblemError(f"the starter code cannot be read: {error}\n{starter}") from error
