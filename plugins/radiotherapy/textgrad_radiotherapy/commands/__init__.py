"""The commands ``textgrad radiotherapy ...``; what they need is imported when they run."""

from __future__ import annotations

from textgrad_core.plugin import Command, run_later
from textgrad_radiotherapy.commands import options

COMMANDS = (
    Command(
        name="plan",
        summary="optimise the fluence for given weights, once, and write the plan folder",
        options=options.plan,
        run=run_later(f"{__name__}.plan"),
    ),
    Command(
        name="evaluate",
        summary="hold the dose of a plan folder, or of an RTDOSE file, against a protocol",
        options=options.evaluate,
        run=run_later(f"{__name__}.evaluate"),
    ),
    Command(
        name="dvh",
        summary="write the dose-volume histograms of a plan folder as CSV",
        options=options.dvh,
        run=run_later(f"{__name__}.dvh"),
    ),
    Command(
        name="protocols",
        summary="list the clinical protocols, or show one with its goals and sources",
        options=options.protocols,
        run=run_later(f"{__name__}.protocols"),
    ),
    Command(
        name="cases",
        summary="list the cases that come with the plugin",
        options=options.cases,
        run=run_later(f"{__name__}.cases"),
    ),
    Command(
        name="import-dicom",
        summary="make a case folder from CT, RTSTRUCT and RTPLAN files",
        options=options.import_dicom,
        run=run_later(f"{__name__}.import_dicom"),
    ),
    Command(
        name="export-dicom",
        summary="write a plan folder as CT, RTSTRUCT, RTPLAN and RTDOSE files",
        options=options.export_dicom,
        run=run_later(f"{__name__}.export_dicom"),
    ),
    Command(
        name="doctor",
        summary="say what is installed, and where influence matrices are kept",
        options=options.doctor,
        run=run_later(f"{__name__}.doctor"),
    ),
)
