"""``textgrad radiotherapy export-dicom``: a plan as files that other programs open."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from textgrad_core.cli.execute import say
from textgrad_core.cli.exits import OK
from textgrad_radiotherapy.commands.new_folder import writing
from textgrad_radiotherapy.commands.opened import open_plan
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.dicom import export_folder
from textgrad_radiotherapy.notice import NOTICE


def run(given: Namespace) -> int:
    """Write CT, RTSTRUCT, RTPLAN and the dose where it is judged; all of them or none."""
    opened = open_plan(Path(given.plan), cache_of(given))
    grid = opened.judged.grid
    dose_gy = opened.dose_on(opened.judged)
    with writing(Path(given.out)):
        written = export_folder(
            opened.case,
            Path(given.out),
            dose_gy=dose_gy,
            dose_grid=grid,
            protocol=opened.protocol,
        )
    if given.json:
        files = [str(path) for path in written.files]
        notes = list(written.notes)
        told = {"files": files, "dose_grid": str(grid), "notes": notes, "notice": NOTICE}
        print(json.dumps(told))
        return OK
    for note in written.notes:
        print(f"Note: {note}")
    say(f"RTDOSE holds the dose that was judged, on {grid}.", sys.stdout)
    print(f"{len(written.files)} files written to {given.out}. {NOTICE}")
    return OK
