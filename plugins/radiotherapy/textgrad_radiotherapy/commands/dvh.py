"""``textgrad radiotherapy dvh``: dose-volume histograms of a plan."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from textgrad_core.cli.execute import say
from textgrad_core.cli.exits import OK
from textgrad_core.errors import UsageError
from textgrad_core.report import write_atomically
from textgrad_radiotherapy.commands.new_folder import writing
from textgrad_radiotherapy.commands.opened import open_plan
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.dvh import dvh_csv, dvh_curves
from textgrad_radiotherapy.notice import NOTICE


def run(given: Namespace) -> int:
    """Write, or print, the curves as CSV, where the plan is judged."""
    if not 0.001 <= given.step <= 10:
        raise UsageError(f"--step is {given.step:g} Gy: give a number from 0.001 to 10")
    opened = open_plan(Path(given.plan), cache_of(given))
    dose_gy = opened.dose_on(opened.judged)
    curves = dvh_curves(opened.judged, dose_gy, given.structure, step_gy=given.step)
    text = dvh_csv(curves)
    if given.out is None:
        print(text, end="")
        return OK
    with writing(Path(given.out)):
        write_atomically(Path(given.out), text)
    say(f"Written to {given.out}, measured on {opened.judged.grid}. {NOTICE}", sys.stdout)
    return OK
