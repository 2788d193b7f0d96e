"""What the judge says about a program: plain data, JSON in and out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

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
        answer: What the program answered, as JSON; None if it did not.
        answered: Whether it answered at all.
        message: What went wrong, in one line; empty for AC.
        exception: Type name of the exception that ended the call, if one did.
        trace: The solution's own lines of the stack trace, outermost first.
        output: What the program printed during this test, capped.
        mutated: Indices of arguments that the call changed, where that was not asked for.
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
    notes: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> int:
        """How many tests were accepted."""
        return sum(r.verdict is Verdict.AC for r in self.results)
