"""Where a problem is: a shipped name, a file, or an entry of a published data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textgrad_code.errors import ProblemError
from textgrad_code.problem import Problem

MAX_LIMIT_S = 3600.0
MEMORY_MIB = (16, 65_536)
SHIPPED = "shipped"  # as if the shipped problems were a data set


def find_problem(
    address: str,
    data: Path | None = None,
    *,
    time_limit_s: float | None = None,
    memory_limit_mib: int | None = None,
) -> Problem:
    """The problem at an address, with other limits if they are given.

    Args:
        address: ``two-sum``, ``my_problem.toml``, ``leetcode:SLUG``, ``humaneval:HumanEval/0``.
        data: Folder with the files of the data set; by default where they were fetched to.
        time_limit_s: Wall seconds for one test, in place of the problem's own.
        memory_limit_mib: MiB, likewise.

    Raises:
        ProblemError: If there is no such problem or a limit is out of bounds.
    """
    from textgrad_code.datasets import dataset_problem, is_dataset_address
    from textgrad_code.problem_file import load_problem

    if is_problem_set(f"{address}:"):
        raise ProblemError(f"{address} is a whole data set: did you mean {address}:?")
    if is_dataset_address(address):
        problem = dataset_problem(address, data)
    else:
        problem = load_problem(address.removeprefix(f"{SHIPPED}:"))
    return _limited(problem, time_limit_s, memory_limit_mib)


def is_problem_set(address: str) -> bool:
    """Whether an address is that of all problems of a data set: ``humaneval:``, ``shipped:``."""
    from textgrad_code.datasets import DATASETS_WITH_PROBLEMS

    return address.endswith(":") and address[:-1] in (SHIPPED, *DATASETS_WITH_PROBLEMS)


def find_problems(
    address: str,
    data: Path | None = None,
    *,
    time_limit_s: float | None = None,
    memory_limit_mib: int | None = None,
) -> tuple[Problem, ...]:
    """All problems of a data set, with other limits if they are given.

    Args:
        address: One that `is_problem_set`.
        data: As for `find_problem`.
        time_limit_s: Likewise.
        memory_limit_mib: Likewise.

    Raises:
        DataError: If the data set is not here.
        ProblemError: If a limit is out of bounds.
    """
    from textgrad_code.datasets import dataset_problems
    from textgrad_code.problem_file import load_problem, problem_names

    name = address.removesuffix(":")
    found = map(load_problem, problem_names()) if name == SHIPPED else dataset_problems(name, data)
    return tuple(_limited(problem, time_limit_s, memory_limit_mib) for problem in found)


def _limited(
    problem: Problem, time_limit_s: float | None, memory_limit_mib: int | None
) -> Problem:
    limits = problem.limits
    if time_limit_s is not None:
        if not 0 < time_limit_s <= MAX_LIMIT_S:
            raise ProblemError(
                f"the time limit is {time_limit_s:g} s: give more than 0, at most {MAX_LIMIT_S:g}"
            )
        total_s = max(limits.total_s, 2 * time_limit_s)
        limits = replace(limits, test_s=time_limit_s, total_s=total_s)
    if memory_limit_mib is not None:
        low, high = MEMORY_MIB
        if not low <= memory_limit_mib <= high:
            raise ProblemError(
                f"the memory limit is {memory_limit_mib} MiB: give a number from {low} to {high}"
            )
        limits = replace(limits, memory_mib=memory_limit_mib)
    return replace(problem, limits=limits)
