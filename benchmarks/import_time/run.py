"""How much longer a bare interpreter takes when it imports the core; exit 1 beyond the limit.

The two are started in turn, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

LIMIT_S = 0.15


def seconds(code: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="pairs of starts (default: 15)")
    runs = parser.parse_args().runs
    seconds("import textgrad_core")  # the first start compiles
    pairs = [(seconds("pass"), seconds("import textgrad_core")) for _ in range(runs)]
    bare, core = (statistics.median(column) for column in zip(*pairs, strict=True))
    extra = statistics.median(b - a for a, b in pairs)
    print(f"bare interpreter      {bare:.3f} s (median of {runs})")
    print(f"import textgrad_core  {core:.3f} s")
    print(f"extra                 {extra:.3f} s, {extra / LIMIT_S:.2f} of the limit {LIMIT_S} s")
    return 0 if extra < LIMIT_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
