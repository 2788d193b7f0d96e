"""The figures of a plan for the page of a result."""

from __future__ import annotations

from textgrad_core.domain import Section
from textgrad_core.outcome import Artefact
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.figures.dose_wash import dose_wash_figure
from textgrad_radiotherapy.figures.drawing import png_base64, svg_text
from textgrad_radiotherapy.figures.dvh import dvh_figure
from textgrad_radiotherapy.figures.goal_table import goal_table_figure
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.judgement import GoalTable
from textgrad_radiotherapy.notice import SENTENCE


def report_sections(
    case: Case,
    dose_gy: Floats,
    goals: GoalTable,
    *,
    before_gy: Floats | None = None,
    before_goals: GoalTable | None = None,
) -> tuple[Section, ...]:
    """Goal table, dose-volume histogram and dose wash.

    Args:
        case: What the plan was measured on.
        dose_gy: Gy per course, flat over the case's grid.
        goals: The same dose, judged.
        before_gy: The dose it is compared with, on the same grid.
        before_goals: That dose, judged.

    Raises:
        CaseError: If a dose does not fit the case.
    """
    table = svg_text(goal_table_figure(goals, before_goals))
    curves = svg_text(dvh_figure(case, dose_gy, goals, before_gy=before_gy))
    prescribed = goals.protocol.prescription_gy
    wash = png_base64(dose_wash_figure(case, dose_gy, prescription_gy=prescribed))
    compared = "" if before_gy is None else " Dashed: before; solid: after."
    return (
        Section(
            title="Clinical goals",
            text=f"{SENTENCE} {goals.summary()}. Doses in Gy per course.",
            artefacts=(Artefact(name="goals.svg", media_type="image/svg+xml", text=table),),
        ),
        Section(
            title="Dose-volume histogram",
            text=f"Triangles mark goals and point to the allowed side.{compared}",
            artefacts=(Artefact(name="dvh.svg", media_type="image/svg+xml", text=curves),),
        ),
        Section(
            title="Dose distribution",
            text="Axial plane seen from the feet: the patient's left is on the right.",
            artefacts=(Artefact(name="dose_wash.png", media_type="image/png", text=wash),),
        ),
    )
