"""Which lines are to blame: spectrum-based fault localisation.

A line that failing tests run and passing tests do not is suspicious. How suspicious is Ochiai's
coefficient; the last lines of a program before an exception get a share on top.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from textgrad_code.verdict import TestResult, Verdict

RAISED_SHARE = 0.5  # of what is missing to 1, for the line that every failing test dies in


class LineCounts(Protocol):
    """What one test ran: its verdict and how often each line was executed."""

    @property
    def verdict(self) -> Verdict:
        """The word on this test."""
        ...

    @property
    def lines(self) -> Mapping[int, int]:
        """Executions by line number, from 1; empty if nothing was recorded."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspiciousLine:
    """One line and how much speaks against it.

    Args:
        line: Line number, from 1.
        score: Between 0 (no failing test runs it) and 1.
        rank: Place from 1; equal scores share the middle of their places, such as 2.5.
        failing: How many failing tests run it.
        passing: How many passing tests run it.
    """

    line: int
    score: float
    rank: float
    failing: int
    passing: int


def ochiai(*, failing: int, passing: int, all_failing: int) -> float:
    """Ochiai's coefficient of "is executed" and "fails".

    Args:
        failing: Failing tests that execute the line (a11).
        passing: Passing tests that execute it (a10).
        all_failing: All failing tests (a11 + a01).

    Returns:
        a11 / sqrt((a11 + a01) * (a11 + a10)), between 0 and 1; 0 if no failing test runs it.

    Source: R. Abreu, P. Zoeteweij, A. J. C. van Gemund, "On the Accuracy of Spectrum-based Fault
    Localization", TAICPART-MUTATION 2007, pages 89-98, where the coefficient of A. Ochiai (1957)
    is taken over from biology.
    """
    if failing == 0:
        return 0.0
    return failing / math.sqrt(all_failing * (failing + passing))


def suspicious_lines(
    traces: Sequence[LineCounts], results: Sequence[TestResult] = ()
) -> tuple[SuspiciousLine, ...]:
    """Lines that any test ran, most suspicious first, equal ones in the order of the program.

    Args:
        traces: What each test ran. Those the sandbox failed on are left out.
        results: The same tests' results, whose exceptions name the lines they passed through.

    Returns:
        Empty if no test failed, or if neither lines nor exceptions were recorded.
    """
    counted = [t for t in traces if t.verdict is not Verdict.SE]
    failing = [t for t in counted if t.verdict is not Verdict.AC]
    by_failing = Counter(line for t in failing for line, n in t.lines.items() if n > 0)
    by_passing = Counter(
        line for t in counted if t.verdict is Verdict.AC for line, n in t.lines.items() if n > 0
    )
    raised = raised_shares(results)
    if not failing and not raised:
        return ()
    lines = sorted(by_failing.keys() | by_passing.keys() | raised.keys())
    scores = {}
    for line in lines:
        score = ochiai(
            failing=by_failing[line], passing=by_passing[line], all_failing=len(failing)
        )
        scores[line] = score + (1.0 - score) * RAISED_SHARE * raised.get(line, 0.0)
    ranks = middle_ranks(scores)
    return tuple(
        SuspiciousLine(
            line=line,
            score=scores[line],
            rank=ranks[line],
            failing=by_failing[line],
            passing=by_passing[line],
        )
        for line in sorted(lines, key=lambda line: (-scores[line], line))
    )


def raised_shares(results: Sequence[TestResult]) -> dict[int, float]:
    """How much the failing tests' exceptions point at each line, 0 to 1.

    The innermost line of a trace counts in full, its caller half, and so on outwards: a fault
    is often where the arguments were made, not where they hurt.
    """
    failing = [r for r in results if r.verdict not in (Verdict.AC, Verdict.SE)]
    shares: dict[int, float] = {}
    for result in failing:
        weight = 1.0
        own: dict[int, float] = {}
        for step in reversed(result.trace):
            own.setdefault(step.line, weight)
            weight /= 2
        for line, share in own.items():
            shares[line] = shares.get(line, 0.0) + share
    return {line: share / len(failing) for line, share in sorted(shares.items())}


def middle_ranks(scores: Mapping[int, float]) -> dict[int, float]:
    """Places from 1 by falling score; equal scores share the mean of the places they take."""
    ordered = sorted(scores, key=lambda line: (-scores[line], line))
    ranks: dict[int, float] = {}
    start = 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and scores[ordered[end]] == scores[ordered[start]]:
            end += 1
        for line in ordered[start:end]:
            ranks[line] = (start + 1 + end) / 2
        start = end
    return ranks
