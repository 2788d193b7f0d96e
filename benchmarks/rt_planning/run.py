"""The embedded planner beside the proportional rule and the paper's Optuna protocol.

All three choose weights of the same objective, solved by the same inner optimiser, on the same
case; only who chooses differs. Every plan is measured on the planning grid and on the finer
judging grid. Results are stored after every case and planner, so a run may be stopped and
continued with ``--resume``.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import textgrad_core as tg
from textgrad_core.search.result import Result
from textgrad_radiotherapy import make
from textgrad_radiotherapy.domain import Plans
from textgrad_radiotherapy.optuna_baseline import TRIALS, OptunaPlanner
from textgrad_radiotherapy.plan import Plan
from textgrad_radiotherapy.planners import PLANNERS

CASES = (
    "tg119-prostate",
    "tg119-cshape-easy",
    "tg119-cshape-hard",
    "tg119-head-neck",
    "tg119-multitarget",
    "adult",
    "adult_hard",
)
ROUNDS = {"sensitivity": (8, 3), "proportional": (24, 1)}  # rounds, proposals in each
RESULT = Path(__file__).parent / "result.json"


def run_one(case: str, planner: str, trials: int, seed: int) -> dict[str, Any]:
    """One search of one planner; the influence matrix is there before its clock starts."""
    domain = make(case=case, planner=planner)
    try:
        steps, proposals = ROUNDS.get(planner, (trials, 1))
        load_cpu, load_wall = time.process_time(), time.perf_counter()
        _ = domain.session.planner
        cold = {
            "cpu_s": round(time.process_time() - load_cpu, 2),
            "wall_s": round(time.perf_counter() - load_wall, 2),
        }
        cpu, wall = time.process_time(), time.perf_counter()
        result = tg.optimize(
            str(domain.start),
            domain,
            steps=steps,
            proposals=proposals,
            finalists=1,
            seed=seed,
            cache="off",
        )
        spent = {
            "cpu_s": round(time.process_time() - cpu, 2),
            "wall_s": round(time.perf_counter() - wall, 2),
        }
        return {
            "case": case,
            "planner": planner,
            "load_and_cold_solve": cold,
            "search": spent,
            "inner_solves": len(measured(result)),
            "solves_to_best": 1 + [t.canonical for t in measured(result)].index(kept(result)),
            "rejected": len(result.trials) - len(measured(result)),
            "start": numbers(domain, result.start.canonical),
            "best": numbers(domain, kept(result)),
            **(
                {"best_by_its_own_scalar": numbers(domain, by_nature(result))}
                if planner == "optuna"
                else {}
            ),
            "largest_gap": max(t.outcome.data["solver"]["gap"] for t in measured(result)),
        }
    finally:
        domain.close()


def measured(result: Result) -> list[Any]:
    """Trials with a plan, in order; each of them is one inner solve."""
    return [t for t in result.trials if t.scalar is not None]


def kept(result: Result) -> str:
    """Weights of the best plan by the goals."""
    return str(min(measured(result), key=lambda t: t.scalar).canonical)


def by_nature(result: Result) -> str:
    """Weights of the plan that the paper's scalar would pick."""

    found = min(measured(result), key=lambda t: t.outcome.data["nature_objective"])
    return str(found.canonical)


def numbers(domain: Plans, canonical: str) -> dict[str, Any]:
    """What a plan reaches on both grids."""
    weights = domain.parse(canonical)
    return {
        "weights": json.loads(canonical),
        "planning_grid": on_grid(domain.session.plan(weights)),
        "judging_grid": on_grid(domain.session.judged(weights)),
    }


def on_grid(plan: Plan) -> dict[str, Any]:
    """Goals met, those that are not guards of ours apart, and values on one grid."""
    stated = [row for row in plan.table.judged if not row.goal.assumed]
    return {
        "grid": str(plan.case.grid),
        "goals": len(plan.table.judged),
        "goals_met": plan.table.met,
        "goals_of_the_source": len(stated),
        "goals_of_the_source_met": sum(row.verdict == "pass" for row in stated),
        "warnings": list(plan.table.warnings),
        "missed": {
            row.goal.name: round(row.value, 2)
            for row in plan.table.judged
            if row.verdict != "pass" and row.value is not None
        },
        "penalty": round(plan.penalty, 3),
        "gap": plan.solution.gap,
        "nature_objective": round(plan.nature_objective, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; the ratio is the Optuna protocol's CPU time over that of the planner."""
    lines = [
        "| case | planner | inner solves (to best) | CPU s | wall s | goals met, planning grid "
        "| judging grid | Nature objective, judging grid | Optuna CPU / its CPU |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    peers = {r["case"]: r["search"]["cpu_s"] for r in rows if r["planner"] == "optuna"}
    for row in rows:
        best = row["best"]
        planning, judging = best["planning_grid"], best["judging_grid"]
        peer = peers.get(row["case"])
        ratio = f"{peer / row['search']['cpu_s']:.1f}" if peer else "-"
        lines.append(
            f"| {row['case']} | {row['planner']} | {row['inner_solves']} "
            f"({row['solves_to_best']}) | {row['search']['cpu_s']:.1f} | "
            f"{row['search']['wall_s']:.1f} | {planning['goals_met']} of {planning['goals']} | "
            f"{judging['goals_met']} of {judging['goals']} | {judging['nature_objective']:.0f} | "
            f"{ratio} |"
        )
        own = row.get("best_by_its_own_scalar")
        if own is not None:
            planning, judging = own["planning_grid"], own["judging_grid"]
            lines.append(
                f"| {row['case']} | the same, picked by its own scalar | | | | "
                f"{planning['goals_met']} of {planning['goals']} | {judging['goals_met']} of "
                f"{judging['goals']} | {judging['nature_objective']:.0f} | |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for, print, and store after every search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", choices=CASES, help="only this; repeatable")
    parser.add_argument(
        "--planner", action="append", choices=tuple(PLANNERS), help="only this; repeatable"
    )
    parser.add_argument(
        "--trials", type=int, default=TRIALS, help=f"of Optuna (default: {TRIALS})"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="keep what the file holds already")
    parser.add_argument("--out", type=Path, default=RESULT, help="where results are stored")
    given = parser.parse_args()
    OptunaPlanner()  # refuses early where Optuna is missing
    rows: list[dict[str, Any]] = []
    if given.resume and given.out.exists():
        rows = json.loads(given.out.read_text(encoding="utf-8"))["searches"]
    for planner in given.planner or PLANNERS:
        for case in given.case or CASES:
            if any((r["case"], r["planner"]) == (case, planner) for r in rows):
                continue
            rows.append(run_one(case, planner, given.trials, given.seed))
            rows.sort(key=lambda r: (CASES.index(r["case"]), list(PLANNERS).index(r["planner"])))
            store(given.out, rows, given)
            print(f"{case} by {planner}: done", flush=True)
    print(table(rows))


def store(path: Path, rows: list[dict[str, Any]], given: argparse.Namespace) -> None:
    """Write what there is, with what it was measured on."""
    about = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "scipy", "optuna")},
        "optuna_trials": given.trials,
        "seed": given.seed,
        "grid_mm": 3.0,
        "bixel_mm": 5.0,
    }
    path.write_text(json.dumps({**about, "searches": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
