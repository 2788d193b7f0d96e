"""``textgrad code problems``: what there is to solve."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from textgrad_code.address import find_problem, find_problems, is_problem_set
from textgrad_code.domain import task_text
from textgrad_code.problem import Problem
from textgrad_core.cli.exits import OK
from textgrad_core.jsondata import JSON

WIDTH = 80
LONGEST_NAME = 32


def run(given: Namespace) -> int:
    """List the problems of a set, or show one: its task, and never its hidden tests."""
    address = "shipped:" if given.problem is None else given.problem
    data = None if given.data is None else Path(given.data)
    if is_problem_set(address):
        problems = find_problems(address, data)
        if given.json:
            print(json.dumps([_record(p) for p in problems], ensure_ascii=False))
        else:
            print("\n".join(_listed(problems)))
            name = "NAME" if given.problem is None else f"{address}NAME"
            print(f"\n'textgrad code problems {name}' shows one.")
        return OK
    problem = find_problem(address, data)
    if given.json:
        print(json.dumps(_record(problem), ensure_ascii=False))
    elif given.starter:
        print(problem.starter.rstrip("\n"))
    else:
        print(task_text(problem))
        print(f"\nCode to start from:\n\n{problem.starter.rstrip()}")
    return OK


def _listed(problems: Sequence[Problem]) -> Iterator[str]:
    """A row for each at 80 columns; a name that is too long has a line of its own."""
    width = min(max(len(p.name) for p in problems), LONGEST_NAME)
    yield f"{'problem':<{width}}  {'kind':<8} {'visible':>7} {'hidden':>6}  title"
    for p in problems:
        name = p.name
        if len(name) > width:
            yield name
            name = ""
        tests = f"{len(p.visible):>7} {len(p.hidden):>6}"
        row = f"{name:<{width}}  {_kind(p):<8} {tests}  {p.title}".rstrip()
        yield row if len(row) <= WIDTH else f"{row[: WIDTH - 3].rstrip()}..."


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
