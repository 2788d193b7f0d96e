"""Judge published programs again and compare with the published verdicts.

Prints a table, writes a result file if asked to, and exits with 1 if a figure differs or could
not be compared. Run it from the repository: ``python benchmarks/code_replay/run.py --data DIR``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from textgrad_code.commands.replay import record, table
from textgrad_code.judge import Judge
from textgrad_code.replay import replay


def main(arguments: list[str] | None = None) -> int:
    """Judge, print, write; 1 if a figure differs or is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the data sets")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--out", type=Path, metavar="FILE", help="result file, as JSON")
    options = parser.parse_args(arguments)
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    with Judge() as judge:
        found = replay(options.data, judge=judge, workers=options.workers)
    print(table(found))
    if options.out is not None:
        result = {**record(found, options.workers), "cores": os.cpu_count(), "load_at_start": load}
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(not (found.agrees and found.complete))


if __name__ == "__main__":
    sys.exit(main())
