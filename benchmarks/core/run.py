"""Measure this suite and TextGrad side by side; print one table, write result.json.

Run it from the repository: ``python benchmarks/core/run.py --make-environment DIR``. Exits with
1 if a goal is missed. Without TextGrad it measures ours alone and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

if __name__ == "__main__":  # the root instead of this folder, whose names are common words
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.core import environment
from benchmarks.core.bench import HERE, SLEEP_S, Bench
from benchmarks.core.table import render


def textgrad_version(python: str | None) -> str | None:
    """The version in another environment."""
    if python is None:
        return None
    code = "from importlib.metadata import version; print(version('textgrad'))"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--textgrad-python", metavar="PATH", help="interpreter with TextGrad")
    parser.add_argument("--suite-python", metavar="PATH", help="interpreter with this suite only")
    parser.add_argument(
        "--make-environment", metavar="DIR", type=Path, help="install both there, then measure"
    )
    parser.add_argument("--batch", type=int, default=32, help="length of the batch (32)")
    parser.add_argument("--long", type=int, default=20_000, help="nodes of the long chain")
    parser.add_argument("--runs", type=int, default=5, help="repeats of what is timed (5)")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds per measurement")
    parser.add_argument("--out", type=Path, default=HERE / "result.json", help="result file")
    return parser.parse_args(arguments)


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    options = parse()
    textgrad, suite = options.textgrad_python, options.suite_python
    if options.make_environment is not None:
        textgrad, suite = map(str, environment.make_both(options.make_environment))
    theirs = textgrad_version(textgrad)
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    bench = Bench(textgrad, suite, options.batch, options.long, options.runs, options.timeout)
    rows = bench.rows()
    missed = [row.name for row in rows if row.met is False]
    if theirs is None:
        print("TextGrad was not measured: give --textgrad-python or --make-environment.")
    print(render(rows))
    print(f"{os.cpu_count()} cores, load {load} at the start, Python {platform.python_version()}")
    print(f"goals missed: {', '.join(missed) or 'none'}")
    result = {
        "textgrad": theirs,
        "suite": version("textgrad-suite"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_at_start": load,
        "sleep_s": SLEEP_S,
        "rows": [row.to_json() for row in rows],
        "raw": bench.raw,
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
