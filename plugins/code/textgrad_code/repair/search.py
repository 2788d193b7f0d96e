"""Repair by trying: locate the fault, edit, judge every candidate on the visible tests.

A repair that passes the visible tests is plausible, no more: what is called correct needs tests
that the search has not seen.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from dataclasses import dataclass

from textgrad_code.problem import Problem
from textgrad_code.repair.attempts import Attempt, Attempts, Judges
from textgrad_code.repair.source import lines_with_ends
from textgrad_code.repair.streams import Budget, Ordering
from textgrad_code.verdict import Judgement, Verdict
from textgrad_core.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairResult:
    """What a repair came to.

    Args:
        program: The best program on visible evidence; the start if none was better.
        start: Judgement of the start on the visible tests.
        judgement: Judgement of ``program`` on the visible tests.
        plausible: It passes all visible tests; nothing is said about other tests.
        candidates: Edited programs that were judged.
        seconds: Wall time.
        words: The edits made, in one line; empty if there are none.
        diff: Unified diff from the start.
        history: Every candidate in order.
        suspicion: (line, score) of the start, most suspicious first.
    """

    program: str
    start: Judgement
    judgement: Judgement
    plausible: bool
    candidates: int
    seconds: float
    words: str
    diff: str
    history: tuple[Attempt, ...]
    suspicion: tuple[tuple[int, float], ...]

    @property
    def summary(self) -> str:
        """One line for people; it claims what was seen only."""
        passed, tests = self.judgement.passed, self.judgement.tests
        told = f"passes {passed} of {tests} visible tests after {self.candidates} candidates"
        return f"{told}: {self.words}" if self.words else f"{told}: nothing better was found"


def repair(
    program: str,
    problem: Problem,
    judge: Judges,
    *,
    max_candidates: int = 1000,
    seconds: float = 30.0,
    seed: int = 0,
    uniform: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> RepairResult:
    """Look for a small edit after which a program passes the visible tests.

    Args:
        program: The start.
        problem: Its visible tests are used, its hidden ones are not looked at.
        judge: Who runs the candidates.
        max_candidates: Most edited programs to judge.
        seconds: Wall time after which no further one is begun.
        seed: 0 tries equally promising edits in order; another one shuffles them.
        uniform: Try edits in random order: the baseline that shows what localisation is worth.
        clock: Seconds from anywhere.

    Returns:
        The best program found; never one that does worse on the visible tests than the start.

    Raises:
        UsageError: If there is no visible test or a bound is not positive.
        SandboxFailed: If the sandbox failed several times in a row.
    """
    if not problem.visible:
        raise UsageError(f"problem {problem.name!r} has no visible test to repair for: add some")
    begun = clock()
    budget = _budget(max_candidates, seconds, begun, clock)
    search = Attempts(
        problem=problem,
        judge=judge,
        start=judge.judge(program, problem, problem.visible),
        budget=budget,
        ordering=Ordering(seed=seed, uniform=uniform),
    )
    suspicion = search.run(program)
    best, judgement, words = search.verified(program)
    return RepairResult(
        program=best,
        start=search.start,
        judgement=judgement,
        plausible=judgement.verdict is Verdict.AC,
        candidates=len(search.history),
        seconds=clock() - begun,
        words=words,
        diff=unified(program, best),
        history=tuple(search.history),
        suspicion=suspicion,
    )


def _budget(most: int, seconds: float, begun: float, clock: Callable[[], float]) -> Budget:
    if most < 1 or not seconds > 0:
        raise UsageError(
            f"max_candidates is {most} and seconds is {seconds}: give positive numbers"
        )
    return Budget(most=most, begun=begun, seconds=seconds, clock=clock)


def unified(before: str, after: str, *, names: tuple[str, str] = ("before.py", "after.py")) -> str:
    """The change as a unified diff; empty if there is none."""
    lines = difflib.unified_diff(lines_with_ends(before), lines_with_ends(after), *names)
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)
