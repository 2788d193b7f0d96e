"""Trying edited programs: in which order, on which tests, at what cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import inf
from typing import Protocol

from textgrad_code.errors import SandboxFailed
from textgrad_code.problem import Limits, Problem, TestCase
from textgrad_code.repair.edits import Edited, double_edits, single_edits
from textgrad_code.repair.source import same_program_key
from textgrad_code.repair.syntax import syntax_repairs
from textgrad_code.suspicion import LineCounts, suspicious_lines
from textgrad_code.verdict import Judgement, Verdict

FIRST_SHARE = 0.6  # of the budget for single edits, before partial fixes get their turn
PARTIAL_SHARE = 0.9  # of the budget up to which partial fixes are edited further
PARTIALS = 6
EDITS_PER_PARTIAL = 300
QUICK_TEST_S = 0.15  # a candidate that loops must not cost the problem's whole limit
QUICK_FACTOR = 10.0
SANDBOX_FAILURES = 3
PROBES = 2  # failing tests every candidate is run on
HOPELESS = (Verdict.CE, Verdict.TLE, Verdict.MLE, Verdict.OLE, Verdict.SV)


class Judges(Protocol):
    """What repair needs of a judge."""

    def judge(
        self, program: str, problem: Problem, tests: Sequence[TestCase] | None = None
    ) -> Judgement:
        """Run a program on tests."""
        ...

    def trace(
        self, program: str, problem: Problem, tests: Sequence[TestCase]
    ) -> Sequence[LineCounts]:
        """Lines each test executes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One candidate.

    Args:
        number: Place in the order of trying, from 1.
        words: What was edited.
        verdict: That of the first visible test it failed; AC if it failed none.
        passed: Visible tests it passed; those behind a hopeless one were not run.
    """

    number: int
    words: str
    verdict: Verdict
    passed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """How edits are ordered; see `ranked_edits`."""

    seed: int
    uniform: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent: candidates, and seconds since ``begun`` on ``clock``."""

    most: int
    begun: float
    seconds: float
    clock: Callable[[], float]

    def allows(self, tried: int, share: float) -> bool:
        """Whether one more candidate fits into a share of the budget."""
        spent = self.clock() - self.begun
        return tried < int(self.most * share) and spent < self.seconds * share


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A candidate that passed something: weight of tests passed, then the earlier one."""

    weight: float
    number: int
    program: str
    words: str
    mended: bool  # a test that failed at the start passes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What is known of a candidate: first bad verdict, tests passed, their weight."""

    verdict: Verdict = Verdict.AC
    passed: int = 0
    weight: float = 0.0
    mended: bool = False


class Attempts:
    """The course of one repair: what was tried and what came of it."""

    def __init__(
        self,
        *,
        problem: Problem,
        judge: Judges,
        start: Judgement,
        budget: Budget,
        ordering: Ordering,
    ) -> None:
        self.problem = problem
        self.judge = judge
        self.start = start
        self.budget = budget
        self.ordering = ordering
        self.quick = replace(problem, limits=quick_limits(problem.limits, start))
        self.failing, self.passing = test_order(problem, start)
        self.start_weight = passed_weight(problem.visible, start)
        self.history: list[Attempt] = []
        self.scored: list[Scored] = []
        self.seen: set[str] = set()
        self.broken = 0

    def located(self, program: str) -> dict[int, float]:
        """Suspicion by line, highest first."""
        try:
            traces = self.judge.trace(program, self.quick, self.problem.visible)
        except SandboxFailed:
            traces = ()
        return {s.line: s.score for s in suspicious_lines(traces, self.start.results)}

    def mend_syntax(self, program: str) -> None:
        """Make the program compile; then look for faults in what compiles best."""
        self.seen.add(same_program_key(program))
        if self.try_all(syntax_repairs(program), "", FIRST_SHARE):
            return
        for scored in self.partials(mended=False) or []:
            if self.try_all(self.edits(scored), scored.words, 1.0):
                return

    def mend(self, program: str, suspicion: dict[int, float]) -> None:
        """Single edits, second edits of partial fixes, then whatever the budget leaves."""
        self.seen.add(same_program_key(program))
        order = self.ordering
        singles = single_edits(program, suspicion, seed=order.seed, uniform=order.uniform)
        if self.try_all(singles, "", FIRST_SHARE):
            return
        for scored in self.partials(mended=True):
            edits = islice(self.edits(scored), EDITS_PER_PARTIAL)
            if self.try_all(edits, scored.words, PARTIAL_SHARE):
                return
        if self.try_all(singles, "", 1.0):
            return
        doubles = double_edits(program, suspicion, seed=order.seed, uniform=order.uniform)
        self.try_all(doubles, "", 1.0)

    def edits(self, scored: Scored) -> Iterator[Edited]:
        """Single edits of a candidate, located by its own traces."""
        suspicion = self.located(scored.program)
        order = self.ordering
        return single_edits(scored.program, suspicion, seed=order.seed, uniform=order.uniform)

    def partials(self, *, mended: bool) -> list[Scored]:
        """The best candidates so far that mend a test, best first."""
        chosen = [s for s in self.scored if s.mended or not mended]
        return sorted(chosen, key=lambda s: (-s.weight, s.number))[:PARTIALS]

    def try_all(self, stream: Iterator[Edited], before: str, share: float) -> bool:
        """Judge candidates until one passes everything or the share of the budget is used."""
        while self.budget.allows(len(self.history), share):
            edited = next(stream, None)
            if edited is None:
                return False
            key = same_program_key(edited.program)
            if key in self.seen:
                continue
            self.seen.add(key)
            words = f"{before}; {edited.words}" if before else edited.words
            if self.attempt(edited.program, words):
                return True
        return False

    def attempt(self, program: str, words: str) -> bool:
        """Judge one candidate and remember it; whether it passes everything."""
        number = len(self.history) + 1
        try:
            told = self.told(program)
        except SandboxFailed:
            self.broken += 1
            if self.broken >= SANDBOX_FAILURES:
                raise
            told = _Told(verdict=Verdict.SE)
        else:
            self.broken = 0
        self.history.append(
            Attempt(number=number, words=words, verdict=told.verdict, passed=told.passed)
        )
        compiles = told.verdict is not Verdict.CE
        if told.mended or (self.start.verdict is Verdict.CE and compiles):
            self.scored.append(
                Scored(
                    weight=told.weight,
                    number=number,
                    program=program,
                    words=words,
                    mended=told.mended,
                )
            )
        return told.verdict is Verdict.AC

    def told(self, program: str) -> _Told:
        """Run a candidate on failing tests one by one; on the rest if it passes one of them.

        Most candidates end after a single test, and what loops once is not asked again.
        """
        told = _Told()
        for test in self.failing[:PROBES]:
            told = self.ask(program, [test], told)
            if told.verdict in HOPELESS:
                return told
        rest = (*self.failing[PROBES:], *self.passing)
        if rest and (told.mended or self.start.verdict is Verdict.CE):
            mended = told.mended
            told = replace(self.ask(program, rest, told), mended=mended)
        return told

    def ask(self, program: str, tests: Sequence[TestCase], before: _Told) -> _Told:
        """One judgement, added to what was known."""
        judgement = self.judge.judge(program, self.quick, tests)
        verdict = before.verdict if before.verdict is not Verdict.AC else judgement.verdict
        return _Told(
            verdict=verdict,
            passed=before.passed + judgement.passed,
            weight=before.weight + passed_weight(tests, judgement),
            mended=before.mended or judgement.passed > 0,
        )

    def verified(self, program: str) -> tuple[str, Judgement, str]:
        """The best candidate under the problem's own limits; the start if none is better."""
        for scored in sorted(self.scored, key=lambda s: (-s.weight, s.number))[:PARTIALS]:
            if scored.weight <= self.start_weight:
                break
            judgement = self.judge.judge(scored.program, self.problem, self.problem.visible)
            if passed_weight(self.problem.visible, judgement) > self.start_weight:
                return scored.program, judgement, scored.words
        return program, self.start, ""


def quick_limits(limits: Limits, start: Judgement) -> Limits:
    """Limits for candidates: ten times what the start needed for a test it passed, or so."""
    times = [r.seconds for r in start.results if r.verdict is Verdict.AC]
    test_s = min(limits.test_s, max(QUICK_TEST_S, QUICK_FACTOR * max(times, default=0.0)))
    return replace(limits, test_s=test_s, total_s=min(limits.total_s, 2 * test_s))


def test_order(
    problem: Problem, start: Judgement
) -> tuple[tuple[TestCase, ...], tuple[TestCase, ...]]:
    """Failing and passing visible tests, quick ones first; tests that were not run have failed."""
    tests = problem.visible
    results = {r.index: r for r in start.results}
    times = [results[i].seconds if i in results else inf for i in range(len(tests))]
    order = sorted(range(len(tests)), key=lambda i: (times[i], i))
    passed = {i for i, r in results.items() if r.verdict is Verdict.AC}
    failing = tuple(tests[i] for i in order if i not in passed)
    return failing, tuple(tests[i] for i in order if i in passed)


def passed_weight(tests: Sequence[TestCase], judgement: Judgement) -> float:
    """Sum of the weights of the tests passed."""
    return sum(tests[r.index].weight for r in judgement.results if r.verdict is Verdict.AC)
