"""``textgrad code judge SAMPLES --problem DATASET:``: many programs for many problems, pass@k."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from textgrad_code.address import find_problems
from textgrad_code.commands.judge import (
    TICK_S,
    Judged,
    chosen_tests,
    judged,
    record_of,
    visible_part,
)
from textgrad_code.commands.options import judge_of, workers_of
from textgrad_code.commands.results import Results
from textgrad_code.commands.samples_table import Found, Record
from textgrad_code.commands.sources import IF_CE, check_length, prepared
from textgrad_code.errors import ProblemError, SandboxFailed
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem
from textgrad_code.problem_json import problem_to_json
from textgrad_code.samples import Sample, read_samples
from textgrad_code.verdict import Verdict
from textgrad_core.cli.exits import FAILED, OK, REFUSED, USAGE
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A sample and what it is judged on.

    Args:
        sample: Where it comes from.
        problem: What it solves.
        program: What runs.
        note: What was done to its text before.
        key: Digest of everything that the verdict follows from, and of the line.
    """

    sample: Sample
    problem: Problem
    program: str
    note: str
    key: str


def run(given: Namespace) -> int:
    """Judge every sample, print totals, or JSON; the exit code says if all are accepted."""
    if len(given.solutions) != 1:
        raise UsageError(
            f"--problem {given.problem} takes one file of samples, not {len(given.solutions)}"
        )
    out = None if given.out is None else Path(given.out)
    if out is not None and _same_file(out, Path(given.solutions[0])):
        raise UsageError(f"--out {out} is the file of the samples: name another file")
    ks = sorted(set(given.pass_at or (1,)))
    if ks[0] < 1:
        raise UsageError(f"--pass-at is {ks[0]}: give a number from 1 on")
    problems = find_problems(
        given.problem,
        None if given.data is None else Path(given.data),
        time_limit_s=given.time_limit,
        memory_limit_mib=given.memory_limit,
    )
    jobs, left_out = _jobs(given, {problem.name: problem for problem in problems})
    workers = workers_of(given)
    with ExitStack() as stack:
        results = stack.enter_context(Results(out, [job.key for job in jobs]))
        left = [job for job in jobs if job.key not in results.records]
        _judge_all(left, results, given, workers)
    records = [results.records[job.key] for job in jobs]
    found = Found(
        problems=given.problem,
        count=len(problems),
        which=given.tests,
        ks=ks,
        records=records,
        left_out=left_out,
    )
    if given.json:
        print(json.dumps(found.to_json(), ensure_ascii=False))
    else:
        print("\n".join(found.table()))
    return _exit_code(records)


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _jobs(
    given: Namespace, problems: Mapping[str, Problem]
) -> tuple[list[Job], tuple[Sample, ...]]:
    """What is to be judged, and the samples of problems that have no such tests."""
    samples = read_samples(Path(given.solutions[0]), problems)
    asked: dict[str, str] = {}
    refusals: list[ProblemError] = []
    for name in {sample.task_id for sample in samples}:
        try:
            chosen_tests(problems[name], given.tests)
        except ProblemError as refusal:
            refusals.append(refusal)
        else:
            asked[name] = digest(problem_to_json(problems[name]))
    if not asked:
        raise refusals[0]
    how: list[JSON] = [given.tests, given.stop_at_first, given.min_tier, given.allow_unsafe]
    jobs = []
    for sample in (sample for sample in samples if sample.task_id in asked):
        problem = problems[sample.task_id]
        prepend = sample.completion or given.prepend_starter
        program, note = prepared(sample.text, problem, prepend=prepend)
        key = digest([sample.line, program, asked[problem.name], *how])
        jobs.append(Job(sample=sample, problem=problem, program=program, note=note, key=key))
    return jobs, tuple(sample for sample in samples if sample.task_id not in asked)


def _judge_all(jobs: Sequence[Job], results: Results, given: Namespace, workers: int) -> None:
    """Judge them at the same time; each result is kept as soon as it is there."""
    judge, pool = judge_of(given), ThreadPoolExecutor(max_workers=workers)
    done = 0
    try:
        for record in _as_they_come(pool, judge, jobs, given):
            results.add(record)
            done += 1
            if sys.stderr.isatty():
                print(f"\r\x1b[2K{done}/{len(jobs)} judged", end="", file=sys.stderr, flush=True)
    finally:  # also after Ctrl-C: nobody waits for programs that are still running
        pool.shutdown(wait=False, cancel_futures=True)
        judge.close()
        if sys.stderr.isatty():
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
        if done < len(jobs) and results.path is not None:
            told = f"textgrad: {done} of {len(jobs)} judged; the same command goes on from there"
            print(told, file=sys.stderr)


def _as_they_come(
    pool: ThreadPoolExecutor, judge: Judge, jobs: Sequence[Job], given: Namespace
) -> Iterator[dict[str, JSON]]:
    finished: SimpleQueue[Future[dict[str, JSON]]] = SimpleQueue()
    for job in jobs:
        pool.submit(_one, judge, job, given).add_done_callback(finished.put)
    waiting = len(jobs)
    while waiting:
        try:
            future = finished.get(timeout=TICK_S)
        except Empty:
            continue
        waiting -= 1
        yield future.result()


def _one(judge: Judge, job: Job, given: Namespace) -> dict[str, JSON]:
    """The record of one sample; one that cannot be judged has no verdict but SE, or none."""
    problem, which = job.problem, given.tests
    where = f"{given.solutions[0]}, line {job.sample.line}"
    told: dict[str, JSON] = {"key": job.key, "line": job.sample.line, "task_id": problem.name}
    try:
        check_length(job.sample.text, "the text")
        judgement, _ = judged(
            judge,
            job.program,
            problem,
            which,
            stop_at_first=given.stop_at_first,
            feedback_too=False,
        )
    except (UsageError, SandboxFailed) as error:
        return {**told, **record_of(problem, Judged(path=where, error=error), which)}
    if which != "hidden" and problem.visible:
        told["visible"] = str(visible_part(judgement, problem).verdict)
    moot = judgement.verdict is not Verdict.CE and job.note in IF_CE
    one = Judged(path=where, judgement=judgement, note="" if moot else job.note)
    return {**told, **record_of(problem, one, which)}


def _exit_code(records: Sequence[Record]) -> int:
    verdicts = {record["verdict"] for record in records}
    if None in verdicts:
        return USAGE
    if Verdict.SE in verdicts:
        return FAILED
    return OK if verdicts == {Verdict.AC} else REFUSED
