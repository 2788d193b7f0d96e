"""``textgrad radiotherapy plan``: one solve for given weights, and its plan folder."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from textgrad_core.cli.exits import OK, REFUSED
from textgrad_core.errors import UsageError
from textgrad_core.report import write_atomically
from textgrad_radiotherapy import make
from textgrad_radiotherapy.kept_plan import PlanOf, keep_plan
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.plan_folder import write_plan_folder


def run(given: Namespace) -> int:
    """Plan, judge on the finer grid, write; the exit code says if every goal is met."""
    domain = make(
        case=given.case,
        protocol=given.protocol,
        grid_mm=given.grid_mm,
        bixel_mm=given.bixel_mm,
    )
    text = str(domain.start) if given.weights is None else _read(Path(given.weights))
    weights = domain.parse(text)
    plan, judged = domain.session.plan(weights), domain.session.judged(weights)
    folder = Path(given.out)
    written = write_plan_folder(
        folder,
        judged.case,
        judged.dose_gy,
        judged.table,
        planned_goals=plan.table,
        before_goals=judged.table,
        data=judged.to_json(),
    )
    write_atomically(folder / "weights.json", domain.canonical(weights) + "\n")
    plan_of = PlanOf(case=domain.case, grid_mm=given.grid_mm, bixel_mm=given.bixel_mm)
    kept = keep_plan(plan_of, domain.protocol, judged.fluence, folder)
    files = ["weights.json", *(path.name for path in written), *kept]
    if given.json:
        found = {"folder": str(folder), "files": files, **judged.to_json()}
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(judged.table.text())
        print(f"\nMeasured on {judged.case.grid}.")
        print(f"Inner optimiser: proven gap {plan.solution.gap:.1e}, {plan.solution.message}")
        print(f"Written to {folder}: {', '.join(files)}\n{NOTICE}")
    return OK if judged.table.all_met else REFUSED


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--weights {path} cannot be read: {error}") from error
