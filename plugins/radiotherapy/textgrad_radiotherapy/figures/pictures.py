"""The pictures of a plan, drawn once for its folder and its page."""

from __future__ import annotations

from dataclasses import dataclass

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.comparison import Comparison
from textgrad_radiotherapy.figures.dose_wash import dose_wash_figure
from textgrad_radiotherapy.figures.drawing import png_bytes, svg_text
from textgrad_radiotherapy.figures.dvh import dvh_figure
from textgrad_radiotherapy.figures.goal_table import goal_table_figure
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.judgement import GoalTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """What is drawn of a plan.

    Args:
        dvh_svg: Dose-volume histogram.
        dvh_png: The same.
        wash_png: Dose wash.
        before_png: Dose wash of what it is compared with; None if that is nothing.
        goals_svg: Table of goals.
    """

    dvh_svg: str
    dvh_png: bytes
    wash_png: bytes
    before_png: bytes | None
    goals_svg: str


def draw(
    case: Case,
    dose_gy: Floats,
    goals: GoalTable,
    *,
    before_gy: Floats | None = None,
    before_goals: GoalTable | None = None,
    comparison: Comparison | None = None,
) -> Pictures:
    """Draw a plan.

    Args:
        case: What the plan was measured on.
        dose_gy: Gy per course, flat over the case's grid.
        goals: The same dose, judged.
        before_gy: The dose it is compared with, on the same grid.
        before_goals: That dose, judged.
        comparison: The same fluence where it was planned.

    Raises:
        CaseError: If a dose does not fit the case.
    """
    curves = dvh_figure(case, dose_gy, goals, before_gy=before_gy)
    prescribed, compared = goals.protocol.prescription_gy, before_gy is not None
    wash = dose_wash_figure(
        case, dose_gy, prescription_gy=prescribed, of="after" if compared else ""
    )
    return Pictures(
        dvh_svg=svg_text(curves),
        dvh_png=png_bytes(curves),
        wash_png=png_bytes(wash),
        before_png=None
        if before_gy is None
        else png_bytes(dose_wash_figure(case, before_gy, prescription_gy=prescribed, of="before")),
        goals_svg=svg_text(goal_table_figure(goals, before_goals, comparison)),
    )
