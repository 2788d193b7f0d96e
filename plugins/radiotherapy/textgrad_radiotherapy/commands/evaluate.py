"""``textgrad radiotherapy evaluate``: a dose against a protocol."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from textgrad_core.cli.execute import say
from textgrad_core.cli.exits import OK, REFUSED
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import dose, judging_case
from textgrad_radiotherapy.commands.opened import OpenedPlan, open_plan
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.dicom import read_dose
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
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
        volume = read_dose(Path(rtdose))
        _check_reach(volume.grid, case, rtdose)
        return {rtdose: judge(case, volume.on(case.grid).ravel(), matched(protocol, case))}
    finer = judging_case(case)
    judged = judge(finer, dose(finer, opened.fluence), matched(protocol, finer))
    return {
        f"Planning grid, {case.grid}": judge(case, opened.dose_gy, matched(protocol, case)),
        f"Judging grid, {finer.grid}": judged,
    }


def _check_reach(grid: Grid, case: Case, rtdose: str) -> None:
    """Refuse a dose that ends within a target or an organ: it would count as zero there."""
    half = np.asarray(grid.spacing_mm) / 2
    axes = grid.axes_mm()
    low, high = (np.array([axis[end] for axis in axes]) for end in (0, -1))
    for name, structure in case.structures.items():
        centres = case.grid.centres_mm(structure.voxels)
        beyond = ((centres < low - half) | (centres > high + half)).any(axis=1).mean()
        if structure.kind != "external" and beyond > 0:
            raise CaseError(
                f"{rtdose} does not reach {beyond:.0%} of {name}: its dose is on {grid}, case "
                f"{case.name} on {case.grid}; give the dose of this anatomy, over all of it"
            )
