"""What all figures share: style, footer, and files that are the same for the same input."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from textgrad_radiotherapy.notice import NOTICE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from textgrad_radiotherapy.case import Case

MET, ACCEPTABLE, MISSED, UNJUDGED = "#00875a", "#e69f00", "#d7191c", "#777777"
VERDICT_COLOURS = {"pass": MET, "acceptable": ACCEPTABLE, "fail": MISSED, "unjudged": UNJUDGED}
INK, FAINT = "#222222", "#8a8a8a"
DPI = 150
SALT = "textgrad-radiotherapy"


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's own defaults and ours, whatever the user has set; put back at the end."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.family": "sans-serif",
                # the first ships with matplotlib, the others are as wide in a browser
                "font.sans-serif": ["DejaVu Sans", "Verdana", "Geneva"],
                "font.size": 9.0,
                "axes.labelsize": 9.0,
                "axes.titlesize": 10.0,
                "xtick.labelsize": 8.0,
                "ytick.labelsize": 8.0,
                "legend.fontsize": 8.0,
                "text.parse_math": False,  # a dollar sign in a name is one
                "text.color": INK,
                "axes.labelcolor": INK,
                "axes.edgecolor": "#555555",
                "svg.hashsalt": SALT,
                "svg.fonttype": "none",  # text stays text: found, read aloud, copied
            }
        )
        yield


def new_figure(width_in: float, height_in: float, note: str = "") -> Figure:
    """An empty figure with the notice at its foot.

    Args:
        width_in: Width in inches.
        height_in: Height in inches.
        note: What else stands at the foot.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=DPI)
    FigureCanvasAgg(figure)
    low = 0.06 / height_in
    figure.text(0.1 / width_in, low, NOTICE, fontsize=7, color=MISSED, va="bottom", gid="notice")
    if note:
        figure.text(
            1 - 0.1 / width_in, low, note, fontsize=7, color=FAINT, va="bottom", ha="right"
        )
    return figure


def case_note(case: Case) -> str:
    """The case and the voxel size of its dose grid, for the foot of a figure."""
    spacing = " x ".join(f"{step:.3g}" for step in case.grid.spacing_mm)
    return f"case {case.name}, dose grid {spacing} mm"


def svg_text(figure: Figure) -> str:
    """The figure as SVG, without a date."""
    out = io.StringIO()
    with style():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG at 150 dpi, without the name of a program."""
    out = io.BytesIO()
    with style():
        figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()
