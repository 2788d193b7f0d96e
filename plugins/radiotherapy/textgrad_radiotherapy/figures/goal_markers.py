"""Goals as marks on a dose-volume histogram: their verdict, their structure, the allowed side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.figures.drawing import INK, VERDICT_COLOURS
from textgrad_radiotherapy.judgement import GoalRow, GoalTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

HOLE = 0.35  # size of the hole in the marker of a missed goal
BAR_POINTS, BAR_SHARE = 2.0, 0.62  # thickness of a marker's base; its length, of the marker's size
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


def draw_marker(axes: Axes, mark: Marker, structure_colour: str, aside: int) -> None:
    """One goal in the colour of its verdict, its base in that of its structure.

    Of those at the same point the later ones stand `aside`, a line leads back.
    """
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
    colour = VERDICT_COLOURS[mark.row.verdict]
    size, bar = (19.0 if missed else 12.0), "|" if mark.side in ("left", "right") else "_"
    for name, shape, hue, across_points, edge_points in (
        ("goal", marker_path(mark.side, hollow=missed), colour, size, 0.8),
        ("structure", bar, structure_colour, BAR_SHARE * size, BAR_POINTS),
    ):
        axes.plot(
            [mark.dose_gy],
            [mark.volume_percent],
            linestyle="none",
            marker=shape,
            markersize=across_points,
            transform=axes.transData + shift,
            markerfacecolor=hue,
            markeredgecolor=hue,
            markeredgewidth=edge_points,
            clip_on=False,
            zorder=5,
            gid=f"{name}-{mark.row.goal.name}",
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
