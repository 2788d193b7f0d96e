"""What the judge says about a program: plain data, JSON in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from textgrad_core.jsondata import JSON


class Verdict(StrEnum):
    """The judge's word on one test or on all of them.

    ``SE`` is the sandbox's own failure: never the program's fault, never a score.
    """

    AC = "AC"  # accepted
    WA = "WA"  # wrong answer
    TLE = "TLE"  # time limit exceeded
    MLE = "MLE"  # memory limit exceeded
    RE = "RE"  # run-time error
    CE = "CE"  # compile error
    OLE = "OLE"  # output limit exceeded
    SV = "SV"  # security violation: killed for a forbidden system call
    SE = "SE"  # sandbox error

    @property
    def words(self) -> str:
        """The verdict written out."""
        return WORDS[self]


WORDS = {
    Verdict.AC: "accepted",
    Verdict.WA: "wrong answer",
    Verdict.TLE: "time limit exceeded",
    Verdict.MLE: "memory limit exceeded",
    Verdict.RE: "run-time error",
    Verdict.CE: "compile error",
    Verdict.OLE: "output limit exceeded",
    Verdict.SV: "security violation",
    Verdict.SE: "sandbox error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One line of a stack trace inside the program.

    Args:
        line: Line number, from 1.
        function: Name of the function.
        text: The source line, cut.
    """

    line: int
    function: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileError:
    """Why the program is no Python program.

    Args:
        message: What the compiler said.
        line: Line number, from 1; None if unknown.
        column: Column, from 1; None if unknown.
        text: The source line.
    """

    message: str
    line: int | None = None
    column: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One test of one judgement. Texts from the program are untrusted, capped and cleaned.

    Args:
        index: Number of the test, from 0.
        verdict: The word on this test.
        seconds: Wall seconds from sending the test to having its answer, seen from outside.
        answer: What the program answered, as JSON; None if it did not. When the answers to all
            tests are very long, a text says how long the later ones were instead.
        answered: Whether it answered at all.
        message: What went wrong, in one line; empty for AC.
        exception: Type name of the exception that ended the call, if one did.
        trace: The solution's own lines of the stack trace, outermost first.
        output: What the program printed during this test, capped.
        mutated: Indices of arguments that the call changed, where that was not asked for.
        passes_alone: For a test that failed after others had run in the same process: whether
            it is accepted when it runs alone, so that state left by others is the fault. None
            if that was not tried. The verdict stays.
        note: What else is worth knowing of it, such as that it was run again.
    """

    __test__ = False  # pytest collects classes named Test...

    index: int
    verdict: Verdict
    seconds: float = 0.0
    answer: JSON = None
    answered: bool = False
    message: str = ""
    exception: str = ""
    trace: tuple[TraceLine, ...] = ()
    output: str = ""
    mutated: tuple[int, ...] = ()
    passes_alone: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestTrace:
    """What one test executed. The program could forge it: advice, no evidence.

    Args:
        index: Number of the test, from 0.
        verdict: The word on this test; TLE if it took more steps than a trace may have.
        lines: Line numbers of the program, from 1, and how often each was executed.
        steps: Sum of the counts.
    """

    __test__ = False  # pytest collects classes named Test...

    index: int
    verdict: Verdict
    lines: Mapping[int, int]
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the judge says about a program on a list of tests.

    Args:
        verdict: AC if every test is; otherwise that of the first test that is not.
        results: One per test that was run, in order.
        tests: How many tests there were.
        pass_fraction: Weights of the tests passed over all weights, 0 to 1.
        tier: Isolation the program ran in: ``full``, ``landlock``, ``seccomp-strict`` or
            ``none``.
        compile_error: Set if the verdict is CE.
        message: What went wrong, in one line; empty for AC.
        wall_s: Wall seconds of the whole judgement.
        cpu_s: CPU seconds of the processes that ran the program.
        peak_memory_mib: Largest resident size of those processes.
        python: Version of the Python that ran it.
    """

    verdict: Verdict
    tests: int
    tier: str
    results: tuple[TestResult, ...] = ()
    pass_fraction: float = 0.0
    compile_error: CompileError | None = None
    message: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_mib: float = 0.0
    python: str = ""

    @property
    def passed(self) -> int:
        """How many tests were accepted."""
        return sum(r.verdict is Verdict.AC for r in self.results)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is worth knowing of its tests."""
        return tuple(r.note for r in self.results if r.note)

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Judgement:
        """From what `to_json` gave, also after it was written and read.

        Raises:
            KeyError, TypeError, ValueError: If it is something else.
        """
        error = data["compile_error"]
        return cls(
            **{
                **data,
                "verdict": Verdict(data["verdict"]),
                "results": tuple(map(_result, data["results"])),
                "compile_error": None if error is None else CompileError(**error),
            }
        )


def _result(data: Mapping[str, Any]) -> TestResult:
    return TestResult(
        **{
            **data,
            "verdict": Verdict(data["verdict"]),
            "trace": tuple(TraceLine(**line) for line in data["trace"]),
            "mutated": tuple(data["mutated"]),
        }
    )
