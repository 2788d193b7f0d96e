"""``textgrad code problems``: what there is to solve."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from textgrad_code.address import find_problem
from textgrad_code.domain import task_text
from textgrad_code.problem import Problem
from textgrad_code.problem_file import load_problem, problem_names
from textgrad_core.cli.exits import OK
from textgrad_core.jsondata import JSON


def run(given: Namespace) -> int:
    """List the shipped problems, or show one: its task, and never its hidden tests."""
    if given.problem is None:
        problems = [load_problem(name) for name in problem_names()]
        if given.json:
            print(json.dumps([_record(p) for p in problems], ensure_ascii=False))
        else:
            print("\n".join(_listed(problems)))
        return OK
    problem = find_problem(given.problem, None if given.data is None else Path(given.data))
    if given.json:
        print(json.dumps(_record(problem), ensure_ascii=False))
    elif given.starter:
        print(problem.starter.rstrip("\n"))
    else:
        print(task_text(problem))
        print(f"\nCode to start from:\n\n{problem.starter.rstrip()}")
    return OK


def _listed(problems: list[Problem]) -> list[str]:
    width = max(len(p.name) for p in problems)
    lines = [f"{'problem':<{width}}  {'kind':<8} {'visible':>7} {'hidden':>6}  title"]
    lines += [
        f"{p.name:<{width}}  {_kind(p):<8} {len(p.visible):>7} {len(p.hidden):>6}  {p.title}"[:80]
        for p in problems
    ]
    return [*lines, "", "'textgrad code problems NAME' shows one."]


def _kind(problem: Problem) -> str:
    return "in-place" if problem.signature.in_place is not None else problem.signature.kind


def _record(problem: Problem) -> dict[str, JSON]:
    return {
        "name": problem.name,
        "title": problem.title,
        "kind": _kind(problem),
        "visible": len(problem.visible),
        "hidden": len(problem.hidden),
        "tags": list(problem.tags),
        "task": task_text(problem),
        "starter": problem.starter,
        "source": problem.source,
    }
