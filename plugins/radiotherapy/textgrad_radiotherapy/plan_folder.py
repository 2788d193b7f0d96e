"""A plan as a folder of files that people and programs read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from textgrad_core.jsondata import JSON
from textgrad_core.report import json_text, write_atomically
from textgrad_radiotherapy.about_case import about_case
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.comparison import Comparison
from textgrad_radiotherapy.dvh import dvh_csv, dvh_curves
from textgrad_radiotherapy.figures.convergence import convergence_figure
from textgrad_radiotherapy.figures.drawing import svg_text
from textgrad_radiotherapy.figures.history import Step, history_csv
from textgrad_radiotherapy.figures.pictures import Pictures
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals_csv import goals_csv
from textgrad_radiotherapy.judgement import GoalTable
from textgrad_radiotherapy.notice import NOTICE


def write_plan_folder(
    folder: Path,
    case: Case,
    dose_gy: Floats,
    goals: GoalTable,
    pictures: Pictures,
    *,
    before_goals: GoalTable | None = None,
    comparison: Comparison | None = None,
    history: Sequence[Step] = (),
    data: Mapping[str, JSON] | None = None,
) -> tuple[Path, ...]:
    """Write tables, figures and data of a plan; everything is made before the first file is.

    Args:
        folder: Made if it is not there; files of the same names are replaced one by one.
        case: What the plan was measured on.
        dose_gy: Gy per course, flat over the case's grid.
        goals: The same dose, judged.
        pictures: The same, drawn.
        before_goals: The plan the search began with, judged on the case's grid; without one its
            column is missing.
        comparison: The same fluence where it was planned; its columns are missing without.
        history: The plans of the search, in order; no history files without.
        data: What else `plan.json` holds, such as `Plan.to_json`.

    Returns:
        What was written, sorted.

    Raises:
        CaseError: If a dose does not fit the case; nothing is written.
        OSError: If the folder cannot be written; every file there is whole.
    """
    about = "\n".join(about_case(case))
    texts = {
        "README.txt": f"Case {case.name}, protocol {goals.protocol.title}: {NOTICE}.\n"
        f"Doses are Gy per course, measured on {case.grid}.\n\n{about}\n",
        "dvh.csv": dvh_csv(dvh_curves(case, dose_gy)),
        "dvh.svg": pictures.dvh_svg,
        "goals.csv": goals_csv(goals, before_goals, comparison),
        "goals.svg": pictures.goals_svg,
        "plan.json": json_text({**(data or {}), "table": goals.data(), "notice": NOTICE}),
    }
    images = {"dvh.png": pictures.dvh_png, "dose_wash.png": pictures.wash_png}
    if pictures.before_png is not None:
        images["dose_wash_before.png"] = pictures.before_png
    if history:
        texts["weights_history.csv"] = history_csv(history)
        texts["convergence.svg"] = svg_text(convergence_figure(history, len(goals.judged)))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_atomically(folder / name, text)
    for name, content in images.items():
        _write_bytes(folder / name, content)
    return tuple(sorted(folder / name for name in (*texts, *images)))


def _write_bytes(path: Path, content: bytes) -> None:
    draft = path.parent / f".part-{secrets.token_hex(8)}{path.suffix}"
    try:  # a plain new file: readable by whoever may read the folder's others
        draft.write_bytes(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
