"""``textgrad radiotherapy export-dicom``: a plan as files that other programs open."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from textgrad_core.cli.exits import OK
from textgrad_radiotherapy.commands.opened import open_plan
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.dicom import export_folder
from textgrad_radiotherapy.notice import NOTICE


def run(given: Namespace) -> int:
    """Write CT, RTSTRUCT, RTPLAN and RTDOSE; all of them or none."""
    opened = open_plan(Path(given.plan), cache_of(given))
    written = export_folder(opened.case, Path(given.out), dose_gy=opened.dose_gy)
    if given.json:
        files = [str(path) for path in written.files]
        print(json.dumps({"files": files, "notes": list(written.notes), "notice": NOTICE}))
        return OK
    for note in written.notes:
        print(f"Note: {note}")
    print(f"{len(written.files)} files written to {given.out}. {NOTICE}")
    return OK
