"""One measurement of one library in a process of its own: ``worker.py SIDE MEASUREMENT JSON``.

The result is the last line of standard output, as JSON.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure and print."""
    sys.path[0] = str(ROOT)  # the root instead of this folder, whose names are common words
    side, measurement, arguments = sys.argv[1:]
    load = import_module("benchmarks.core.sides").load
    measure = import_module(f"benchmarks.core.{measurement}").measure
    print()  # whatever a library wrote before stays on its own line
    print(json.dumps(measure(load(side), **json.loads(arguments))), flush=True)


if __name__ == "__main__":
    main()
