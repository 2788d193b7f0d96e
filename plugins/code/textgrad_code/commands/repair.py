"""``textgrad code repair``: a program in, a program that passes more visible tests out."""

from __future__ import annotations

import json
import shlex
import textwrap
from argparse import Namespace
from pathlib import Path

from textgrad_code.commands.judge import WIDTH
from textgrad_code.commands.options import judge_of, problem_of
from textgrad_code.commands.sources import read_program
from textgrad_code.problem import Problem
from textgrad_code.repair.search import RepairResult, repair
from textgrad_core.cli.exits import OK, REFUSED
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.report import write_atomically
from textgrad_core.report.text import visible


def run(given: Namespace) -> int:
    """Repair, print the change, write the program; the exit code says if it passes."""
    problem = problem_of(given)
    source = read_program(Path(given.solution))
    if not source.text.strip():
        raise UsageError(
            f"{given.solution} is empty: there is nothing to repair; "
            f"'textgrad code problems {given.problem} --starter' prints code to start from"
        )
    out = None if given.out is None else Path(given.out)
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"--out {given.out!r}: the folder does not exist; make it first")
    if out is not None and out.is_dir():
        raise UsageError(f"--out {given.out!r} is a folder: name a file in it, as in solution.py")
    with judge_of(given) as judge:
        found = repair(
            source.text,
            problem,
            judge,
            max_candidates=given.candidates,
            seconds=given.seconds,
            seed=given.seed,
        )
    if out is not None:
        write_atomically(out, source.encoded(found.program))
    if given.json:
        print(json.dumps(_record(problem, given.solution, found), ensure_ascii=False))
    else:
        print("\n".join(_told(problem, given, found)))
    return OK if found.plausible else REFUSED


def _told(problem: Problem, given: Namespace, found: RepairResult) -> list[str]:
    start = found.start
    lines = [
        f"{visible(given.solution)} on {problem.name}: {start.verdict}, "
        f"passes {start.passed} of {start.tests} visible tests",
        *textwrap.wrap(f"Best: {visible(found.summary)}.", WIDTH),
        f"{found.candidates or 'no other'} programs judged in {found.seconds:.1f} s, "
        f"isolation {start.tier}",
    ]
    if found.diff:
        lines += ["", visible(found.diff).rstrip("\n")]
    if found.plausible:
        note = "It passes the visible tests. Whether it is right, they cannot say."
        if problem.hidden:
            note += " This runs the hidden ones too:"
        lines += ["", *textwrap.wrap(note, WIDTH)]
        if problem.hidden:
            lines.append(f"  {visible(_judge_command(given, changed=bool(found.diff)))}")
    if given.out is not None:
        lines += ["", f"Written to {given.out}"]
    return lines


def _judge_command(given: Namespace, *, changed: bool) -> str:
    """What to type to judge the program that was found, on the same problem."""
    path = given.out or ("REPAIRED.py" if changed else given.solution)
    words = ["textgrad", "code", "judge", path, "--problem", given.problem]
    for option in ("data", "time_limit", "memory_limit"):
        value = getattr(given, option)
        words += [] if value is None else [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _record(problem: Problem, path: str, found: RepairResult) -> dict[str, JSON]:
    return {
        "problem": problem.name,
        "path": path,
        "plausible": found.plausible,
        "visible_passed": found.judgement.passed,
        "visible_passed_at_start": found.start.passed,
        "visible_count": found.judgement.tests,
        "candidates": found.candidates,
        "seconds": round(found.seconds, 3),
        "isolation": found.start.tier,
        "words": found.words,
        "diff": found.diff,
        "program": found.program,
    }
