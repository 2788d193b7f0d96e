"""``textgrad code judge``: programs, a problem, verdicts."""

from __future__ import annotations

import json
import os
import platform
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from textgrad_code.commands.options import judge_of, problem_of
from textgrad_code.domain import MAX_PROGRAM_CHARS
from textgrad_code.errors import ProblemError, SandboxFailed
from textgrad_code.evidence import evidence, summary
from textgrad_code.feedback import feedback
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem, TestCase
from textgrad_code.verdict import Judgement, Verdict
from textgrad_core.cli.exits import OK, REFUSED
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.report.text import visible

WIDTH = 80
ROWS = 30


def run(given: Namespace) -> int:
    """Judge every program and print a table, or JSON; the exit code says if all are accepted."""
    problem = problem_of(given)
    tests = _chosen(problem, given.tests)
    sources = [read_program(Path(path)) for path in given.solutions]
    workers = given.workers or os.cpu_count() or 1
    if workers < 1:
        raise UsageError(f"--workers is {given.workers}: give a number from 1 on")
    with judge_of(given) as judge:

        def one(source: str) -> tuple[Judgement, dict[str, JSON]]:
            return judged(judge, source, problem, tests, feedback_too=given.tests != "hidden")

        with ThreadPoolExecutor(max_workers=workers) as pool:
            done = list(pool.map(one, sources))
    if given.json:
        print(json.dumps(_record(problem, given.solutions, done), ensure_ascii=False))
    else:
        for path, source, (judgement, data) in zip(given.solutions, sources, done, strict=True):
            print("\n".join(_table(problem, path, source, judgement, data, given.tests)))
    return OK if all(j.verdict is Verdict.AC for j, _ in done) else REFUSED


def read_program(path: Path) -> str:
    """The text of a program file.

    Raises:
        UsageError: If it cannot be read or is no text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if len(text) > MAX_PROGRAM_CHARS:
        raise UsageError(f"{path} has {len(text)} characters, more than {MAX_PROGRAM_CHARS}")
    return text


def judged(
    judge: Judge, source: str, problem: Problem, tests: Sequence[TestCase], *, feedback_too: bool
) -> tuple[Judgement, dict[str, JSON]]:
    """A judgement on the tests, and the evidence of the visible ones that feedback is made of.

    Raises:
        SandboxFailed: If the sandbox broke.
    """
    judgement = judge.judge(source, problem, tests)
    if judgement.verdict is Verdict.SE:
        raise SandboxFailed(judgement.message)
    if not feedback_too or judgement.verdict is Verdict.AC or not problem.visible:
        return judgement, summary(judgement, "hidden" if tests is problem.hidden else "visible")
    seen = judgement
    if tuple(tests) != tuple(problem.visible):
        seen = judge.judge(source, problem, problem.visible)
    traces = () if seen.verdict is Verdict.CE else judge.trace(source, problem, problem.visible)
    return judgement, evidence(seen, problem, traces)


def _chosen(problem: Problem, which: str) -> tuple[TestCase, ...]:
    tests = {
        "visible": problem.visible,
        "hidden": problem.hidden,
        "all": (*problem.visible, *problem.hidden),
    }[which]
    if not tests:
        raise ProblemError(f"problem {problem.name!r} has no {which} tests: choose other --tests")
    return tests


def _table(
    problem: Problem,
    path: str,
    source: str,
    judgement: Judgement,
    data: dict[str, JSON],
    which: str,
) -> list[str]:
    """A judgement at 80 columns; of hidden tests only the verdicts are shown."""
    title = f"{visible(path)} on {problem.name}"
    where = f"isolation {judgement.tier}, Python {judgement.python or platform.python_version()}"
    lines = [title, where, "-" * WIDTH]
    seen = 0 if which == "hidden" else len(problem.visible)
    lines.append(f"{'test':>5}  {'':7}  {'verdict':<28}{'time':>10}")
    for result in judgement.results[:ROWS]:
        kind = "visible" if result.index < seen else "hidden"
        words = f"{result.verdict} {result.verdict.words}"
        lines.append(f"{result.index + 1:>5}  {kind:7}  {words:<28}{_ms(result.seconds):>10}")
    if len(judgement.results) > ROWS:
        lines.append(f"  ... and {len(judgement.results) - ROWS} more")
    lines.append("-" * WIDTH)
    fraction = f"{judgement.passed} of {judgement.tests} tests pass"
    lines.append(f"{judgement.verdict}: {judgement.verdict.words}; {fraction}")
    cost = f"{judgement.wall_s:.2f} s in all, {judgement.cpu_s:.2f} s of CPU, "
    lines.append(f"{cost}{judgement.peak_memory_mib:.0f} MiB at most")
    if judgement.verdict is not Verdict.AC and data.get("tests") is not None:
        lines += [
            "",
            "Feedback, from the visible tests alone:",
            "",
            feedback(problem, source, data),
        ]
    return [*lines, ""]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _record(
    problem: Problem, paths: Sequence[str], done: Sequence[tuple[Judgement, dict[str, JSON]]]
) -> dict[str, JSON]:
    programs: list[JSON] = [
        {
            "path": path,
            **summary(judgement, "given"),
            "message": judgement.message,
            "results": [
                {"index": r.index, "verdict": str(r.verdict), "seconds": round(r.seconds, 6)}
                for r in judgement.results
            ],
            "evidence": data,
        }
        for path, (judgement, data) in zip(paths, done, strict=True)
    ]
    return {"problem": problem.name, "programs": programs}
