"""``textgrad code judge``: programs, a problem, verdicts."""

from __future__ import annotations

import json
import platform
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from textgrad_code.commands.options import judge_of, problem_of, samples_asked, workers_of
from textgrad_code.commands.sources import IF_CE, prepared, read_program
from textgrad_code.errors import ProblemError, SandboxFailed
from textgrad_code.evidence import OF_PROCESSES, summary
from textgrad_code.feedback import feedback
from textgrad_code.judge import Judge
from textgrad_code.observing import observed
from textgrad_code.problem import Problem, TestCase
from textgrad_code.verdict import Judgement, TestResult, Verdict
from textgrad_core.cli.exits import FAILED, OK, REFUSED, USAGE
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.report.text import visible

WIDTH = 80
ROWS = 30
VALUES = (" ", "- ", "input: ", "expected: ", "got: ", "difference: ", "what happened: ")
TICK_S = 0.1  # a signal is seen only between two waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one program.

    Args:
        path: Its file, as typed.
        source: Its text.
        judgement: What the judge said; None if it could not be judged.
        data: Evidence of the visible tests, or counts alone.
        error: Why it could not be judged.
        note: What was done to the text before, or ought to be.
    """

    path: str
    source: str = ""
    judgement: Judgement | None = None
    data: dict[str, JSON] = field(default_factory=dict)
    error: UsageError | SandboxFailed | None = None
    note: str = ""


def run(given: Namespace) -> int:
    """Judge every program and print a table, or JSON; the exit code says if all are accepted."""
    if samples_asked(given):
        from textgrad_code.commands import samples

        return samples.run(given)
    problem = problem_of(given)
    chosen_tests(problem, given.tests)
    judge, pool = judge_of(given), ThreadPoolExecutor(max_workers=workers_of(given))
    done: list[Judged] = []
    try:
        for one in _in_order(pool, judge, problem, given):
            done.append(one)
            if not given.json:
                print("\n".join(_told(problem, one, given.tests)), flush=True)
    finally:  # also after Ctrl-C: nobody waits for programs that are still running
        pool.shutdown(wait=False, cancel_futures=True)
        judge.close()
    if given.json:
        records: list[JSON] = [record_of(problem, one, given.tests) for one in done]
        print(json.dumps({"problem": problem.name, "programs": records}, ensure_ascii=False))
    return _exit_code(done)


def _in_order(
    pool: ThreadPoolExecutor, judge: Judge, problem: Problem, given: Namespace
) -> Iterator[Judged]:
    """Every program as it was typed, each as soon as it and those before it are done."""

    def one(path: str) -> Judged:
        source = note = ""
        try:
            source, note = prepared(
                read_program(Path(path)).text, problem, prepend=given.prepend_starter
            )
            judgement, data = judged(
                judge,
                source,
                problem,
                given.tests,
                stop_at_first=given.stop_at_first,
                feedback_too=given.feedback,
            )
        except (UsageError, SandboxFailed) as error:
            return Judged(path=path, source=source, error=error, note=note)
        if judgement.verdict is not Verdict.CE and note in IF_CE:
            note = ""
        return Judged(path=path, source=source, judgement=judgement, data=data, note=note)

    for under_way in [pool.submit(one, path) for path in given.solutions]:
        yield _awaited(under_way)


def _awaited(under_way: Future[Judged]) -> Judged:
    while not wait((under_way,), TICK_S).done:
        pass
    return under_way.result()


def _exit_code(done: Sequence[Judged]) -> int:
    failed = [one for one in done if one.error is not None]
    if failed:
        names = ", ".join(visible(one.path) for one in failed)
        told = f"textgrad: not judged: {len(failed)} of {len(done)} programs: {names}"
        print(told, file=sys.stderr)
    if any(isinstance(one.error, UsageError) for one in failed):
        return USAGE
    if failed:
        return FAILED
    accepted = (one.judgement and one.judgement.verdict is Verdict.AC for one in done)
    return OK if all(accepted) else REFUSED


def judged(
    judge: Judge,
    source: str,
    problem: Problem,
    which: str,
    *,
    stop_at_first: bool = False,
    feedback_too: bool = True,
) -> tuple[Judgement, dict[str, JSON]]:
    """A judgement on the tests, and the evidence of the visible ones that feedback is made of.

    Raises:
        SandboxFailed: If the sandbox broke.
        ProblemError: If the problem's own checker is broken.
    """
    tests = chosen_tests(problem, which)
    judgement = judge.judge(source, problem, tests, stop_at_first=stop_at_first)
    if judgement.verdict is Verdict.SE:
        raise SandboxFailed(judgement.message)
    unseen = which == "hidden" or not problem.visible
    unseen = unseen and judgement.verdict is not Verdict.CE  # which no test has to do with
    if unseen or not feedback_too or judgement.verdict is Verdict.AC:
        return judgement, summary(judgement, which)
    data = observed(judge, source, problem, visible_part(judgement, problem))
    if len(judgement.results) > len(problem.visible):
        data = {name: value for name, value in data.items() if name not in OF_PROCESSES}
    return judgement, data


def visible_part(judgement: Judgement, problem: Problem) -> Judgement:
    """What a judgement on visible tests, and maybe hidden ones after them, says of the visible.

    Times and memory of the processes stay those of all tests, which ran in the same ones.
    """
    tests = problem.visible
    results = judgement.results[: len(tests)]
    failed = next((r for r in results if r.verdict is not Verdict.AC), None)
    verdict = Verdict.AC if failed is None else failed.verdict
    if judgement.compile_error is not None:
        verdict = Verdict.CE
    passed = sum(tests[r.index].weight for r in results if r.verdict is Verdict.AC)
    return replace(
        judgement,
        verdict=verdict,
        tests=len(tests),
        results=results,
        pass_fraction=passed / (sum(test.weight for test in tests) or 1.0),
        message="" if verdict is Verdict.AC else judgement.message,
    )


def chosen_tests(problem: Problem, which: str) -> tuple[TestCase, ...]:
    """The tests that ``--tests`` names.

    Raises:
        ProblemError: If there are none.
    """
    tests = {
        "visible": problem.visible,
        "hidden": problem.hidden,
        "all": (*problem.visible, *problem.hidden),
    }[which]
    if not tests:
        raise ProblemError(f"problem {problem.name!r} has no {which} tests: choose other --tests")
    return tests


def _told(problem: Problem, one: Judged, which: str) -> list[str]:
    """One program at 80 columns; of hidden tests only the verdicts are shown."""
    title = f"{visible(one.path)} on {problem.name}"
    if one.judgement is None:
        told = f"not judged: {visible(str(one.error))}"
        return [title, *textwrap.wrap(told, WIDTH, break_on_hyphens=False), ""]
    lines = [title, *_table(problem, one.judgement, which)]
    lines += textwrap.wrap(one.note, WIDTH, break_on_hyphens=False)
    if one.judgement.verdict is not Verdict.AC and one.data.get("tests") is not None:
        told = feedback(problem, one.source, one.data)
        lines += ["", "Feedback, from the visible tests alone:", "", *_wrapped(told)]
    return [*lines, ""]


def _wrapped(told: str) -> Iterator[str]:
    """Feedback with its prose at 80 columns; values, code and what stands in fences stay whole."""
    fence = ""
    for line in told.split("\n"):
        mark = line[: len(line) - len(line.lstrip("`"))]
        if len(mark) >= 3 and fence in ("", line):
            fence = "" if fence else mark
        if fence or line.startswith(VALUES):
            yield line
        else:
            yield from textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]


def _table(problem: Problem, judgement: Judgement, which: str) -> list[str]:
    python = judgement.python or platform.python_version()
    lines = [f"isolation {judgement.tier}, Python {python}", "-" * WIDTH]
    lines.append(f"{'test':>5}  {'':7}  {'verdict':<28}{'time':>10}")
    shown, rest = _rows(judgement.results)
    for result in shown:
        kind = _kind(problem, result, which)
        words = f"{result.verdict} {result.verdict.words}"
        lines.append(f"{result.index + 1:>5}  {kind:7}  {words:<28}{_ms(result.seconds):>10}")
    if rest:
        accepted = sum(r.verdict is Verdict.AC for r in rest)
        lines.append(f"  ... not shown: {accepted} accepted, {len(rest) - accepted} not accepted")
    not_run = judgement.tests - len(judgement.results)
    if not_run and judgement.results:
        lines.append(f"  ... not run: {not_run}, after the first that is not accepted")
    lines.append("-" * WIDTH)
    fraction = f"{judgement.passed} of {judgement.tests} tests pass"
    lines.append(f"{judgement.verdict}: {judgement.verdict.words}; {fraction}")
    cost = f"{judgement.wall_s:.2f} s in all, {judgement.cpu_s:.2f} s of CPU, "
    return [*lines, f"{cost}{judgement.peak_memory_mib:.0f} MiB at most"]


def _rows(results: Sequence[TestResult]) -> tuple[list[TestResult], list[TestResult]]:
    """The results to show: the first ones, then those that failed; and the others."""
    later = results[ROWS:]
    failing = [r for r in later if r.verdict is not Verdict.AC][:ROWS]
    kept = {r.index for r in failing}
    return [*results[:ROWS], *failing], [r for r in later if r.index not in kept]


def _kind(problem: Problem, result: TestResult, which: str) -> str:
    return "visible" if which != "hidden" and result.index < len(problem.visible) else "hidden"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _message(problem: Problem, judgement: Judgement, which: str) -> str:
    """What went wrong, unless a hidden test would tell it."""
    failed = next((r for r in judgement.results if r.verdict is not Verdict.AC), None)
    if failed is None or _kind(problem, failed, which) == "visible":
        return judgement.message
    return f"test {failed.index + 1} (hidden): {failed.verdict.words}"


def record_of(problem: Problem, one: Judged, which: str) -> dict[str, JSON]:
    """What became of one program as data; of hidden tests only the verdicts."""
    judgement, error = one.judgement, one.error
    if judgement is None:
        verdict = str(Verdict.SE) if isinstance(error, SandboxFailed) else None
        name, message = type(error).__name__, str(error)
        return {"path": one.path, "verdict": verdict, "error": name, "message": message}
    return {
        "path": one.path,
        **summary(judgement, which),
        "message": _message(problem, judgement, which),
        "results": [
            {
                "index": r.index,
                "kind": _kind(problem, r, which),
                "verdict": str(r.verdict),
                "seconds": round(r.seconds, 6),
            }
            for r in judgement.results
        ],
        "evidence": one.data,
        "note": one.note,
    }
