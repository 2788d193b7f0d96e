"""What went wrong in a program, as plain data of bounded size."""

from __future__ import annotations

import sys
import types
from typing import Any

FILE = "solution.py"
LONGEST_TEXT = 2000
OUTERMOST, INNERMOST = 4, 8
PACKAGES = ("sortedcontainers",)  # that may be there beyond the standard library


def source_lines(program: str) -> list[str]:
    """Its lines as Python numbers them: a form feed, say, ends none."""
    text = program.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def compile_failure(error: BaseException) -> dict[str, Any]:
    """Why a text is no Python program."""
    if isinstance(error, SyntaxError):
        return {
            "message": f"{type(error).__name__}: {error.msg}"[:LONGEST_TEXT],
            "line": number(error.lineno),
            "column": number(error.offset),
        }
    if isinstance(error, (RecursionError, MemoryError)):
        return {"message": "the program is nested too deeply to compile"}
    return {"message": f"{type(error).__name__}: {error}"[:LONGEST_TEXT]}


def failure(error: BaseException) -> dict[str, Any]:
    """An exception that ended a call: type, message, and the program's own lines.

    Its class may be the program's: attributes are read as the built-in classes have them.
    """
    kind = type(error)
    told: dict[str, Any] = {
        "type": type.__dict__["__name__"].__get__(kind)[:100],
        "message": text_of(error) + import_hint(error),
        "trace": solution_lines(BaseException.__dict__["__traceback__"].__get__(error)),
    }
    if issubclass(kind, SystemExit):
        told["exit"] = exit_code(error)
    return told


def exit_code(error: BaseException) -> int:
    """What the process of a script would end with."""
    code = SystemExit.__dict__["code"].__get__(error)
    if code is None:
        return 0
    return int.__int__(code) if issubclass(type(code), int) else 1


def solution_lines(traceback: types.TracebackType | None) -> list[list[Any]]:
    """Line and function of every frame inside the program; the middle of long ones is left out."""
    lines: list[list[Any]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == FILE:
            lines.append([traceback.tb_lineno, code.co_name[:100]])
        traceback = traceback.tb_next
    if len(lines) > OUTERMOST + INNERMOST:
        lines = lines[:OUTERMOST] + lines[-INNERMOST:]
    return lines


def text_of(error: BaseException) -> str:
    """The exception's message; a program's own exception may fail to give one."""
    try:
        return str.__getitem__(str(error), slice(LONGEST_TEXT))
    except BaseException:  # the program's own __str__
        return ""


def import_hint(error: BaseException) -> str:
    """What may be imported, for who tried something else."""
    name = error.name if type(error) is ModuleNotFoundError else None
    if type(name) is not str or name.partition(".")[0] in sys.stdlib_module_names:
        return ""
    packages = ", ".join(one for one in PACKAGES if one in sys.modules) or "nothing"
    return f" (not offered here; beyond the standard library there is: {packages})"


def number(value: object) -> int | None:
    """A line or column, if it is one: some errors have none, or 0."""
    return value if isinstance(value, int) and value > 0 else None
