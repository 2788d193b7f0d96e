"""``textgrad radiotherapy evaluate``: a dose against a protocol."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from textgrad_core.cli.execute import say
from textgrad_core.cli.exits import OK, REFUSED
from textgrad_radiotherapy.cases import dose, judging_case
from textgrad_radiotherapy.commands.given_dose import given_dose
from textgrad_radiotherapy.commands.opened import OpenedPlan, open_plan
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.judgement import GoalTable, judge
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.protocols import load_protocol
from textgrad_radiotherapy.structure_names import matched


def run(given: Namespace) -> int:
    """Judge on the planning grid and on the judging grid; the exit code says if goals are met."""
    opened = open_plan(Path(given.plan), cache_of(given))
    protocol = load_protocol(given.protocol) if given.protocol else opened.protocol
    tables = _tables(opened, protocol, given.dose)
    if given.json:
        found = {name: table.data() for name, table in tables.items()}
        print(json.dumps({"notice": NOTICE, "tables": found}, ensure_ascii=False))
    else:
        for name, table in tables.items():
            say(f"{name}:", sys.stdout)
            print(f"{table.text()}\n")
    return OK if all(table.all_met for table in tables.values()) else REFUSED


def _tables(opened: OpenedPlan, protocol: Protocol, rtdose: str | None) -> dict[str, GoalTable]:
    case = opened.case
    if rtdose is not None:
        theirs, note = given_dose(rtdose, case)
        if note:
            say(f"Note: {note}", sys.stderr)
        return {rtdose: judge(case, theirs, matched(protocol, case))}
    finer = judging_case(case)
    judged = judge(finer, dose(finer, opened.fluence), matched(protocol, finer))
    return {
        f"Planning grid, {case.grid}": judge(case, opened.dose_gy, matched(protocol, case)),
        f"Judging grid, {finer.grid}": judged,
    }
