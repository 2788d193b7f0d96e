"""Penalty with reserve and goals met over the plans that were tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textgrad_radiotherapy.figures.drawing import INK, MET, MISSED, new_figure, style
from textgrad_radiotherapy.figures.history import PENALTY, Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def convergence_figure(steps: Sequence[Step], goals: int) -> Figure:
    """Two strips over the plans; each that beat all before is filled and joined, others crosses.

    Args:
        steps: The plans in order, numbered from 0.
        goals: How many goals were judged.
    """
    from matplotlib.ticker import MaxNLocator

    with style():
        figure = new_figure(9.6, 4.2)
        for label, low, top, values in (
            (f"{PENALTY}\n[%]", 0.56, None, [step.penalty for step in steps]),
            ("goals met", 0.16, goals + 0.5, [float(step.goals_met) for step in steps]),
        ):
            axes = figure.add_axes((0.085, low, 0.72, 0.36), label=label)
            kept = [n for n, step in enumerate(steps) if step.accepted]
            lost = [n for n, step in enumerate(steps) if not step.accepted]
            axes.plot(
                kept, [values[n] for n in kept], "o-", color=MET, mec=INK, label="best so far"
            )
            axes.plot(lost, [values[n] for n in lost], "x", color=MISSED, mew=1.8,
                      label="no better")  # fmt: skip
            axes.set_ylabel(label)
            axes.set_xlim(-0.5, max(len(steps) - 0.5, 0.5))
            axes.set_ylim(bottom=0.0 if top is None else -0.5, top=top)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(visible=True, color="#e3e3e3", linewidth=0.6)
            if top is None:
                axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)
                axes.tick_params(labelbottom=False)
            else:
                axes.yaxis.set_major_locator(MaxNLocator(integer=True))
                axes.axhline(goals, color=INK, linestyle=":", linewidth=1.0)
                axes.set_xlabel("plan, in the order tried")
    return figure
