"""``textgrad radiotherapy doctor``: what is installed, and what is kept where."""

from __future__ import annotations

import json
import textwrap
from argparse import Namespace

from textgrad_core.cli.exits import MISSING, OK
from textgrad_radiotherapy.commands.options import named_cache
from textgrad_radiotherapy.doctor import radiotherapy_checks

WIDTH = 80


def run(given: Namespace) -> int:
    """Print what was found; the exit code says whether something needed is missing."""
    checks = list(radiotherapy_checks(named_cache(given)))
    if given.json:
        record = [
            {"name": c.name, "ok": c.ok, "detail": c.detail, "remedy": c.remedy} for c in checks
        ]
        print(json.dumps(record, ensure_ascii=False))
    else:
        for check in checks:
            mark = "ok" if check.ok else "MISSING" if check.needed else "absent"
            head = f"{mark:7}  {check.name.removeprefix('radiotherapy: ')}: {check.detail}"
            told = [head] + ([f"{'':9}-> {check.remedy}"] if check.remedy and not check.ok else [])
            for line in told:
                print("\n".join(textwrap.wrap(line, WIDTH, subsequent_indent=" " * 9,
                                              break_on_hyphens=False)))  # fmt: skip
    return OK if all(c.ok or not c.needed for c in checks) else MISSING
