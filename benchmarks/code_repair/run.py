"""How many faulty programs are repaired without a language model, and what localisation is worth.

The released programs are repaired twice under the same budget of candidates: with edits ordered
by suspicion and prior, and with the same edits in random order. Run it from the repository:
``python benchmarks/code_repair/run.py [--data DIR]``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from textgrad_code.datasets.leetcode_hard39 import problems as hard_problems
from textgrad_code.datasets.textgrad_runs import recorded_programs
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem
from textgrad_code.problem_file import load_problem, problem_names
from textgrad_code.repair.search import repair
from textgrad_code.repair.source import same_program_key
from textgrad_code.sandbox import Tier
from textgrad_code.verdict import Verdict

SHOWN = 2  # failing hidden tests that are shown where the visible ones do not show the fault
PARTS = ("visible", "shown", "released")
WITHIN = (10, 30, 100, 300)  # candidates
COLUMNS = "{:43s} {:>4s} {:>7s} {:>9s} {:>10s} {:>7s}" + " {:>5s}" * len(WITHIN)
HEADINGS = ("set, order", "n", "visible", "confirmed", "candidates", "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One faulty program and the problem it is repaired for.

    Args:
        group: The set it counts in.
        name: Problem and fault.
        program: Its text.
        problem: Visible tests to repair with, hidden ones to confirm with.
    """

    group: str
    name: str
    program: str
    problem: Problem


def shipped(
    judge: Judge, only: Sequence[str], parts: Sequence[str] = ("visible", "shown")
) -> Iterator[Case]:
    """The buggy programs of the package's own problems.

    Args:
        judge: Who says which tests fail.
        only: Names of problems; empty for all.
        parts: ``visible``: faults the visible tests show; ``shown``: the others.
    """
    for name in only or problem_names():
        problem = load_problem(name)
        for buggy in problem.buggy:
            label = f"{name}: {buggy.fault}"
            if judge.judge(buggy.source, problem, problem.visible).verdict is not Verdict.AC:
                if "visible" in parts:
                    group = "shipped, visible tests fail"
                    yield Case(group=group, name=label, program=buggy.source, problem=problem)
                continue
            if "shown" not in parts:
                continue
            told = judge.judge(buggy.source, problem, problem.hidden)
            failing = [r.index for r in told.results if r.verdict is not Verdict.AC]
            sized = sorted(failing, key=lambda i: (len(str(problem.hidden[i].arguments)), i))
            shown = set(sized[:SHOWN])
            held = tuple(t for i, t in enumerate(problem.hidden) if i not in shown)
            added = tuple(problem.hidden[i] for i in sorted(shown))
            known = replace(problem, visible=problem.visible + added, hidden=held)
            group = f"shipped, {SHOWN} hidden tests shown"
            yield Case(group=group, name=label, program=buggy.source, problem=known)


def released(judge: Judge, data: Path) -> Iterator[Case]:
    """The released GPT-4o programs that fail an example test, each once."""
    problems = {p.name: p for p in hard_problems(data / "leetcode_hard39")}
    seen: set[tuple[str, str]] = set()
    for run in recorded_programs(data / "textgrad_results"):
        key = (run.problem, same_program_key(run.program))
        problem = problems[run.problem]
        if key in seen:
            continue
        seen.add(key)
        if judge.judge(run.program, problem, problem.visible).verdict is not Verdict.AC:
            label = f"{run.problem}, seed {run.seed}, iteration {run.iteration}"
            yield Case(
                group="GPT-4o, LeetCode-Hard", name=label, program=run.program, problem=problem
            )


def measured(
    case: Case, judge: Judge, budget: argparse.Namespace, uniform: bool
) -> dict[str, Any]:
    """One repair; the hidden tests are read after it."""
    result = repair(
        case.program,
        case.problem,
        judge,
        max_candidates=budget.candidates,
        seconds=budget.seconds,
        seed=budget.seed if uniform else 0,
        uniform=uniform,
    )
    confirmed = None
    if case.problem.hidden:
        told = judge.judge(result.program, case.problem, case.problem.hidden)
        confirmed = result.plausible and told.verdict is Verdict.AC
    return {
        "set": case.group,
        "program": case.name,
        "order": "random" if uniform else "suspicion",
        "start": f"{result.start.passed} of {result.start.tests}",
        "plausible": result.plausible,
        "confirmed": confirmed,
        "passed": f"{result.judgement.passed} of {result.judgement.tests}",
        "candidates": result.candidates,
        "seconds": round(result.seconds, 2),
        "words": result.words,
    }


def run_all(
    cases: Sequence[Case], judge: Judge, given: argparse.Namespace, *, baseline: bool
) -> list[dict[str, Any]]:
    """Every case, some at the same time; rows in the order of the cases."""
    orders = (False, True) if baseline else (False,)
    jobs = [(case, uniform) for case in cases for uniform in orders]
    with ThreadPoolExecutor(given.workers) as pool:
        futures = [pool.submit(measured, case, judge, given, uniform) for case, uniform in jobs]
        rows = []
        for future in futures:
            row = future.result()
            rows.append(row)
            if given.verbose:
                print(json.dumps(row), flush=True)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Counts by set and order: passing all visible tests, passing all hidden ones, at what cost.

    ``within`` is how many were plausible after so many candidates.
    """
    summary = []
    for group, order in dict.fromkeys((row["set"], row["order"]) for row in rows):
        mine = [r for r in rows if (r["set"], r["order"]) == (group, order)]
        fixed = [r for r in mine if r["plausible"]]
        hidden = [r["confirmed"] for r in mine if r["confirmed"] is not None]
        summary.append(
            {
                "set": group,
                "order": order,
                "programs": len(mine),
                "plausible": len(fixed),
                "confirmed": sum(hidden) if hidden else None,
                "median_candidates": _median([r["candidates"] for r in fixed]),
                "median_seconds": _median([r["seconds"] for r in fixed]),
                "within": {
                    str(bound): sum(r["candidates"] <= bound for r in fixed) for bound in WITHIN
                },
            }
        )
    return summary


def ratios(summary: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """By set: repairs in order of suspicion over repairs in random order, within budgets."""
    found: dict[str, dict[str, float | None]] = {}
    for row in summary:
        other = next(
            (r for r in summary if r["set"] == row["set"] and r["order"] == "random"), None
        )
        if row["order"] == "suspicion" and other is not None:
            found[row["set"]] = {
                bound: count / other["within"][bound] if other["within"][bound] else None
                for bound, count in row["within"].items()
            }
    return found


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def shown(summary: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    print(COLUMNS.format(*HEADINGS, *(f"<={bound}" for bound in WITHIN)))
    for row in summary:
        cells = (row["confirmed"], row["median_candidates"], row["median_seconds"])
        told = ["-" if c is None else f"{c:g}" for c in cells]
        name = f"{row['set']}, {row['order']}"[:43]
        within = [str(count) for count in row["within"].values()]
        print(COLUMNS.format(name, str(row["programs"]), str(row["plausible"]), *told, *within))
    for group, by_bound in ratios(summary).items():
        told = [f"{b}: {'-' if r is None else f'{r:.2f}'}" for b, r in by_bound.items()]
        print(f"{group}, suspicion over random within candidates: {', '.join(told)}")


def part(
    cases: Sequence[Case], judge: Judge, given: argparse.Namespace, *, baseline: bool
) -> dict[str, Any]:
    """Run one set of programs and print its table."""
    begun = time.monotonic()
    rows = run_all(cases, judge, given, baseline=baseline)
    summary = table(rows)
    tier = str(judge.sandbox.tier)
    print(f"at most {given.candidates} candidates and {given.seconds:g} s a program, tier {tier}")
    shown(summary)
    return {
        "settings": {
            "candidates": given.candidates,
            "seconds": given.seconds,
            "seed": given.seed,
            "workers": given.workers,
        },
        "machine": {
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "tier": tier,
            "wall_s": round(time.monotonic() - begun, 1),
        },
        "summary": summary,
        "ratios": ratios(summary),
        "programs": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with leetcode_hard39, textgrad_results")
    parser.add_argument("--candidates", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1, help="of the random order")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--problem", action="append", default=[], help="only this shipped problem")
    parser.add_argument("--part", action="append", choices=PARTS, help="(default: all)")
    parser.add_argument(
        "--baseline",
        action="append",
        choices=PARTS,
        help="parts that are run in random order too (default: released)",
    )
    parser.add_argument("--min-tier", type=Tier, default=Tier.SECCOMP_STRICT)
    parser.add_argument("--out", type=Path, help="parts that are run replace those in this file")
    parser.add_argument("--verbose", action="store_true", help="print every repair")
    given = parser.parse_args()
    record: dict[str, Any] = {}
    if given.out is not None and given.out.exists():
        record = json.loads(given.out.read_text("utf-8"))
    with Judge(min_tier=given.min_tier) as judge:
        for name in given.part or PARTS:
            if name == "released" and given.data is None:
                continue
            if name == "released":
                cases = list(released(judge, given.data))
            else:
                cases = list(shipped(judge, given.problem, [name]))
            baseline = name in (given.baseline or ["released"])
            record[name] = part(cases, judge, given, baseline=baseline)
    if given.out is not None:
        given.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
