"""Command-line options of the plugin's commands."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from textgrad_core.errors import UsageError

if TYPE_CHECKING:
    from textgrad_code.judge import Judge
    from textgrad_code.problem import Problem


def judge(parser: ArgumentParser) -> None:
    """Options of ``textgrad code judge``."""
    parser.add_argument(
        "solutions",
        metavar="SOLUTION.py",
        nargs="+",
        help="programs to judge; for a whole data set one file of JSON lines, each with task_id "
        "and program or solution, or with completion, which follows the code to start from",
    )
    _problem(parser, "; leetcode:, humaneval:, leetcode-hard39: or shipped: for all of a data set")
    _samples(parser)
    parser.add_argument(
        "--tests",
        choices=("all", "visible", "hidden"),
        default="all",
        help="which tests to run (default: all)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="programs at the same time (default: one per core)",
    )
    parser.add_argument(
        "--stop-at-first",
        action="store_true",
        help="end with the first test that is not accepted",
    )
    parser.add_argument(
        "--prepend-starter",
        action="store_true",
        help="put the code to start from before every program, as for HumanEval's completions",
    )
    parser.add_argument(
        "--no-feedback",
        dest="feedback",
        action="store_false",
        help="verdicts only: do not look for what is wrong",
    )
    _sandbox(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = (
        "exit codes: 0 every program is accepted; 6 at least one is not; 2 an argument or\n"
        "a file is wrong, the other programs are judged; 1 the sandbox failed on one, or\n"
        "offers less than --min-tier; 3 the data set is not here; 130 stopped by Ctrl-C"
    )


def repair(parser: ArgumentParser) -> None:
    """Options of ``textgrad code repair``."""
    parser.add_argument("solution", metavar="SOLUTION.py", help="program to repair")
    _problem(parser)
    parser.add_argument(
        "--candidates",
        type=int,
        default=2000,
        metavar="N",
        help="most programs to try (default: 2000)",
    )
    parser.add_argument(
        "--seconds", type=float, default=30.0, metavar="X", help="most seconds (default: 30)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed (default: 0)")
    parser.add_argument("--out", metavar="FILE", help="write the repaired program here")
    _sandbox(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = (
        "It looks at the visible tests only. A program that passes them may still be\n"
        "wrong.\n\n"
        "exit codes: 0 the program passes all visible tests; 6 it does not; 2 an\n"
        "argument or the file is wrong; 1 the sandbox failed, or offers less than\n"
        "--min-tier; 3 the data set is not here; 130 stopped by Ctrl-C, nothing written"
    )


def problems(parser: ArgumentParser) -> None:
    """Options of ``textgrad code problems``."""
    parser.add_argument(
        "problem",
        metavar="PROBLEM",
        nargs="?",
        help="show this one; humaneval:, leetcode:, leetcode-hard39: or shipped: lists all of a "
        "data set (default: shipped:)",
    )
    parser.add_argument("--data", metavar="DIR", help="folder with the files of a data set")
    parser.add_argument("--starter", action="store_true", help="print only the code to start from")
    parser.add_argument("--json", action="store_true", help="print JSON")


def replay(parser: ArgumentParser) -> None:
    """Options of ``textgrad bench replay code``."""
    parser.add_argument("--data", metavar="DIR", help="folder with the published files")
    parser.add_argument("--workers", type=int, metavar="N", help="programs at the same time")
    _sandbox(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def problem_of(given: Namespace) -> Problem:
    """The problem the options name."""
    from textgrad_code.address import find_problem

    return find_problem(
        given.problem,
        None if given.data is None else Path(given.data),
        time_limit_s=given.time_limit,
        memory_limit_mib=given.memory_limit,
    )


def samples_asked(given: Namespace) -> bool:
    """Whether the problem is a whole data set, so that the file holds samples.

    Raises:
        UsageError: If options for samples stand beside a single problem.
    """
    from textgrad_code.address import is_problem_set

    if is_problem_set(given.problem):
        return True
    if given.out or given.pass_at:
        raise UsageError(
            f"--out and --pass-at are for a file of samples; {given.problem} is one problem: "
            "give a data set, such as --problem humaneval:"
        )
    return False


def workers_of(given: Namespace) -> int:
    """How many programs run at the same time: as asked for, else one per core.

    Raises:
        UsageError: If fewer than one is asked for.
    """
    if given.workers is None:
        return os.cpu_count() or 1
    if given.workers < 1:
        raise UsageError(f"--workers is {given.workers}: give a number from 1 on")
    return int(given.workers)


def judge_of(given: Namespace) -> Judge:
    """A judge with the isolation the options ask for."""
    from textgrad_code.judge import Judge
    from textgrad_code.sandbox.protocol import tier_named

    return Judge(min_tier=tier_named(given.min_tier), allow_unsafe=given.allow_unsafe)


def _samples(parser: ArgumentParser) -> None:
    samples = parser.add_argument_group("samples of a whole data set")
    samples.add_argument(
        "--pass-at",
        type=int,
        action="append",
        metavar="K",
        help="estimate pass@K; may be repeated (default: 1)",
    )
    samples.add_argument(
        "--out",
        metavar="FILE",
        help="write every result here as it comes, and go on from what is there",
    )


def _problem(parser: ArgumentParser, more: str = "") -> None:
    parser.add_argument(
        "--problem",
        required=True,
        metavar="P",
        help="a name ('textgrad code problems' lists them), a TOML or JSON file, or an entry of a "
        f"data set such as leetcode:SLUG{more}",
    )
    parser.add_argument("--data", metavar="DIR", help="folder with the files of the data set")
    parser.add_argument("--time-limit", type=float, metavar="X", help="wall seconds for one test")
    parser.add_argument(
        "--memory-limit", type=int, metavar="N", help="MiB beyond what Python takes"
    )


def _sandbox(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--min-tier",
        default="seccomp-strict",
        metavar="TIER",
        help="weakest isolation to accept: full, landlock or seccomp-strict (default: "
        "seccomp-strict)",
    )
    parser.add_argument(
        "--allow-unsafe",
        action="store_true",
        help="run without isolation where the machine offers none",
    )
