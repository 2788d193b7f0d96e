"""Fluence optimisation against pyRadPlan on the same matrices and objectives, side by side.

``--make-environment DIR`` installs pyRadPlan 0.5.0 into an environment of its own (1.2 GB);
``--environment DIR`` runs the comparison with it, prints the tables and writes result.json.
Without either only the shared reference problem is solved, if TEXTGRAD_TEST_DATA names it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.rt_inner import ours
from textgrad_radiotherapy.terms import StructureRows

REQUIREMENTS = ("pyRadPlan==0.5.0", "pydantic<2.14", "ipyopt")
CASES = {"b10": (10.0, 5.0), "b5": (5.0, 5.0)}  # bixel and grid in mm
SOLVERS = ("scipy", "ipopt")
GAPS = (1e-2, 1e-3, 1e-4)
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
REFERENCE = Path("radiotherapy") / "tg119_ref_b10_g5.npz"
HERE = Path(__file__).resolve().parent
GOAL_SPEEDUP, GOAL_REWEIGHTING, GOAL_GAP = 10.0, 50.0, 1e-4


def make_environment(folder: Path) -> None:
    """An environment for pyRadPlan from the package index."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", *REQUIREMENTS]
    subprocess.run(install, check=True)


class Peer:
    """The worker in pyRadPlan's environment."""

    def __init__(self, environment: Path) -> None:
        self._process = subprocess.Popen(
            [str(environment / "bin" / "python"), str(HERE / "peer.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": ""},
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"pyRadPlan's worker ended during {command}")
        return dict(json.loads(line))

    def close(self) -> None:
        """End the worker."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def time_to(trace: Sequence[Sequence[float]], value: float) -> float | None:
    """CPU seconds until an objective of at most `value` was seen."""
    return next((at for at, seen in trace if seen <= value), None)


def compare(name: str, environment: Path, repeats: int, folder: Path) -> dict[str, Any]:
    """One influence matrix: both sides in turn, minima over the repeats."""
    bixel_mm, grid_mm = CASES[name]
    file = folder / f"{name}.npz"
    peer = Peer(environment)
    case = peer.ask(do="prepare", bixel_mm=bixel_mm, grid_mm=grid_mm, file=str(file))
    rows = ours.load(file)
    best, _ = ours.cold(rows, 1e-8)
    optimum = ours.judged(rows, best.fluence, ours.WEIGHTS)
    runs: dict[str, list[dict[str, Any]]] = {solver: [] for solver in SOLVERS}
    mine: dict[float, list[float]] = {gap: [] for gap in GAPS}
    reached: dict[float, float] = {}
    for _ in range(repeats):
        for solver in SOLVERS:
            fluence = folder / f"{name}_{solver}.npy"
            answer = peer.ask(do="solve", solver=solver, weights=ours.WEIGHTS, file=str(fluence))
            answer["objective"] = ours.judged(rows, np.load(fluence), ours.WEIGHTS)
            runs[solver].append(answer)
            for gap in GAPS:
                solution, cpu_s = ours.cold(rows, gap)
                mine[gap].append(cpu_s)
                reached[gap] = ours.judged(rows, solution.fluence, ours.WEIGHTS) / optimum - 1
    peers = {s: summary(rows, optimum, runs[s], repeats) for s in SOLVERS}
    again = peer.ask(
        do="solve", solver="scipy", weights=ours.changed_weights()[0],
        file=str(folder / "changed.npy"),
    )  # fmt: skip
    peer.close()
    found = {
        "influence": case | {name: part.matrix.shape[0] for name, part in rows.items()},
        "best_known_objective": optimum,
        "proven_lower_bound": best.lower_bound,
        "ours": {
            "cpu_s_to_proven_gap": {f"{gap:g}": min(mine[gap]) for gap in GAPS},
            "gap_to_best_known": {f"{gap:g}": reached[gap] for gap in GAPS},
            "best_proven_gap": best.gap,
        },
        "pyRadPlan": peers,
        "pyRadPlan_scipy_after_a_change_cpu_s": again["solve_cpu_s"],
        "reweighting": reweighting(rows, peers),
    }
    return found | {"goals": goals(found)}


def summary(
    rows: Mapping[str, StructureRows],
    optimum: float,
    runs: Sequence[dict[str, Any]],
    repeats: int,
) -> dict[str, Any]:
    """Minima over the runs of one solver, and how long we take to its final value."""
    final = min(run["objective"] for run in runs)
    gap = final / optimum - 1.0
    until = {}
    for asked in GAPS:
        times = [time_to(run["trace"], optimum * (1 + asked)) for run in runs]
        known = [at for at in times if at is not None]
        until[f"{asked:g}"] = min(known) if known else None
    same = [ours.cold(rows, min(gap, 0.5)) for _ in range(repeats)]
    cpu_s = min(seconds for _, seconds in same)
    whole = min(run["solve_cpu_s"] for run in runs)
    return {
        "cpu_s": whole,
        "call_cpu_s": min(run["whole_call_cpu_s"] for run in runs),
        "iterations": runs[0]["iterations"],
        "final_gap": gap,
        "cpu_s_to_gap": until,
        "our_cpu_s_to_its_final_value": cpu_s,
        "our_objective_there": ours.judged(rows, same[0][0].fluence, ours.WEIGHTS),
        "ratio": whole / cpu_s,
    }


def reweighting(
    rows: Mapping[str, StructureRows], peers: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Eight changes of weights: CPU seconds of each, and the ratio to a solve of the peer."""
    found: dict[str, Any] = {}
    for gap in (1e-3, 1e-4):
        steps = ours.reweight(rows, gap)
        mean = float(np.mean([step["cpu_s"] for step in steps]))
        found[f"{gap:g}"] = {
            "steps": steps,
            "mean_cpu_s": mean,
            "ratio": {solver: peers[solver]["cpu_s"] / mean for solver in SOLVERS},
        }
    return found


def goals(found: Mapping[str, Any]) -> dict[str, bool]:
    """Whether the goals of the comparison are met, by the stricter of the two solvers."""
    ratios = [found["pyRadPlan"][solver]["ratio"] for solver in SOLVERS]
    again = found["reweighting"]["0.001"]["ratio"]
    return {
        "10 times faster to its final value": min(ratios) >= GOAL_SPEEDUP,
        "gap below 1e-4": abs(found["ours"]["gap_to_best_known"]["0.0001"]) < GOAL_GAP,
        "re-weighting 50 times faster (proven 1e-3), scipy": again["scipy"] >= GOAL_REWEIGHTING,
        "re-weighting 50 times faster (proven 1e-3), ipopt": again["ipopt"] >= GOAL_REWEIGHTING,
    }


def reference() -> dict[str, Any] | None:
    """The shared reference problem."""
    named = os.environ.get("TEXTGRAD_TEST_DATA")
    file = Path(named) / REFERENCE if named else None
    if file is None or not file.exists():
        return None
    rows, optimum = ours.load_reference(file)
    solution, cpu_s = ours.cold(rows, 1e-7)
    return {
        "objective": solution.objective,
        "published_optimum": optimum,
        "relative_difference": solution.objective / optimum - 1.0,
        "proven_gap": solution.gap,
        "cpu_s": cpu_s,
    }


LINE = "{:4s} {:22s} {:>8s} {:>8s} {:>8s} {:>10s} {:>10s} {:>8s}"


def show(name: str, case: Mapping[str, Any]) -> None:
    """Print the table of one influence matrix."""
    mine = case["ours"]["cpu_s_to_proven_gap"]
    times = [f"{mine[f'{gap:g}']:.2f}" for gap in GAPS]
    best = f"{case['ours']['best_proven_gap']:.0e}"
    print(LINE.format(name, "ours (proven)", *times, best, "", ""))
    for solver, peer in case["pyRadPlan"].items():
        until = peer["cpu_s_to_gap"].values()
        shown = ["never" if at is None else f"{at:.2f}" for at in until]
        ends = f"{peer['final_gap']:.1e}", f"{peer['cpu_s']:.2f}", f"{peer['ratio']:.1f}"
        print(LINE.format(name, f"pyRadPlan {solver}", *shown, *ends))
    for gap, again in case["reweighting"].items():
        ratios = ", ".join(f"{r:.0f}x below {s}" for s, r in again["ratio"].items())
        print(f"{name:4s} re-weighting to {gap}: {again['mean_cpu_s']:.3f} s, {ratios}")
    for goal, met in case["goals"].items():
        print(f"{name:4s} {'met   ' if met else 'missed'} {goal}")
    sys.stdout.flush()  # the next matrix takes minutes


def main() -> None:
    """Make the environment, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--make-environment", type=Path, metavar="DIR")
    parser.add_argument("--environment", type=Path, metavar="DIR")
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE / "result.json")
    arguments = parser.parse_args()
    if arguments.make_environment:
        make_environment(arguments.make_environment)
        return
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # numpy reads it when it is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)  # noqa: S606 - this very program
    cases = {}
    if arguments.environment:
        heads = ("case", "solver", "1e-2", "1e-3", "1e-4", "best gap", "CPU s", "ratio")
        print(LINE.format(*heads), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.cases if arguments.environment else ():
            cases[name] = compare(name, arguments.environment, arguments.repeats, Path(folder))
            show(name, cases[name])
    result = {
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "threads": 1,
        "cases": cases,
        "reference": reference(),
    }
    if result["reference"]:
        print("reference problem:", json.dumps(result["reference"]))
    if cases:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
