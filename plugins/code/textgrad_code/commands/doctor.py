"""``textgrad code doctor``: which isolation this machine offers, and why not more."""

from __future__ import annotations

import json
import textwrap
from argparse import Namespace

from textgrad_code.sandbox import sandbox_checks
from textgrad_core.cli.exits import MISSING, OK

WIDTH = 80


def run(given: Namespace) -> int:
    """Print what was found; the exit code says whether any isolation works."""
    checks = list(sandbox_checks())
    if given.json:
        print(
            json.dumps(
                [
                    {"name": c.name, "ok": c.ok, "detail": c.detail, "remedy": c.remedy}
                    for c in checks
                ],
                ensure_ascii=False,
            )
        )
    else:
        for check in checks:
            mark = "ok" if check.ok else "MISSING" if check.needed else "absent"
            head = f"{mark:7}  {check.name}: {check.detail}"
            print("\n".join(textwrap.wrap(head, WIDTH, subsequent_indent=" " * 9)))
            if not check.ok and check.remedy:
                told = textwrap.wrap(f"-> {check.remedy}", WIDTH - 9, break_on_hyphens=False)
                print("\n".join(f"{'':9}{line}" for line in told))
    return OK if all(c.ok or not c.needed for c in checks) else MISSING
