"""Dose-volume histograms with the goals marked on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.dvh import dvh_curves
from textgrad_radiotherapy.figures.drawing import (
    ACCEPTABLE,
    FAINT,
    INK,
    MET,
    MISSED,
    case_note,
    new_figure,
    style,
)
from textgrad_radiotherapy.figures.goal_markers import (
    BAR_POINTS,
    BAR_SHARE,
    Side,
    draw_marker,
    goal_markers,
    marker_path,
)
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.judgement import GoalTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN = 9.6, 5.4


def dvh_figure(
    case: Case,
    dose_gy: Floats,
    goals: GoalTable | None = None,
    *,
    before_gy: Floats | None = None,
    structures: Iterable[str] | None = None,
) -> Figure:
    """Cumulative histograms, relative volume over dose, with the goals of a protocol.

    Args:
        case: What the doses are judged on.
        dose_gy: Gy per course, flat over the case's grid; drawn solid.
        goals: The same dose judged; goals on doses and volumes are marked, means and indices are
            no points of a histogram.
        before_gy: Another dose, drawn dashed.
        structures: Names; all but empty ones if None.

    Raises:
        CaseError: If a dose or a structure is not as it should be.
    """
    names = None if structures is None else tuple(structures)
    after = dvh_curves(case, dose_gy, names)
    before = () if before_gy is None else dvh_curves(case, before_gy, names)
    drawn = tuple(curve.structure for curve in after)
    marks = [m for m in goal_markers(case, goals) if m.row.goal.metric.structure in drawn]
    tops = [float(c.dose_gy[-1]) for c in (*after, *before)] + [m.dose_gy for m in marks]
    prescription = goals.protocol.prescription_gy if goals else case.prescription_gy
    with style():
        figure = new_figure(WIDTH_IN, HEIGHT_IN, case_note(case))
        axes = figure.add_axes((0.075, 0.135, 0.66, 0.72))
        _frame(axes, 1.04 * max([*tops, *prescription.values(), 1.0]), prescription)
        for curves, dashes, width in ((before, "--", 1.1), (after, "-", 1.8)):
            for curve in curves:
                axes.plot(
                    curve.dose_gy,
                    curve.volume_percent,
                    linestyle=dashes,
                    linewidth=width,
                    color=case.structures[curve.structure].colour,
                    gid=f"{'before' if dashes == '--' else 'after'}-{curve.structure}",
                )
        seen: dict[tuple[float, float, Side], int] = {}
        for mark in marks:
            place = (mark.dose_gy, mark.volume_percent, mark.side)
            seen[place] = seen.get(place, -1) + 1
            colour = case.structures[mark.row.goal.metric.structure].colour
            draw_marker(axes, mark, colour, seen[place])
        figure.text(0.075, 0.955, _title(case, goals), fontsize=11, weight="bold", va="center")
        _legends(axes, case, drawn, bool(before), bool(marks), shared=any(seen.values()))
    return figure


def _frame(axes: Axes, top_gy: float, prescription: Mapping[str, float]) -> None:
    """Axes, grid, and a line at every prescribed dose."""
    axes.set_xlim(0.0, top_gy)
    axes.set_ylim(0.0, 102.0)
    axes.set_xlabel("dose [Gy per course]")
    axes.set_ylabel("volume [%]")
    axes.set_yticks(range(0, 101, 10))
    axes.grid(visible=True, color="#e3e3e3", linewidth=0.6)
    axes.set_axisbelow(True)
    levels = sorted(set(prescription.values()))
    for level in levels:
        axes.axvline(level, color=INK, linestyle=":", linewidth=1.2, gid=f"prescription-{level:g}")
    if levels:
        highest = levels[-1]
        percent = axes.secondary_xaxis(
            "top",
            functions=(
                lambda gy: np.asarray(gy, dtype=np.float64) * (100 / highest),
                lambda share: np.asarray(share, dtype=np.float64) * (highest / 100),
            ),
        )
        percent.set_xlabel(f"dose [% of {highest:g} Gy]")


def _title(case: Case, goals: GoalTable | None) -> str:
    name = case.title or case.name
    return f"{name}: {goals.met} of {len(goals.judged)} goals met" if goals else name


def _legends(
    axes: Axes,
    case: Case,
    names: tuple[str, ...],
    with_before: bool,
    with_goals: bool,
    *,
    shared: bool,
) -> None:
    """Structures above, the meaning of lines and markers below, both beside the axes."""
    from matplotlib.lines import Line2D

    structures = [
        Line2D([], [], color=case.structures[name].colour, linewidth=2.2,
               label=f"{name}  ({_cc(case, name)} cc)")
        for name in names
    ]  # fmt: skip
    upper = axes.legend(
        handles=structures, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False,
        borderaxespad=0.0,
    )  # fmt: skip
    axes.add_artist(upper)
    keys = [Line2D([], [], color=INK, linestyle=":", linewidth=1.2, label="prescription")]
    if with_before:
        keys = [
            Line2D([], [], color=FAINT, linewidth=1.8, label="after"),
            Line2D([], [], color=FAINT, linewidth=1.1, linestyle="--", label="before"),
            *keys,
        ]
    if with_goals:
        keys += [
            Line2D([], [], linestyle="none", markersize=14 if colour == MISSED else 11,
                   marker=marker_path("left", hollow=colour == MISSED),
                   markerfacecolor=colour, markeredgecolor=colour, label=label,
                   markeredgewidth=0.8)
            for colour, label in (
                (MET, "goal met (after)" if with_before else "goal met"),
                (ACCEPTABLE, "acceptable"), (MISSED, "goal missed"),
            )
        ]  # fmt: skip
        keys += [
            Line2D([], [], linestyle="none", marker="|", markersize=12 * BAR_SHARE,
                   markeredgewidth=BAR_POINTS, markeredgecolor=FAINT,
                   label="base: colour of the structure")
        ]  # fmt: skip
    if shared:
        keys += [
            Line2D([], [], color=INK, linewidth=0.9, marker=".", markersize=4, markevery=[0],
                   label="goal at the dot, drawn aside")
        ]  # fmt: skip
    axes.legend(
        handles=keys, loc="lower left", bbox_to_anchor=(1.02, 0.0), frameon=False,
        borderaxespad=0.0, title="triangles point to the allowed side" if with_goals else None,
        title_fontsize=7, alignment="left",
    )  # fmt: skip


def _cc(case: Case, name: str) -> str:
    volume = case.structures[name].volume_cc(case.grid)
    return f"{volume:.0f}" if volume >= 100 else f"{volume:.3g}"
