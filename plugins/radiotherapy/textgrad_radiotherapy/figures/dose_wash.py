"""The dose over the anatomy in three planes, as planning systems show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.dvh import checked_dose
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.figures.drawing import FAINT, INK, case_note, new_figure, style
from textgrad_radiotherapy.figures.planes import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    Plane,
    Raster,
    hot_spot_mm,
    isocentre_mm,
    raster,
    window_mm,
)
from textgrad_radiotherapy.geometry import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

ISODOSES = (20.0, 30.0, 50.0, 70.0, 80.0, 90.0, 95.0, 100.0, 105.0, 110.0)  # % of prescription
BRIGHT = {95.0: "#00e5ff", 100.0: "#7dff2a", 105.0: "#ff5cf4", 110.0: "#101010"}  # on reds
LOWEST, HIGHEST = 10.0, 115.0  # % of prescription, ends of the colour scale
MM_PER_IN = 62.0
LONGEST_IN = 11.5
GAP_IN, FOOT_IN, HEAD_IN, LEFT_IN, RIGHT_IN = 0.75, 0.7, 0.9, 0.75, 0.25
COLUMN_IN = 4.3  # colours, isodoses and structures beside the axial plane
LINES_IN, KEY_IN = 0.75, 2.45  # where isodoses and structures begin there
DEEP_IN = 2.1  # height of the isodoses: no plane beside them is drawn lower
BAR_MM = 50.0


def dose_wash_figure(
    case: Case,
    dose_gy: Floats,
    *,
    through: Literal["isocentre", "hot spot"] | tuple[float, float, float] = "isocentre",
    prescription_gy: Mapping[str, float] | None = None,
    of: str = "",
) -> Figure:
    """Axial, coronal and sagittal plane at one scale: density, dose, isodoses and contours.

    The axial plane is seen from the feet, the coronal one from the front, the sagittal one from
    the patient's left.

    Args:
        case: The anatomy; its structures need all their voxels (not a case of held-back ones).
        dose_gy: Gy per course, flat over the case's grid.
        through: The point that the planes share, LPS mm, or which: the isocentre of the first
            beam (the hot spot without beams), or the centre of the voxel with most dose.
        prescription_gy: Dose per course by target, the highest being 100 %; the case's if None.
        of: Which of several doses it is, such as "before", for the headline.

    Raises:
        CaseError: If the dose does not fit, nothing is prescribed, or the point is off the grid.
    """
    dose = checked_dose(dose_gy, case.grid)
    prescribed = dict(case.prescription_gy if prescription_gy is None else prescription_gy)
    if not prescribed:
        raise CaseError(f"case {case.name} prescribes no dose; give prescription_gy, by target")
    target = max(prescribed, key=lambda name: prescribed[name])
    at, name = _point(case, dose, through)
    window = window_mm(case)
    spans = [max(high - low, 1.0) for low, high in window]
    scale = max(MM_PER_IN, (spans[0] + spans[1]) / LONGEST_IN)
    scale = min(scale, spans[1] / DEEP_IN)
    wide, deep, high = (span / scale for span in spans)
    column = max(deep, COLUMN_IN)
    width = LEFT_IN + wide + GAP_IN + column + RIGHT_IN
    height = FOOT_IN + high + GAP_IN + deep + HEAD_IN
    percent = (100.0 / prescribed[target] * dose).reshape(case.grid.shape)
    second = LEFT_IN + wide + GAP_IN
    places = (
        (AXIAL, (LEFT_IN, FOOT_IN + high + GAP_IN, wide, deep)),
        (CORONAL, (LEFT_IN, FOOT_IN, wide, high)),
        (SAGITTAL, (second, FOOT_IN, deep, high)),
    )
    dose_word = f"dose {of}".rstrip()
    with style():
        figure = new_figure(width, height, case_note(case))
        size = (width, height, width, height)
        for plane, place in places:
            box = tuple(p / s for p, s in zip(place, size, strict=True))
            axes = figure.add_axes((box[0], box[1], box[2], box[3]), label=plane.view)
            points = raster(plane, case.grid, at, window)
            _draw_plane(axes, plane, points, case, percent, at)
        bottom = FOOT_IN + high + GAP_IN
        top = (bottom + deep) / height
        _colour_bar(figure, (second / width, bottom / height, 0.16 / width, deep / height))
        _isodose_key(figure, ((second + LINES_IN) / width, top), prescribed[target])
        _key(figure, case, ((second + KEY_IN) / width, top))
        figure.text(
            LEFT_IN / width, 1 - 0.25 / height,
            f"{case.title or case.name}: {dose_word}, "
            f"100 % = {prescribed[target]:g} Gy ({target})",
            fontsize=11, weight="bold", va="center",
        )  # fmt: skip
        figure.text(
            LEFT_IN / width, 1 - 0.45 / height,
            f"planes through {name} ({_place(at)}); hot spot {dose.max():.1f} Gy at "
            f"({_place(hot_spot_mm(case, dose))}); x, y, z in mm (LPS)",
            fontsize=8, va="center", gid="where",
        )  # fmt: skip
    return figure


def dose_colours() -> Colormap:
    """Colours of the wash, from 10 to 115 % of the prescription."""
    from matplotlib import colormaps

    return colormaps["turbo"]


def isodose_colour(percent: float) -> str:
    """Colour of an isodose line: the wash's own, but where the wash is red all over."""
    from matplotlib.colors import to_hex

    own = dose_colours()((percent - LOWEST) / (HIGHEST - LOWEST))
    return BRIGHT.get(percent, to_hex(own))


def _point(
    case: Case, dose: Floats, through: str | tuple[float, float, float]
) -> tuple[tuple[float, float, float], str]:
    """The point that the planes share, and what it is."""
    isocentre = isocentre_mm(case)
    if isinstance(through, tuple):
        at, what = through, "the point"
    elif through == "isocentre" and isocentre is not None:
        at, what = isocentre, "the isocentre"
    else:
        at, what = hot_spot_mm(case, dose), "the hot spot"
    for name, value, axis in zip("xyz", at, case.grid.axes_mm(), strict=True):
        if not axis[0] <= value <= axis[-1]:
            raise CaseError(
                f"{name} = {value:g} mm is off the grid, which reaches from {axis[0]:g} to "
                f"{axis[-1]:g} mm; choose a point inside, or 'hot spot'"
            )
    return at, what


def _place(at: tuple[float, float, float]) -> str:
    return ", ".join(f"{value + 0.0:.1f}" for value in at)


def _draw_plane(
    axes: Axes,
    plane: Plane,
    points: Raster,
    case: Case,
    percent: Floats,
    at: tuple[float, float, float],
) -> None:
    from matplotlib.colors import Normalize

    axes.set_facecolor("black")
    extent, scale = points.extent_mm, Normalize(LOWEST, HIGHEST)
    density = points.sampled(np.asarray(case.density, dtype=np.float64))
    axes.imshow(density, cmap="gray", vmin=0.0, vmax=1.9, extent=extent, origin="lower",
                interpolation="nearest", aspect="equal")  # fmt: skip
    here = points.sampled(percent)
    wash = np.ma.masked_less(here, LOWEST)
    axes.imshow(wash, cmap=dose_colours(), norm=scale, alpha=0.5, extent=extent, origin="lower",
                interpolation="nearest", aspect="equal", gid="wash")  # fmt: skip
    shown = [level for level in ISODOSES if here.min() < level < here.max()]
    if shown:
        axes.contour(points.across_mm, points.up_mm, here, levels=shown, linewidths=0.8,
                     colors=[isodose_colour(level) for level in shown])  # fmt: skip
    for structure in case.structures.values():
        _draw_outline(axes, points, structure, case)
    _label_plane(axes, plane, extent, at)


def _draw_outline(axes: Axes, points: Raster, structure: Structure, case: Case) -> None:
    """The line at half occupancy, white on both sides so that it stands out from the wash."""
    from matplotlib.patheffects import Normal, Stroke

    share = np.zeros(case.grid.voxels)
    share[structure.voxels] = structure.occupancy
    here = points.sampled(share.reshape(case.grid.shape))
    if not here.min() < 0.5 < here.max():
        return
    lines = axes.contour(points.across_mm, points.up_mm, here, levels=[0.5],
                         colors=[structure.colour], linewidths=2.0)  # fmt: skip
    lines.set_path_effects([Stroke(linewidth=3.0, foreground="white"), Normal()])
    lines.set_gid(f"outline-{structure.name}")


def _label_plane(
    axes: Axes,
    plane: Plane,
    extent: tuple[float, float, float, float],
    at: tuple[float, float, float],
) -> None:
    """Axes in mm, patient directions, the planes' common point, and a bar for the scale."""
    from matplotlib.patheffects import Normal, Stroke

    left, right, low, high = extent
    axes.set_xlim(left, right)
    axes.set_ylim(*((high, low) if plane.downward else (low, high)))
    axes.set_xlabel(f"{'xyz'[plane.across]} [mm]", labelpad=1)
    axes.set_ylabel(f"{'xyz'[plane.up]} [mm]", labelpad=1)
    axes.set_title(f"{plane.view}, {'xyz'[plane.normal]} = {at[plane.normal]:.1f} mm", loc="left")
    spots = ((0.03, 0.5, "left", "center"), (0.97, 0.5, "right", "center"),
             (0.5, 0.98, "center", "top"), (0.5, 0.02, "center", "bottom"))  # fmt: skip
    for letter, (x, y, side, line) in zip(plane.letters, spots, strict=True):
        axes.text(x, y, letter, transform=axes.transAxes, color="#ffd84d", fontsize=11,
                  weight="bold", ha=side, va=line, zorder=6,
                  path_effects=[Stroke(linewidth=2.0, foreground="black"), Normal()])  # fmt: skip
    axes.plot([at[plane.across]], [at[plane.up]], marker="+", color="white", markersize=9,
              markeredgewidth=1.2, linestyle="none", gid="point")  # fmt: skip
    if right - left > 2 * BAR_MM:
        start = left + 0.03 * (right - left)
        share = 0.04
        y = high - share * (high - low) if plane.downward else low + share * (high - low)
        axes.plot([start, start + BAR_MM], [y, y], color="white", linewidth=2.5,
                  solid_capstyle="butt", gid="scale",
                  path_effects=[Stroke(linewidth=4.0, foreground="black"), Normal()])  # fmt: skip
        axes.annotate(f"{BAR_MM:g} mm", (start + BAR_MM / 2, y), xytext=(0, 3), color="white",
                      textcoords="offset points", fontsize=7, ha="center", va="bottom",
                      path_effects=[Stroke(linewidth=1.5, foreground="black"),
                                    Normal()])  # fmt: skip


def _colour_bar(figure: Figure, place: tuple[float, float, float, float]) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_axes(place, label="colours")
    mapped = ScalarMappable(norm=Normalize(LOWEST, HIGHEST), cmap=dose_colours())
    bar = figure.colorbar(mapped, cax=axes, alpha=0.75, extend="max")
    bar.set_ticks([25.0, 50.0, 75.0, 100.0], labels=["25 %", "50 %", "75 %", "100 %"])


def _isodose_key(figure: Figure, corner: tuple[float, float], prescribed_gy: float) -> None:
    """The isodose lines in per cent and in Gy."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=isodose_colour(level), linewidth=1.8,
               label=f"{level:g} %  {level / 100 * prescribed_gy:.1f} Gy")
        for level in reversed(ISODOSES)
    ]  # fmt: skip
    lines = figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=corner, frameon=False,
        borderaxespad=0.0, title="isodose lines", title_fontsize=8, alignment="left",
    )  # fmt: skip
    lines.set_gid("isodoses")


def _key(figure: Figure, case: Case, corner: tuple[float, float]) -> None:
    """Colours of the structures and the meaning of the cross."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=s.colour, linewidth=2.2, label=s.name)
        for s in case.structures.values() if s.voxels.size
    ]  # fmt: skip
    handles.append(Line2D([], [], color=INK, marker="+", linestyle="none", label="planes meet",
                          markeredgecolor=FAINT))  # fmt: skip
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=corner, frameon=False,
                  borderaxespad=0.0)  # fmt: skip
