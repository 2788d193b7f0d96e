"""A judged program is looked at more closely: traced, and its growth measured.

The verdict stands before that begins. What the closer look cannot see, for want of time or
because the sandbox fails, is left out of the evidence, which says so.
"""

from __future__ import annotations

import math
from time import monotonic

from textgrad_code.errors import SandboxFailed
from textgrad_code.evidence import evidence
from textgrad_code.growth import Growth
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem
from textgrad_code.scaling import measured_growth
from textgrad_code.verdict import Judgement, TestTrace, Verdict
from textgrad_core.jsondata import JSON

USED_UP = {Verdict.MLE, Verdict.OLE, Verdict.SV}
NO_TIME = "there was no time left to"
FAILED = "the sandbox failed, so that it was not possible to"
COUNT, GROW = "count the lines that each test runs", "measure how the work grows"


def observed(
    judge: Judge,
    program: str,
    problem: Problem,
    judgement: Judgement,
    *,
    until: float | None = None,
) -> dict[str, JSON]:
    """Everything about a program on the visible tests.

    A program that used up a limit is not run on those tests again, slower, to see how; one that
    used up the time shows how its work grows on the inputs that are made for it.

    Args:
        judge: Runs it again.
        program: Its text.
        problem: The problem.
        judgement: Results on the first of ``problem.visible``, or all of them.
        until: When this has to be done, on the monotonic clock; None for no such bound.
    """
    found = {one.verdict for one in judgement.results}
    if judgement.verdict is Verdict.CE or found & USED_UP:
        return evidence(judgement, problem)
    until = math.inf if until is None else until
    notes: list[str] = []
    traces: tuple[TestTrace, ...] = ()
    if Verdict.TLE not in found:
        traces = _traced(judge, program, problem, judgement, until, notes)
    scaled = None
    if not notes and problem.scaling:
        scaled = _grown(judge, program, problem, until, notes)
    return evidence(judgement, problem, traces, scaled, notes)


def _traced(
    judge: Judge,
    program: str,
    problem: Problem,
    judgement: Judgement,
    until: float,
    notes: list[str],
) -> tuple[TestTrace, ...]:
    tests, left = problem.visible[: len(judgement.results)], until - monotonic()
    if left <= 0:
        notes.append(f"{NO_TIME} {COUNT}")
        return ()
    try:
        traces = judge.trace(
            program, problem, tests, total_s=left if math.isfinite(left) else None
        )
    except SandboxFailed as error:
        notes.append(f"{FAILED} {COUNT}: {error}")
        return ()
    if monotonic() >= until:
        notes.append(f"{NO_TIME} {COUNT}")
    return traces


def _grown(
    judge: Judge, program: str, problem: Problem, until: float, notes: list[str]
) -> Growth | None:
    left = until - monotonic()
    if left <= 0:
        notes.append(f"{NO_TIME} {GROW}")
        return None
    try:
        found = measured_growth(
            judge, program, problem, total_s=left if math.isfinite(left) else None
        )
    except SandboxFailed as error:
        notes.append(f"{FAILED} {GROW}: {error}")
        return None
    if monotonic() >= until:
        notes.append(f"{NO_TIME} {GROW}")
    return found
