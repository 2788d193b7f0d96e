"""Growth of a program's work on inputs made for that: doubling sizes, until it takes too long."""

from __future__ import annotations

from textgrad_code.growth import Growth, Point, fitted_growth
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem, TestCase
from textgrad_code.trusted import trusted_function
from textgrad_code.verdict import Verdict
from textgrad_core.jsondata import JSON

SIZES = (8, 16, 32, 64, 128, 256, 512)
ENOUGH_STEPS = 100_000


def measured_growth(judge: Judge, program: str, problem: Problem) -> Growth | None:
    """How the steps of a program grow on the inputs of ``problem.scaling``.

    Answers are not compared: a program may be wrong and still show how its work grows.

    Returns:
        None if the problem makes no such inputs, or the program does not get through three.
    """
    if not problem.scaling:
        return None
    make = trusted_function(problem.scaling, "arguments", f"scaling of {problem.name!r}")
    points: list[Point] = []
    for size in SIZES:
        test = TestCase(arguments=_arguments(make(size), problem), expected=None)
        (trace,) = judge.trace(program, problem, [test])
        if trace.verdict not in (Verdict.AC, Verdict.WA):
            break
        points.append(Point(size=size, steps=trace.steps))
        if trace.steps > ENOUGH_STEPS:
            break
    return fitted_growth(points)


def _arguments(made: object, problem: Problem) -> tuple[JSON, ...]:
    if not isinstance(made, list):
        raise TypeError(
            f"scaling of {problem.name!r}: arguments(n) gave {type(made).__name__}, "
            "not the list of the arguments"
        )
    return tuple(made)
