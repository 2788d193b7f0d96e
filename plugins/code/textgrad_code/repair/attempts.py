"""Trying edited programs: in which order, on which tests, at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Protocol

from textgrad_code.errors import SandboxFailed
from textgrad_code.problem import Limits, Problem, TestCase
from textgrad_code.repair.edits import double_edits, single_edits
from textgrad_code.repair.source import same_program_key
from textgrad_code.repair.streams import Budget, Ordering, Stream
from textgrad_code.repair.syntax import syntax_repairs
from textgrad_code.suspicion import LineCounts, suspicious_lines
from textgrad_code.verdict import Judgement, TestResult, Verdict

DOUBLE_WEIGHT = 0.3  # of two edits at once, against single ones
BETTER_WEIGHT = 0.8  # of edits of a candidate that passes more than all before it
MENDED_WEIGHT = 0.4  # of edits of one that mends a test and fails others
MOST_STREAMS = 8
TRACED_STEPS = 200_000  # enough to see where a loop runs
PATIENCE = 4.0  # tracing slows a program down
QUICK_TEST_S = 0.15  # a candidate that loops must not cost the problem's whole limit
QUICK_FACTOR = 10.0
VERIFIED = 6  # candidates judged again under the problem's own limits, at most
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
        self, program: str, problem: Problem, tests: Sequence[TestCase], *, most_steps: int
    ) -> Sequence[LineCounts]:
        """Lines each test executes until it ends or has made so many steps."""
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
        self.failing, self.passing = order_of_tests(problem, start)
        self.leaks = any(r.passes_alone for r in start.results)
        self.start_weight = passed_weight(problem.visible, start)
        self.history: list[Attempt] = []
        self.scored: list[Scored] = []
        self.seen: set[str] = set()
        self.broken = 0

    def located(
        self, program: str, results: Sequence[TestResult] = ()
    ) -> tuple[tuple[int, float], ...]:
        """(line, suspicion), highest first; empty if no failing test shows what it ran.

        Args:
            program: What to trace.
            results: Its results on the visible tests, if they are known.
        """
        limits = self.quick.limits
        patient = replace(limits, test_s=PATIENCE * limits.test_s, total_s=self.patience_s)
        asked = replace(self.quick, limits=patient)
        try:
            traces = self.judge.trace(
                program, asked, self.problem.visible, most_steps=TRACED_STEPS
            )
        except SandboxFailed:
            traces = ()
        found = suspicious_lines(traces, results)
        return tuple((s.line, s.score) for s in found) if found and found[0].score > 0 else ()

    def run(self, program: str) -> tuple[tuple[int, float], ...]:
        """Locate the fault and look for a mend, unless there is nothing to mend.

        Returns:
            (line, suspicion) of the start, highest first; empty if nothing shows it.
        """
        suspicion: tuple[tuple[int, float], ...] = ()
        if self.start.verdict not in (Verdict.AC, Verdict.CE):
            suspicion = self.located(program, self.start.results)
        if self.start.verdict is not Verdict.AC:
            self.mend(program, dict(suspicion))
        return suspicion

    def mend(self, program: str, suspicion: Mapping[int, float]) -> None:
        """Try the best edit of all streams until one passes everything or the budget is used.

        The start has a stream of single and one of double edits; every candidate that does
        better than all before it, and some that mend a test at the price of another, open one.
        """
        self.seen.add(same_program_key(program))
        order = self.ordering
        if self.start.verdict is Verdict.CE:
            streams = [Stream(edits=syntax_repairs(program), weight=1.0)]
        else:
            seed, uniform = order.seed, order.uniform
            singles = single_edits(program, suspicion, seed=seed, uniform=uniform)
            doubles = double_edits(program, suspicion, seed=seed, uniform=uniform)
            streams = [
                Stream(edits=singles, weight=1.0),
                Stream(edits=doubles, weight=DOUBLE_WEIGHT),
            ]
        while self.budget.allows(len(self.history)):
            stream = max(streams, key=lambda s: s.promise)  # the earliest of equals
            edited = stream.next()
            if edited is None:
                return
            key = same_program_key(edited.program)
            if key in self.seen:
                continue
            self.seen.add(key)
            words = f"{stream.words}; {edited.words}" if stream.words else edited.words
            known = len(self.scored)
            best = self.best_weight
            if self.attempt(edited.program, words):
                return
            for scored in self.scored[known:]:
                better = scored.weight > max(best, self.start_weight)
                if better or len(streams) < MOST_STREAMS:
                    weight = BETTER_WEIGHT if better else MENDED_WEIGHT
                    streams.append(self.stream(scored, weight))

    def stream(self, scored: Scored, weight: float) -> Stream:
        """Single edits of a candidate, located by its own traces."""
        suspicion = dict(self.located(scored.program))
        order = self.ordering
        edits = single_edits(scored.program, suspicion, seed=order.seed, uniform=order.uniform)
        return Stream(edits=edits, weight=weight, words=scored.words)

    @property
    def best_weight(self) -> float:
        """Weight of the tests the best candidate so far passes."""
        return max((s.weight for s in self.scored), default=0.0)

    @property
    def patience_s(self) -> float:
        """Wall seconds for tracing one program on all tests."""
        return PATIENCE * self.quick.limits.total_s

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

        Most candidates end after a single test, and what loops once is not asked again. Where
        tests failed because of what others left behind, all run in one process as they did.
        What passes everything so far is judged as the start was, and that word counts.
        """
        told = _Told()
        if self.leaks:
            told = self.ask(program, self.problem.visible, told)
            told = replace(told, mended=told.weight > self.start_weight)
        else:
            for test in self.failing[:PROBES]:
                told = self.ask(program, [test], told)
                if told.verdict in HOPELESS:
                    return told
            rest = (*self.failing[PROBES:], *self.passing)
            if rest and (told.mended or self.start.verdict is Verdict.CE):
                told = replace(self.ask(program, rest, told), mended=told.mended)
        if told.verdict is Verdict.AC:
            visible = self.problem.visible
            judgement = self.judge.judge(program, self.problem, visible)
            weight = passed_weight(visible, judgement)
            return replace(told, verdict=judgement.verdict, passed=judgement.passed, weight=weight)
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
        for scored in sorted(self.scored, key=lambda s: (-s.weight, s.number))[:VERIFIED]:
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


def order_of_tests(
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
