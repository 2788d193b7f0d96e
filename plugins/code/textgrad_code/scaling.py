"""Growth of a program's work on inputs made for that: doubling sizes, until it takes too long."""

from __future__ import annotations

import math
from collections.abc import Iterator
from time import monotonic

from textgrad_code.errors import ProblemError
from textgrad_code.growth import Growth, Point, fitted_growth, input_size
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem, TestCase
from textgrad_code.trusted import trusted_function
from textgrad_code.verdict import Verdict

SIZES = (8, 16, 32, 64, 128, 256, 512)
TIMED_SIZES = (*SIZES[4:], 1024, 2048, 4096, 8192, 16384)
ENOUGH_STEPS = 100_000
ENOUGH_S = 0.08
LARGEST_INPUT = 50_000  # scalars in the arguments of a timed run
RAN = (Verdict.AC, Verdict.WA)


def measured_growth(
    judge: Judge, program: str, problem: Problem, *, total_s: float | None = None
) -> Growth | None:
    """How the steps and the time of a program grow on the inputs of ``problem.scaling``.

    Answers are not compared: a program may be wrong and still show how its work grows.

    Args:
        judge: Runs it.
        program: Its text.
        problem: How it is called, and its inputs.
        total_s: Wall seconds for all of it; None for no such bound.

    Returns:
        None if the problem makes no such inputs, or the program does not get through three, in
        the time there is.

    Raises:
        SandboxFailed, SandboxUnavailable, ProblemError: As for `Judge.judge`.
    """
    if not problem.scaling:
        return None
    until = math.inf if total_s is None else monotonic() + total_s
    points: list[Point] = []
    for size, test in _tests(problem, SIZES, until):
        most_s = min(until - monotonic(), problem.limits.test_s)
        (trace,) = judge.trace(
            program, problem, [test], most_steps=2 * ENOUGH_STEPS, total_s=most_s
        )
        if trace.verdict not in RAN:
            break
        points.append(Point(size=size, steps=trace.steps))
        if trace.steps > ENOUGH_STEPS:
            break
    if fitted_growth(points) is None:
        return None
    return fitted_growth(points, _timed(judge, program, problem, until))


def _timed(judge: Judge, program: str, problem: Problem, until: float) -> list[Point]:
    """Runs without counting, on inputs that take long enough for times to mean something."""
    points: list[Point] = []
    for size, test in _tests(problem, TIMED_SIZES, until):
        left = until - monotonic()
        judgement = judge.judge(
            program, problem, [test], deadline_s=left if math.isfinite(left) else None
        )
        (result,) = judgement.results
        if result.verdict not in RAN:
            break
        points.append(Point(size=size, steps=0, seconds=result.seconds))
        if result.seconds > ENOUGH_S or input_size(test.arguments) > LARGEST_INPUT:
            break
    return points


def _tests(
    problem: Problem, sizes: tuple[int, ...], until: float
) -> Iterator[tuple[int, TestCase]]:
    """A test of every size, as long as there is time."""
    where = f"scaling of {problem.name!r}"
    make = trusted_function(problem.scaling, "arguments", where)
    for size in sizes:
        if monotonic() >= until:
            return
        made = make(size)
        if not isinstance(made, list):
            raise ProblemError(
                f"{where}: arguments({size}) gave a value of type {type(made).__name__}: return "
                "the list of the arguments"
            )
        yield size, TestCase(arguments=tuple(made), expected=None)
