"""``textgrad radiotherapy evaluate``: a dose against a protocol."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from textgrad_core.cli.execute import say
from textgrad_core.cli.exits import OK, REFUSED
from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.commands.given_dose import given_dose
from textgrad_radiotherapy.commands.opened import open_plan
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.comparison import compared, comparison_lines
from textgrad_radiotherapy.judgement import judge
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.protocols import load_protocol
from textgrad_radiotherapy.structure_names import matched


def run(given: Namespace) -> int:
    """Judge where plans are judged; the exit code says if every goal is met there."""
    opened = open_plan(Path(given.plan), cache_of(given))
    protocol = load_protocol(given.protocol) if given.protocol else opened.protocol
    protocol = matched(protocol, opened.judged)
    beside = None
    if given.dose is not None:
        dose_gy, note = given_dose(given.dose, opened.judged)
        if note:
            say(f"Note: {note}", sys.stderr)
    else:
        dose_gy = opened.dose_on(opened.judged)
        beside = compared(opened.case, opened.dose_on(opened.case), protocol).to_json()
    table = judge(opened.judged, dose_gy, protocol, planned=given.dose is None)
    found: dict[str, JSON] = {
        "notice": NOTICE,
        "grid": str(opened.judged.grid),
        "table": table.data(),
        "comparison": beside,
    }
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(table.text())
        told = [f"{given.dose}, judged on {found['grid']}."] if given.dose else []
        for line in told or comparison_lines(found):
            say(line, sys.stdout)
    return OK if table.all_met else REFUSED
