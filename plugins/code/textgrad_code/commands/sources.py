"""Program files: read as Python reads them, written back in the form they had."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from textgrad_code.domain import MAX_PROGRAM_CHARS
from textgrad_code.fences import MARK, fenced_program, without_fence
from textgrad_code.problem import Problem
from textgrad_code.repair.source import BYTE_ORDER_MARK, check_syntax
from textgrad_core.coding import declared_encoding
from textgrad_core.errors import Invalid, UsageError
from textgrad_core.schema import parse_json

MOST_BYTES = 4 * MAX_PROGRAM_CHARS + len(codecs.BOM_UTF8)  # no encoding of text needs more
DEFINITION = re.compile(r"^(?:class|def|async def)\s+(\w+)", re.MULTILINE)

FENCED = "Judged without the Markdown fence around it."
OUT_OF_PROSE = "Judged without the Markdown fence and what stands outside of it."
SEVERAL_FENCES = "There are Markdown fences in it: leave nothing but the program."
BODY_ONLY = (
    "The first line is indented. If this only completes the code to start from, judge it with "
    "--prepend-starter."
)
IF_CE = (SEVERAL_FENCES, BODY_ONLY)  # notes that only explain a compile error


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
        UsageError: If it cannot be read, is no text in the encoding it declares, is too long, or
            holds samples.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {reason}; give a Python file") from error
    if _holds_samples(data):
        raise UsageError(
            f"{path} is JSON lines of samples, no program: judge it on a data set, such as "
            "--problem humaneval:"
        )
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
    check_length(text, str(path))
    return SourceFile(text=text, encoding=encoding)


def _holds_samples(data: bytes) -> bool:
    first = data.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")[0]
    if not first.startswith(b"{"):
        return False
    try:
        row = parse_json(first.decode())
    except (Invalid, UnicodeDecodeError):
        return False
    return isinstance(row, dict) and "task_id" in row


def check_length(text: str, where: str) -> None:
    """Refuse a text that is too long for a program.

    Raises:
        UsageError: If it is.
    """
    if len(text) > MAX_PROGRAM_CHARS:
        raise UsageError(
            f"{where} has {len(text)} characters; a program has at most {MAX_PROGRAM_CHARS}"
        )


def prepared(text: str, problem: Problem, *, prepend: bool) -> tuple[str, str]:
    """The program to judge, and what to say about how it was written; empty for nothing.

    Args:
        text: As it is in the file.
        problem: Whose code to start from may have to come first.
        prepend: Whether it has to, as for the completions of HumanEval.
    """
    starter = problem.starter if prepend else ""
    program = without_fence(text)
    note = FENCED if program != text else ""
    if MARK.search(program) and not _is_python(_completed(starter, program)):
        found = fenced_program(text)
        program, note = (text, SEVERAL_FENCES) if found is None else (found, OUT_OF_PROSE)
    if prepend:
        return _completed(starter, program), note
    first = next((line for line in program.splitlines() if line.strip()), "")
    if problem.starter and first[:1] in (" ", "\t"):
        note = BODY_ONLY
    return program, note


def _completed(starter: str, completion: str) -> str:
    """A completion after the code to start from.

    Where the last line of that is not over, an indented completion starts a line of its own, with
    its own indentation; any other goes on where that line stops. A completion that says again what
    an open beginning defines is whole.
    """
    if _defined(starter) & _defined(completion) and not _is_python(starter):
        return completion
    last = starter.rpartition("\n")[2]
    if not last.strip():
        blanks = last if completion.startswith(last) else ""
        return starter.removesuffix(blanks) + completion
    goes_on = last.rstrip().endswith(":") and completion[:1] not in (" ", "\t")
    return starter + completion if goes_on else f"{starter}\n{completion}"


def _defined(text: str) -> set[str]:
    """Names of the classes and functions that stand at the margin."""
    return set(DEFINITION.findall(text))


def _is_python(text: str) -> bool:
    try:
        check_syntax(text)
    except (SyntaxError, ValueError):
        return False
    except (RecursionError, MemoryError):  # nested too deep for the compiler, but no Markdown
        return True
    return True
