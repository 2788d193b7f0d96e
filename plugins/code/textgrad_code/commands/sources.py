"""Program files: read as Python reads them, written back in the form they had."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from textgrad_code.domain import MAX_PROGRAM_CHARS, without_fence
from textgrad_code.problem import Problem
from textgrad_code.repair.source import BYTE_ORDER_MARK
from textgrad_core.coding import declared_encoding
from textgrad_core.errors import UsageError

MOST_BYTES = 4 * MAX_PROGRAM_CHARS + len(codecs.BOM_UTF8)  # no encoding of text needs more

FENCED = "Judged without the Markdown fence around it."
BODY_ONLY = (
    "The first line is indented. If this only completes the code to start from, judge it with "
    "--prepend-starter."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The text of a program, line ends as they are in the file.

    Args:
        text: Without the byte order mark.
        encoding: As the mark or one of the first two lines declares it; ``utf-8-sig`` if there
            is a mark.
    """

    text: str
    encoding: str

    def encoded(self, program: str) -> bytes:
        """A changed program as the bytes of such a file."""
        return program.removeprefix(BYTE_ORDER_MARK).encode(self.encoding)


def read_program(path: Path) -> SourceFile:
    """Read a program file.

    Raises:
        UsageError: If it cannot be read, is no text in the encoding it declares, or is too long.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {reason}; give a Python file") from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path} has more than the {MAX_PROGRAM_CHARS} characters of a program")
    try:
        encoding = declared_encoding(data)
        text = data.decode(encoding)
    except (SyntaxError, ValueError, LookupError) as error:
        raise UsageError(
            f"{path} cannot be read as text: {error}; save it in UTF-8, or declare its encoding "
            "in the first line"
        ) from error
    if len(text) > MAX_PROGRAM_CHARS:
        raise UsageError(
            f"{path} has {len(text)} characters; a program has at most {MAX_PROGRAM_CHARS}"
        )
    return SourceFile(text=text, encoding=encoding)


def prepared(text: str, problem: Problem, *, prepend: bool) -> tuple[str, str]:
    """The program to judge, and what to say about how it was written; empty for nothing.

    Args:
        text: As it is in the file.
        problem: Whose code to start from may have to come first.
        prepend: Whether it has to, as for the completions of HumanEval.
    """
    program = without_fence(text)
    note = FENCED if program != text else ""
    if prepend:
        return problem.starter + program, note
    first = next((line for line in program.splitlines() if line.strip()), "")
    if problem.starter and first[:1] in (" ", "\t"):
        note = BODY_ONLY
    return program, note
