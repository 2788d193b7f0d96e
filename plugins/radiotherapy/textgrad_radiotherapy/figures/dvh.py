"""Dose-volume histograms with the goals marked on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.dvh import dvh_curves
from textgrad_radiotherapy.figures.drawing import (
    ACCEPTABLE,
    FAINT,
    INK,
    MET,
    MISSED,
    VERDICT_COLOURS,
    case_note,
    new_figure,
    style,
)
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.judgement import GoalRow, GoalTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

WIDTH_IN, HEIGHT_IN = 9.6, 5.4
HOLE = 0.35  # size of the hole in the marker of a missed goal
ASIDE_IN = 0.17  # between markers of goals at the same point
Side = Literal["left", "right", "down", "up"]
# The base of a marker is at the goal, its tip on the side where the goal is met.
TRIANGLES: dict[Side, tuple[tuple[float, float], ...]] = {
    "left": ((0.0, -0.6), (0.0, 0.6), (-1.0, 0.0)),
    "right": ((0.0, -0.6), (0.0, 0.6), (1.0, 0.0)),
    "down": ((-0.6, 0.0), (0.6, 0.0), (0.0, -1.0)),
    "up": ((-0.6, 0.0), (0.6, 0.0), (0.0, 1.0)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A goal as a point of the histogram.

    Args:
        row: The goal and what became of it.
        dose_gy: Where it is, Gy per course.
        volume_percent: Where it is, % of the structure.
        side: To which side the curve has to pass.
    """

    row: GoalRow
    dose_gy: float
    volume_percent: float
    side: Side


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
            edge = case.structures[mark.row.goal.metric.structure].colour
            _draw_marker(axes, mark, edge, seen[place])
        figure.text(0.075, 0.955, _title(case, goals), fontsize=11, weight="bold", va="center")
        _legends(axes, case, drawn, bool(before), bool(marks), shared=any(seen.values()))
    return figure


def goal_markers(case: Case, goals: GoalTable | None) -> tuple[Marker, ...]:
    """Where the judged goals on doses and volumes are in the histogram."""
    found = []
    for row in goals.judged if goals else ():
        goal, kind = row.goal, row.goal.metric.kind
        if kind not in ("D%", "Dcc", "V%", "Vcc"):
            continue
        total = case.structures[goal.metric.structure].volume_cc(case.grid)
        per_unit = 100.0 / total if kind.endswith("cc") else 1.0
        of_dose = kind.startswith("D")
        volume = per_unit * (goal.metric.argument if of_dose else goal.limit)
        less: Side = "left" if of_dose else "down"
        more: Side = "right" if of_dose else "up"
        found.append(
            Marker(
                row=row,
                dose_gy=goal.limit if of_dose else goal.metric.argument,
                volume_percent=min(volume, 100.0),
                side=less if goal.direction == "<=" else more,
            )
        )
    return tuple(found)


def marker_path(side: Side, *, hollow: bool = False) -> Path:
    """The triangle of a marker; hollow for a missed goal, which colours alone may not tell."""
    from matplotlib.path import Path

    corners = np.asarray(TRIANGLES[side])
    outer = Path([*corners, corners[0]], closed=True)
    if not hollow:
        return outer
    middle = corners.mean(axis=0)
    inner = middle + HOLE * (corners[::-1] - middle)  # the other way round: a hole
    return Path.make_compound_path(outer, Path([*inner, inner[0]], closed=True))


def _draw_marker(axes: Axes, mark: Marker, edge: str, aside: int) -> None:
    """One goal; of those at the same point the later ones stand `aside`, a line leads back."""
    from matplotlib.transforms import ScaledTranslation

    across = (0.0, 1.0) if mark.side in ("left", "right") else (1.0, 0.0)
    inches = aside * ASIDE_IN
    figure = axes.get_figure()
    if figure is None:
        raise AssertionError("axes without a figure")
    shift = ScaledTranslation(inches * across[0], inches * across[1], figure.dpi_scale_trans)
    if aside:
        _draw_leader(axes, mark, (72.0 * inches * across[0], 72.0 * inches * across[1]))
    missed = mark.row.verdict == "fail"
    axes.plot(
        [mark.dose_gy],
        [mark.volume_percent],
        linestyle="none",
        marker=marker_path(mark.side, hollow=missed),
        markersize=19 if missed else 12,
        transform=axes.transData + shift,
        markerfacecolor=VERDICT_COLOURS[mark.row.verdict],
        markeredgecolor=edge,
        markeredgewidth=0.8 if missed else 1.4,
        clip_on=False,
        zorder=5,
        gid=f"goal-{mark.row.goal.name}",
    )


def _draw_leader(axes: Axes, mark: Marker, aside_points: tuple[float, float]) -> None:
    """From a marker that stands aside to the dot where its goal is."""
    point = (mark.dose_gy, mark.volume_percent)
    line = axes.annotate(
        "",
        point,
        aside_points,
        textcoords="offset points",
        arrowprops={
            "arrowstyle": "-", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0,
            "zorder": 6,
        },
        annotation_clip=False,
    )  # fmt: skip
    line.set_gid(f"leader-{mark.row.goal.name}")
    axes.plot(*([x] for x in point), ".", color=INK, markersize=4, zorder=6, clip_on=False)


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
                   markerfacecolor=colour, markeredgecolor=FAINT, label=label,
                   markeredgewidth=0.8)
            for colour, label in (
                (MET, "goal met (after)"), (ACCEPTABLE, "acceptable"), (MISSED, "goal missed"),
            )
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
