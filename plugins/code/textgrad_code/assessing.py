"""What a reply from the sandbox means for a test. Pure; trusts no field of a frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textgrad_code.answers import Violation, decode
from textgrad_code.grading import Grader
from textgrad_code.jail.failures import source_lines
from textgrad_code.problem import Limits, TestCase
from textgrad_code.replies import VIOLATION, Ended, Reply
from textgrad_code.untrusted import clean
from textgrad_code.verdict import CompileError, TestResult, TraceLine, Verdict

LONGEST_MESSAGE = 500
LONGEST_OUTPUT = 4000
LONGEST_LINE = 200
MOST_TRACE_LINES = 12
LIMITS = {
    "memory": (Verdict.MLE, "ran out of memory"),
    "answer": (Verdict.OLE, "the answer is too large"),
    "steps": (Verdict.TLE, "took more steps than a trace may have"),
}


class DoesNotCompile(Exception):
    """The program is no Python program."""

    def __init__(self, error: CompileError) -> None:
        super().__init__(error.message)
        self.error = error


def assess(
    told: Reply | Ended, index: int, test: TestCase, grader: Grader, program: str, limit_s: float
) -> TestResult:
    """The result of one test.

    Args:
        told: What came back.
        index: Number of the test.
        test: The test, with the answer it expects.
        grader: Tells what is wrong with an answer.
        program: The judged program, for lines of its stack trace.
        limit_s: Wall seconds the test may take.

    Raises:
        ProblemError: If the problem's own checker is broken.
    """
    output = clean(told.output.decode("utf-8", "replace"), LONGEST_OUTPUT)
    common: dict[str, Any] = {"index": index, "seconds": told.seconds, "output": output}
    if isinstance(told, Ended):
        return TestResult(verdict=told.verdict, message=told.message, **common)
    try:
        fields = read_reply(told.frame, program)
        if "answer" in told.frame:
            fields["mutated"] = _indices(told.frame.get("mutated"), len(test.arguments))
            fault = grader.fault(test, fields["answer"])
            if fault is not None:
                fields.update(verdict=Verdict.WA, message=fault)
    except Violation as error:
        message = f"{VIOLATION}: {error}"
        return TestResult(verdict=Verdict.RE, message=message, **common)
    except RecursionError:  # the caller's stack may be deep already
        message = "the answer is nested too deeply to be compared"
        return TestResult(verdict=Verdict.RE, message=message, **common)
    if told.seconds > limit_s and fields["verdict"] is not Verdict.SV:
        message = f"took {told.seconds:.2f} s; the limit is {limit_s:g} s"
        fields.update(verdict=Verdict.TLE, message=message)
    return TestResult(**fields, **common)


def read_reply(frame: dict[str, Any], program: str) -> dict[str, Any]:
    """Fields of a `TestResult` from a frame; AC stands for "answered".

    Raises:
        Violation: If the frame is none that the protocol has.
    """
    if "answer" in frame:
        return {"verdict": Verdict.AC, "answer": decode(frame["answer"]), "answered": True}
    if "error" in frame:
        return _error(frame["error"], program)
    if "unserialisable" in frame:
        message = clean(_text(frame["unserialisable"]), LONGEST_MESSAGE)
        return {"verdict": Verdict.RE, "message": message}
    limit = frame.get("limit")
    if isinstance(limit, str) and limit in LIMITS:
        verdict, message = LIMITS[limit]
        return {"verdict": verdict, "message": message}
    raise Violation("a frame that says nothing")


def with_limit(told: Reply | Ended, limits: Limits) -> Reply | Ended:
    """The same; who was late is told which limit that broke."""
    if isinstance(told, Reply) or told.verdict is not Verdict.TLE:
        return told
    known = f"the limit is {limits.test_s:g} s"
    if told.seconds < limits.test_s:
        known = f"the tests together may take {limits.total_s:.3g} s"
    return replace(told, message=f"{told.message}; {known}")


def load_failure(told: Reply | Ended, program: str) -> Reply | Ended | None:
    """What came instead of word that a program is loaded; None if nothing did.

    Raises:
        DoesNotCompile: If the program does not.
    """
    if isinstance(told, Ended):
        return replace(told, message=f"{told.message} while the program was loaded")
    if told.frame.get("ready") is True:
        return None
    if "answer" in told.frame:  # no test was sent that it could answer
        message = f"{VIOLATION}: an answer while the program was loaded"
        return Ended(verdict=Verdict.RE, message=message, seconds=told.seconds, output=b"")
    if "compile_error" in told.frame:
        try:
            error = read_compile_error(told.frame["compile_error"], program)
        except Violation as violation:
            message = f"{VIOLATION}: {violation}"
            return Ended(verdict=Verdict.RE, message=message, seconds=0.0, output=b"")
        raise DoesNotCompile(error)
    return told


def read_compile_error(told: Any, program: str) -> CompileError:
    """Why a program does not compile, with the line in question.

    Raises:
        Violation: If the frame is none that the protocol has.
    """
    if not isinstance(told, dict):
        raise Violation("a compile error is no object")
    line = told.get("line") if _is_place(told.get("line")) else None
    if line is None and "\0" in program:  # not every Python says where it is
        line = program[: program.index("\0")].count("\n") + 1
    lines = source_lines(program)
    if line is None or line > len(lines):
        return CompileError(message=clean(_text(told.get("message")), LONGEST_MESSAGE))
    text = source_line(program, line)
    return CompileError(
        message=clean(_text(told.get("message")), LONGEST_MESSAGE),
        line=line,
        column=_column(told.get("column"), lines[line - 1], text),
        text=text,
    )


def source_line(program: str, line: int) -> str:
    """A line of the program, cut; empty if it has no such line."""
    lines = source_lines(program)
    return clean(lines[line - 1], LONGEST_LINE) if 1 <= line <= len(lines) else ""


def _error(told: Any, program: str) -> dict[str, Any]:
    if not isinstance(told, dict) or not isinstance(told.get("trace"), list):
        raise Violation("an error is no object")
    kind = clean(_text(told.get("type")), 100)
    message = clean(_text(told.get("message")), LONGEST_MESSAGE)
    if kind == "SystemExit":
        message = f"ended before returning (exit {_exit_code(told.get('exit'))})"
    elif kind:
        message = f"{kind}: {message}" if message else kind
    lines = [_trace_line(entry, program) for entry in told["trace"][:MOST_TRACE_LINES]]
    return {
        "verdict": Verdict.RE,
        "message": message,
        "exception": kind,
        "trace": tuple(lines),
    }


def _exit_code(value: Any) -> str:
    return str(value) if type(value) is int and abs(value) < 1 << 31 else "unknown"


def _trace_line(entry: Any, program: str) -> TraceLine:
    if not isinstance(entry, list) or len(entry) != 2 or not _is_place(entry[0]):
        raise Violation("a line of a stack trace is malformed")
    function = clean(_text(entry[1]), 100)
    return TraceLine(line=entry[0], function=function, text=source_line(program, entry[0]))


def _column(value: Any, line: str, shown: str) -> int | None:
    """A column of a line, if it is the same one in what is shown of that line."""
    if not _is_place(value) or value > len(shown) + 1:
        return None
    return int(value) if line[: value - 1] == shown[: value - 1] else None


def _is_place(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 31


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Violation("a text is missing")
    return value


def _indices(value: Any, most: int) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise Violation("a list of changed arguments is malformed")
    if any(type(one) is not int or not 0 <= one < most for one in value):
        raise Violation("a changed argument is none of the test's")
    return tuple(value)
