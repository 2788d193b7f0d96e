"""A judgement's sums: what its processes used, and the word on all its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textgrad_code.problem import TestCase
from textgrad_code.sandbox.protocol import Exit, Usage
from textgrad_code.verdict import CompileError, Judgement, TestResult, Verdict


@dataclass(slots=True)
class Tally:
    """What the processes of a judgement used, added up as they end.

    Args:
        cpu_s: CPU seconds of all of them.
        peak_memory_mib: Largest resident size of any.
        python: Version of the Python they run, as they say themselves before they see a program.
    """

    cpu_s: float = 0.0
    peak_memory_mib: float = 0.0
    python: str = ""

    def add(self, used: Exit | Usage) -> None:
        """One process more."""
        self.cpu_s += used.cpu_s
        self.peak_memory_mib = max(self.peak_memory_mib, used.peak_memory_mib)


def name_of(index: int, tests: Sequence[TestCase]) -> str:
    """A test in a sentence."""
    return f"test {tests[index].name or index + 1}"


def judgement_of(
    tests: Sequence[TestCase],
    results: Sequence[TestResult],
    error: CompileError | None,
    *,
    used: Tally,
    tier: str,
    wall_s: float,
) -> Judgement:
    """The word on all tests.

    Args:
        tests: All there were.
        results: Of those that were run, in order.
        error: Why the program does not compile, if it does not.
        used: What its processes used.
        tier: The isolation.
        wall_s: Wall seconds of everything.
    """
    verdict, message = Verdict.AC, ""
    failed = next((one for one in results if one.verdict is not Verdict.AC), None)
    if error is not None:
        place = "" if error.line is None else f"line {error.line}: "
        verdict, message = Verdict.CE, f"{place}{error.message}"
    elif failed is not None:
        verdict = failed.verdict
        message = f"{name_of(failed.index, tests)}: {verdict.words}: {failed.message}"
    weight = sum(test.weight for test in tests)
    passed = sum(tests[one.index].weight for one in results if one.verdict is Verdict.AC)
    return Judgement(
        verdict=verdict,
        tests=len(tests),
        tier=tier,
        results=tuple(results),
        pass_fraction=passed / weight if weight else 0.0,
        compile_error=error,
        message=message,
        wall_s=wall_s,
        cpu_s=used.cpu_s,
        peak_memory_mib=used.peak_memory_mib,
        python=used.python,
    )
