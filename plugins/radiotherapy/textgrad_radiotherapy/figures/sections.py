"""The figures of a plan for the page of a result."""

from __future__ import annotations

import base64

from textgrad_core.domain import Section
from textgrad_core.outcome import Artefact
from textgrad_radiotherapy.figures.pictures import Pictures
from textgrad_radiotherapy.judgement import GoalTable
from textgrad_radiotherapy.notice import SENTENCE


def report_sections(goals: GoalTable, pictures: Pictures) -> tuple[Section, ...]:
    """Goal table, dose-volume histogram and dose wash.

    Args:
        goals: The plan, judged.
        pictures: The plan, drawn.
    """
    compared = " Dashed: before; solid: after." if pictures.before_png else ""
    washes = {"dose_wash.png": pictures.wash_png, "dose_wash_before.png": pictures.before_png}
    return (
        Section(
            title="Clinical goals",
            text="\n".join(
                [
                    *(f"WARNING: {warning}" for warning in goals.warnings),
                    f"{SENTENCE} {goals.summary()}. Doses in Gy per course.",
                    *([f"{goals.assumed_note()}."] if goals.assumed_note() else []),
                ]
            ),
            artefacts=(
                Artefact(name="goals.svg", media_type="image/svg+xml", text=pictures.goals_svg),
            ),
        ),
        Section(
            title="Dose-volume histogram",
            text="Triangles mark goals and point to the allowed side: green ones are met, hollow "
            f"red ones missed; their base has the colour of the structure.{compared}",
            artefacts=(
                Artefact(name="dvh.svg", media_type="image/svg+xml", text=pictures.dvh_svg),
            ),
        ),
        Section(
            title="Dose distribution",
            text="Axial plane seen from the feet: the patient's left is on the right.",
            artefacts=tuple(
                Artefact(
                    name=name, media_type="image/png", text=base64.b64encode(png).decode("ascii")
                )
                for name, png in washes.items()
                if png is not None
            ),
        ),
    )
