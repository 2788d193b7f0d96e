"""Programs of a problem's author: checkers and generators of tests. They run here, unjailed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache

from textgrad_code.errors import ProblemError


def file_of(where: str) -> str:
    """What stands for a file's name in stack traces of such a program."""
    return f"<{where}>"


def require_function(source: str, name: str, where: str) -> None:
    """See, without running it, that a program defines a function.

    Args:
        source: The program.
        name: The function it has to define at its top level.
        where: What the program is, for the message.

    Raises:
        ProblemError: If it is no Python program or defines no such function.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ProblemError(f"{where} is no Python program: {error}") from error
    if not any(isinstance(part, ast.FunctionDef) and part.name == name for part in tree.body):
        raise ProblemError(f"{where} defines no function {name!r}: write def {name}(...): ...")


@lru_cache(maxsize=256)
def trusted_function(source: str, name: str, where: str) -> Callable[..., object]:
    """Run a program of the problem's author and take one function of it.

    The program has the rights of this process; no candidate's text ever comes here.

    Args:
        source: The program.
        name: The function it has to define at its top level.
        where: What the program is, for messages and stack traces.

    Raises:
        ProblemError: If it is no Python program, fails, or defines no such function.
    """
    require_function(source, name, where)
    namespace: dict[str, object] = {"__name__": "problem"}
    try:
        exec(compile(source, file_of(where), "exec"), namespace)  # noqa: S102 - the author's own
    except Exception as error:
        raise ProblemError(f"{where} fails: {type(error).__name__}: {error}") from error
    found = namespace[name]
    if not callable(found):
        raise ProblemError(f"{where} defines {name!r}, but no function: write def {name}(...)")
    return found
