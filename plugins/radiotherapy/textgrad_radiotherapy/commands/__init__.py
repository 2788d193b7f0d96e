"""The commands ``textgrad radiotherapy ...``; what they need is imported when they run."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from typing import Any

from textgrad_core.plugin import Command
from textgrad_radiotherapy.commands import options


def _later(module: str) -> Callable[[Namespace], int]:
    """The function ``run`` of a module of this package, imported at its first use."""

    def run(given: Namespace) -> int:
        found: Any = import_module(f"{__name__}.{module}")
        code: int = found.run(given)
        return code

    return run


COMMANDS = (
    Command(
        name="plan",
        summary="optimise the fluence for given weights, once, and write the plan folder",
        options=options.plan,
        run=_later("plan"),
    ),
    Command(
        name="evaluate",
        summary="hold the dose of a plan folder, or of an RTDOSE file, against a protocol",
        options=options.evaluate,
        run=_later("evaluate"),
    ),
    Command(
        name="dvh",
        summary="write the dose-volume histograms of a plan folder as CSV",
        options=options.dvh,
        run=_later("dvh"),
    ),
    Command(
        name="protocols",
        summary="list the clinical protocols, or show one with its goals and sources",
        options=options.protocols,
        run=_later("protocols"),
    ),
    Command(
        name="cases",
        summary="list the cases that come with the plugin",
        options=options.cases,
        run=_later("cases"),
    ),
    Command(
        name="import-dicom",
        summary="make a case folder from CT, RTSTRUCT and RTPLAN files",
        options=options.import_dicom,
        run=_later("import_dicom"),
    ),
    Command(
        name="export-dicom",
        summary="write a plan folder as CT, RTSTRUCT, RTPLAN and RTDOSE files",
        options=options.export_dicom,
        run=_later("export_dicom"),
    ),
    Command(
        name="doctor",
        summary="say what is installed, and where influence matrices are kept",
        options=options.doctor,
        run=_later("doctor"),
    ),
)
