"""Measure what a verdict costs, against starting Python and against published runners.

Run it from the repository: ``python benchmarks/code_latency/run.py --make-environment DIR``.
Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # the root instead of this folder, whose names are common words
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.code_latency import environment, speed
from benchmarks.code_latency.ways import (
    COLD,
    HERE,
    ISOLATED,
    PLAIN,
    SCRIPT,
    SPARE,
    all_ways,
    jailed,
    judged,
    spawned,
)
from textgrad_code.sandbox import Tier, open_sandbox
from textgrad_code.sandbox.jailed import SPARES

GOALS = {COLD: 0.5, SPARE: 0.1}  # of a plain subprocess of the same interpreter, medians
SPEED = 0.05
PAUSE_S = 0.02  # what one way leaves behind, such as a process that ends, is not the next one's


def measure_latency(
    tier: Tier, python: str, peers: str | None, rounds: int
) -> dict[str, list[float]]:
    """Seconds by way, one of each in turn so that all meet the same load."""
    with all_ways(tier, python, peers) as ways:
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                time.sleep(PAUSE_S)
                taken[name].append(way())
    return taken


def measure_rates(tier: Tier, python: str, runs: int) -> dict[str, float]:
    """Runs per second with one thread per core."""
    cores = os.cpu_count() or 1
    with jailed(tier, python, SPARES) as judge, ThreadPoolExecutor(cores) as pool:
        ways = {
            "ours": lambda _: judged(judge),
            ISOLATED: lambda _: spawned(python, "-I", "-S", "-E", "-c", SCRIPT),
            PLAIN: lambda _: spawned(python, "-c", SCRIPT),
        }
        rates = {}
        for name, way in ways.items():
            best = 0.0
            for _ in range(3):
                started = time.perf_counter()
                list(pool.map(way, range(runs)))
                best = max(best, runs / (time.perf_counter() - started))
            rates[name] = best
    return rates


@contextmanager
def on_one_processor() -> Iterator[None]:
    """Keep this process, and what it starts, from the others: each has a clock of its own."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure_speed(tier: Tier, python: str, rounds: int) -> dict[str, dict[str, float]]:
    """Least processor seconds of every loop, inside and outside in turn on one processor."""
    found = {}
    with on_one_processor(), jailed(tier, python, SPARES) as judge:
        for loop in speed.LOOPS:
            turns = [
                (
                    speed.inside(judge, loop),
                    speed.outside(python, loop),
                    speed.outside(python, loop, speed.IMPORTS),
                )
                for _ in range(rounds)
            ]
            inside, outside, imported = (min(one) for one in zip(*turns, strict=True))
            found[loop] = {
                "inside_s": inside,
                "outside_s": outside,
                "ratio": inside / outside,
                "outside_after_imports_s": imported,
                "ratio_after_imports": inside / imported,
            }
    return found


def summary(taken: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """Median, least, and the ratio of medians to the plain subprocess, by way."""
    plain = statistics.median(taken[PLAIN])
    rows = []
    for name, seconds in taken.items():
        ratio = statistics.median(seconds) / plain
        goal = GOALS.get(name)
        rows.append(
            {
                "way": name,
                "median_ms": 1000 * statistics.median(seconds),
                "least_ms": 1000 * min(seconds),
                "ratio": ratio,
                "goal": goal,
                "met": None if goal is None else ratio <= goal,
            }
        )
    return rows


def render(result: Mapping[str, Any]) -> str:
    """The tables of one interpreter."""
    lines = [f"Python {result['python']}, tier {result['tier']}, load {result['load']}"]
    lines.append(f"{'way':30}{'median ms':>10}{'least ms':>10}{'ratio':>8}  goal     met")
    for row in result["latency"]:
        goal = "-" if row["goal"] is None else f"<= {row['goal']}"
        met = {None: "-", True: "yes", False: "NO"}[row["met"]]
        lines.append(
            f"{row['way']:30}{row['median_ms']:10.2f}{row['least_ms']:10.2f}"
            f"{row['ratio']:8.3f}  {goal:7}  {met}"
        )
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in result["runs_per_second"].items())
    lines.append(f"runs per second on {result['cores']} cores: {rates}")
    for loop, found in result["speed"].items():
        met = "yes" if found["ratio"] <= 1 + SPEED else "NO"
        lines.append(
            f"{loop:11} inside {found['inside_s']:.3f} s, outside {found['outside_s']:.3f} s: "
            f"{found['ratio']:.3f}, after the same imports {found['ratio_after_imports']:.3f}  "
            f"goal <= {1 + SPEED}  {met}"
        )
    return "\n".join(lines)


def missed(result: Mapping[str, Any]) -> list[str]:
    """Names of the goals that are not met."""
    slow = [row["way"] for row in result["latency"] if row["met"] is False]
    return slow + [n for n, one in result["speed"].items() if one["ratio"] > 1 + SPEED]


def measure(python: str, options: argparse.Namespace, peers: str | None) -> dict[str, Any]:
    """Everything with one interpreter."""
    opened = open_sandbox(python=python, tier=options.tier and Tier(options.tier))
    tier = opened.tier
    opened.close()
    load = round(os.getloadavg()[0], 1)
    taken = measure_latency(tier, python, peers, options.rounds)
    asked = [python, "-c", "import platform; print(platform.python_version())"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return {
        "python": version,
        "tier": str(tier),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": load,
        "latency": summary(taken),
        "runs_per_second": measure_rates(tier, python, options.runs),
        "speed": measure_speed(tier, python, options.loops),
        "seconds": taken,
    }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", metavar="PATH", help="interpreter that has the peers")
    parser.add_argument(
        "--make-environment", metavar="DIR", type=Path, help="install the peers there first"
    )
    parser.add_argument(
        "--python", action="append", help="interpreter to measure with (this one); repeatable"
    )
    parser.add_argument("--tier", help="isolation (the best there is)")
    parser.add_argument("--rounds", type=int, default=40, help="runs of every way (40)")
    parser.add_argument("--runs", type=int, default=100, help="runs per rate (100)")
    parser.add_argument("--loops", type=int, default=15, help="runs of every loop (15)")
    parser.add_argument("--out", type=Path, default=HERE / "result.json", help="result file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write; 1 if a goal is missed."""
    options = parse(arguments)
    peers = options.peers
    if options.make_environment is not None:
        peers = str(environment.make(options.make_environment))
    results = []
    for python in options.python or [sys.executable]:
        results.append(measure(python, options, peers))
        print(render(results[-1]), end="\n\n")
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    failed = [name for result in results for name in missed(result)]
    print(f"goals missed: {', '.join(failed) or 'none'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
