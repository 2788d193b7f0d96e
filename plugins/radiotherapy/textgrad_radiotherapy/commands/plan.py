"""``textgrad radiotherapy plan``: one solve for given weights, and its plan folder."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from textgrad_core.cli.execute import say
from textgrad_core.cli.exits import OK, REFUSED
from textgrad_core.errors import UsageError
from textgrad_core.report import write_atomically
from textgrad_radiotherapy import make
from textgrad_radiotherapy.about_case import about_case
from textgrad_radiotherapy.commands.new_folder import check_free, filled
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.comparison import comparison_lines
from textgrad_radiotherapy.kept_plan import keep_plan
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.plan_folder import write_plan_folder


def run(given: Namespace) -> int:
    """Plan, judge on the finer grid, write; the exit code says if every goal is met."""
    folder = Path(given.out)
    check_free(folder)
    domain = make(
        case=given.case,
        protocol=given.protocol,
        grid_mm=given.grid_mm,
        bixel_mm=given.bixel_mm,
        cache=cache_of(given),
    )
    text = str(domain.start) if given.weights is None else _read(Path(given.weights))
    weights = domain.parse(text)
    if not given.json:
        for note in domain.notes:
            say(f"Note: {note}", sys.stdout)
    session = replace(domain.session, levers=False)  # nothing here shows any
    plan, judged = session.plan(weights), session.judged(weights)
    pictures = session.pictures(weights)
    with filled(folder) as draft:
        written = write_plan_folder(
            draft,
            judged.case,
            judged.dose_gy,
            judged.table,
            pictures,
            comparison=judged.comparison,
            data=judged.to_json(),
        )
        write_atomically(draft / "weights.json", domain.canonical(weights) + "\n")
        kept = keep_plan(session.plan_of, domain.protocol, judged.fluence, draft)
    files = ["weights.json", *(path.name for path in written), *kept]
    if given.json:
        found = {
            "folder": str(folder),
            "files": files,
            "notes": list(domain.notes),
            **judged.to_json(),
        }
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(judged.table.text())
        for line in comparison_lines(judged.to_json()):
            say(line, sys.stdout)
        for line in about_case(judged.case):
            say(line, sys.stdout)
        say(f"Inner optimiser: {plan.solution.message}", sys.stdout)
        say(f"Written to {folder}: {', '.join(files)}", sys.stdout)
        print(NOTICE)
    return OK if judged.table.all_met else REFUSED


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--weights {path} cannot be read: {error}") from error
