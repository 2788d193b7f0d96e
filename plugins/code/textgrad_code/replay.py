"""Published verdicts, judged again: do we say of the same programs what their authors said?

Every data set is a part of its own, so that what is not here leaves the others standing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from textgrad_code.datasets import humaneval, leetcode_dataset, leetcode_hard39
from textgrad_code.datasets.reflexion_runs import reflexion_outcomes
from textgrad_code.datasets.textgrad_runs import RecordedProgram, recorded_programs
from textgrad_code.errors import ProblemError, SandboxFailed
from textgrad_code.problem import Problem, TestCase
from textgrad_code.verdict import Judgement, Verdict
from textgrad_core.errors import DataError, UsageError


class Judging(Protocol):
    """What is needed of a judge; used from several threads."""

    def judge(
        self, program: str, problem: Problem, tests: Sequence[TestCase] | None = None
    ) -> Judgement:
        """The judgement on these tests, or on all there are."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published number and ours.

    Args:
        name: What is counted.
        published: How many its authors report.
        of: Of how many.
        ours: How many we count; None if the data set is not here.
        least: How many are enough; None if it must be the published number.
        note: Why there is no number of ours.
    """

    name: str
    published: int
    of: int
    ours: int | None = None
    least: int | None = None
    note: str = ""

    @property
    def agrees(self) -> bool | None:
        """Whether ours is what was published; None without one."""
        if self.ours is None:
            return None
        return self.ours == self.published if self.least is None else self.ours >= self.least


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One judgement that is not what was published.

    Args:
        program: Which program, of which data set.
        published: What its authors say of it.
        ours: What we say.
    """

    program: str
    published: str
    ours: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Everything that was compared.

    Args:
        figures: The numbers.
        differences: Every judgement that differs.
        judgements: How many judgements were made.
        seconds: Wall seconds of all of them, the reading of the files included.
        tiers: Isolations the programs ran in.
    """

    figures: tuple[Figure, ...]
    differences: tuple[Difference, ...]
    judgements: int
    seconds: float
    tiers: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether no figure differs."""
        return all(figure.agrees is not False for figure in self.figures)

    @property
    def complete(self) -> bool:
        """Whether every figure could be compared."""
        return all(figure.agrees is not None for figure in self.figures)


STATES = Figure(
    name="example tests of TextGrad's programs, state as recorded", published=641, of=641
)
CONSISTENT = Figure(
    name="accepted by LeetCode, pass every example test here too", published=96, of=96
)
ZERO_SHOT = Figure(name="zero-shot programs accepted by LeetCode (recorded)", published=40, of=156)
FINAL = Figure(name="TextGrad's programs accepted by LeetCode (recorded)", published=56, of=156)
REFLEXION = Figure(name="Reflexion's runs solved (recorded)", published=60, of=195)
REFERENCES = Figure(
    name="LeetCodeDataset's references accepted (226 are enough)", published=228, of=228, least=226
)
CANONICAL = Figure(name="HumanEval's canonical solutions accepted", published=164, of=164)


class _Bench:
    """Judges many programs and keeps count."""

    def __init__(self, judge: Judging, pool: Executor) -> None:
        self._judge, self._pool = judge, pool
        self.judgements = 0
        self.tiers: set[str] = set()

    def judged(
        self, jobs: Iterable[tuple[str, Problem, Sequence[TestCase] | None]]
    ) -> list[Judgement]:
        """One judgement per (program, problem, tests), in order.

        What ran out of time is judged once more, alone: a busy machine is no slow program.

        Raises:
            SandboxFailed: If the sandbox broke: there is no verdict to compare.
        """
        asked = list(jobs)
        found = list(self._pool.map(lambda job: self._judge.judge(*job), asked))
        for place, judgement in enumerate(found):
            if judgement.verdict is Verdict.TLE:
                found[place] = judgement = self._judge.judge(*asked[place])
            if judgement.verdict is Verdict.SE:
                raise SandboxFailed(judgement.message)
            self.tiers.add(judgement.tier)
        self.judgements += len(found)
        return found


def replay(folder: Path | None = None, *, judge: Judging, workers: int = 1) -> Replay:
    """Judge the published programs again.

    Args:
        folder: A folder of the user's own that holds the data sets; what is not there is looked
            for where ``textgrad data fetch`` keeps it.
        judge: Judges.
        workers: Programs at the same time.

    Raises:
        DataError: If none of the data sets is here.
        SandboxFailed: If the sandbox broke.
        UsageError: If there are no workers.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers: give a number from 1 on")
    began = time.perf_counter()
    missing: list[DataError] = []
    figures: list[Figure] = []
    differences: list[Difference] = []
    with ThreadPoolExecutor(max_workers=workers) as pool:
        bench = _Bench(judge, pool)
        for part, expected in _PARTS:
            try:
                part_figures, part_differences = part(folder, bench)
            except DataError as error:
                missing.append(error)
                figures += [replace(figure, note=str(error)) for figure in expected]
            else:
                figures += part_figures
                differences += part_differences
    if len(missing) == len(_PARTS):
        raise missing[0]
    solved = sum(outcome.solved for outcome in reflexion_outcomes())
    return Replay(
        figures=(*figures, replace(REFLEXION, ours=solved)),
        differences=tuple(differences),
        judgements=bench.judgements,
        seconds=time.perf_counter() - began,
        tiers=tuple(sorted(bench.tiers)),
    )


_Part = tuple[list[Figure], list[Difference]]


def _textgrad(folder: Path | None, bench: _Bench) -> _Part:
    """TextGrad's programs on their example tests, one judgement per test."""
    recorded = list(recorded_programs(folder))
    problems = {problem.name: problem for problem in leetcode_hard39.problems(folder)}
    jobs = [
        (run.program, problems[run.problem], (test,))
        for run in recorded
        for test in problems[run.problem].visible
    ]
    verdicts = iter(bench.judged(jobs))
    same = consistent = 0
    differences: list[Difference] = []
    for run in recorded:
        ours = [next(verdicts) for _ in problems[run.problem].visible]
        if run.states and len(run.states) != len(ours):
            raise ProblemError(
                f"{_name(run)} records {len(run.states)} states of {len(ours)} tests"
            )
        for number, (state, judgement) in enumerate(zip(run.states, ours, strict=False), 1):
            if state == (judgement.verdict is Verdict.AC):
                same += 1
            else:
                differences.append(
                    Difference(
                        program=f"{_name(run)}, test {number}",
                        published="passed" if state else "failed",
                        ours=_words(judgement),
                    )
                )
        consistent += run.accepted and all(j.verdict is Verdict.AC for j in ours)
    accepted = [run.iteration for run in recorded if run.accepted]
    figures = [
        replace(STATES, ours=same),
        replace(CONSISTENT, ours=consistent),
        replace(ZERO_SHOT, ours=accepted.count(0)),
        replace(FINAL, ours=accepted.count(1)),
    ]
    return figures, differences


def _references(folder: Path | None, bench: _Bench) -> _Part:
    return _own_solutions(list(leetcode_dataset.problems(folder)), REFERENCES, bench)


def _canonical(folder: Path | None, bench: _Bench) -> _Part:
    return _own_solutions(list(humaneval.problems(folder)), CANONICAL, bench)


def _own_solutions(problems: list[Problem], figure: Figure, bench: _Bench) -> _Part:
    """The solution that comes with a problem, on all its tests."""
    found = bench.judged((p.reference, p, None) for p in problems)
    differences = [
        Difference(program=problem.name, published="AC accepted", ours=_words(judgement))
        for problem, judgement in zip(problems, found, strict=True)
        if judgement.verdict is not Verdict.AC
    ]
    return [replace(figure, ours=len(problems) - len(differences))], differences


_PARTS = (
    (_textgrad, (STATES, CONSISTENT, ZERO_SHOT, FINAL)),
    (_references, (REFERENCES,)),
    (_canonical, (CANONICAL,)),
)


def _name(run: RecordedProgram) -> str:
    return f"{run.problem}, seed {run.seed}, {'final' if run.iteration else 'zero-shot'}"


def _words(judgement: Judgement) -> str:
    told = f": {judgement.message}" if judgement.message else ""
    return f"{judgement.verdict} {judgement.verdict.words}{told}"
