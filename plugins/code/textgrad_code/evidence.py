"""What a judgement shows, as plain data: the record behind feedback, repair and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from textgrad_code.differences import shown
from textgrad_code.growth import Growth, Point, fitted_growth, input_size
from textgrad_code.problem import Problem, TestCase
from textgrad_code.suspicion import suspicious_lines
from textgrad_code.verdict import Judgement, TestResult, TestTrace, Verdict
from textgrad_core.jsondata import JSON

SHOWN_CHARS = 1_000
OUTPUT_CHARS = 1_000
SUSPECTS = 8
OF_PROCESSES = ("wall_s", "cpu_s", "peak_memory_mib")  # of all tests that ran in them


class Trace(Protocol):
    """What one traced test ran."""

    @property
    def verdict(self) -> Verdict:
        """The word on this test."""
        ...

    @property
    def lines(self) -> Mapping[int, int]:
        """Executions by line number."""
        ...

    @property
    def steps(self) -> int:
        """Lines executed in all."""
        ...


def summary(judgement: Judgement, tests: str) -> dict[str, JSON]:
    """Counts only: all that may be known of hidden tests.

    Args:
        judgement: What the judge said.
        tests: Which tests these are: ``visible`` or ``hidden``.
    """
    counted = Counter(str(r.verdict) for r in judgement.results)
    return {
        "judged_on": tests,
        "verdict": str(judgement.verdict),
        "tests_passed": judgement.passed,
        "tests_count": judgement.tests,
        "pass_fraction": judgement.pass_fraction,
        "verdicts": {name: counted[name] for name in sorted(counted)},
        "isolation": judgement.tier,
        "python": judgement.python,
        "wall_s": round(judgement.wall_s, 6),
        "cpu_s": round(judgement.cpu_s, 6),
        "slowest_test_s": round(max((r.seconds for r in judgement.results), default=0.0), 6),
        "peak_memory_mib": round(judgement.peak_memory_mib, 3),
    }


def evidence(
    judgement: Judgement,
    problem: Problem,
    traces: Sequence[Trace] = (),
    scaled: Growth | None = None,
    notes: Sequence[str] = (),
) -> dict[str, JSON]:
    """Everything about a judgement on visible tests.

    Args:
        judgement: Results on ``problem.visible``.
        problem: The problem.
        traces: What each of those tests ran, in their order; empty if they were not traced.
        scaled: Growth measured on inputs made for it; by default that of the tests themselves.
        notes: What else is worth knowing, such as what there was no time for.
    """
    error = judgement.compile_error
    growth = scaled or fitted_growth(_points(problem.visible, judgement.results, traces))
    known = [_judged(trace, r) for trace, r in zip(traces, judgement.results, strict=False)]
    blamed = suspicious_lines(known, judgement.results) if error is None else ()
    record = summary(judgement, "visible")
    record["message"] = judgement.message
    record["tests"] = [_test(r, problem) for r in judgement.results]
    record["compile_error"] = None
    if error is not None:
        record["compile_error"] = {
            "message": error.message,
            "line": error.line,
            "column": error.column,
            "text": error.text,
        }
    record["suspicion"] = [[s.line, round(s.score, 4)] for s in blamed]
    record["lines"] = {str(s.line): [s.failing, s.passing] for s in sorted(blamed, key=_line)}
    record["growth"] = None if growth is None else growth.to_json()
    record["notes"] = [*judgement.notes, *notes]
    return record


def _judged(trace: Trace, result: TestResult) -> Trace:
    """A trace with the judge's verdict, where tracing made it late."""
    if trace.verdict is not Verdict.TLE or result.verdict is Verdict.TLE:
        return trace
    verdict = result.verdict if trace.lines else Verdict.SE  # left out: it says nothing
    return TestTrace(index=result.index, verdict=verdict, lines=trace.lines, steps=trace.steps)


def _line(suspect: object) -> int:
    return int(getattr(suspect, "line", 0))


def _test(result: TestResult, problem: Problem) -> dict[str, JSON]:
    test = problem.visible[result.index]
    wrong = result.verdict is Verdict.WA
    return {
        "index": result.index,
        "name": test.name,
        "verdict": str(result.verdict),
        "seconds": round(result.seconds, 6),
        "message": result.message,
        "exception": result.exception,
        "trace": [[t.line, t.function, t.text] for t in result.trace],
        "answer": shown(result.answer, SHOWN_CHARS) if result.answered else None,
        "difference": result.message if wrong else None,
        "passes_alone": result.passes_alone,
        "mutated": list(result.mutated),
        "output": result.output[:OUTPUT_CHARS],
    }


def _points(
    tests: Sequence[TestCase], results: Sequence[TestResult], traces: Sequence[Trace]
) -> list[Point]:
    """Sizes and steps of the tests that ended by themselves."""
    seconds = {r.index: r.seconds for r in results}
    return [
        Point(size=input_size(test.arguments), steps=trace.steps, seconds=seconds.get(index, 0.0))
        for index, (test, trace) in enumerate(zip(tests, traces, strict=False))
        if trace.verdict in (Verdict.AC, Verdict.WA) and trace.steps > 0
    ]
