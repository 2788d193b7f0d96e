"""A result as files: a table for a spreadsheet, JSON for a program, and how they are written."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from textgrad_core.domain import Objective
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Rejected, Unmeasured, outcome_to_json
from textgrad_core.report.settings import without_secrets
from textgrad_core.report.trajectory import leaders, score_of
from textgrad_core.search.result import Result, Trial

_FIRST = ("step", "index", "tier", "origin", "value", "status")
_LAST = ("best_so_far", "parent", "rationale", "reason")


def result_csv(result: Result) -> str:
    """Every trial as one row of RFC 4180 CSV: the run, then finals, then references.

    Units stand in the header (``vina_kcal_mol``), numbers carry all their digits, a missing
    number is an empty field. ``best_so_far`` follows the scalar over the trials of the run and
    is empty for the report-tier rows, which are measured differently.

    Values are written exactly as they are, quoted where CSV asks for it and never altered. A
    spreadsheet may take a field that begins with ``=``, ``+``, ``-`` or ``@`` for a formula:
    import the file with the column type "text" when the values come from a model you do not
    trust.

    Args:
        result: The run.

    Returns:
        The table with a header row; write it in binary or with ``newline=""``.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(csv_header(result.objectives, result.scalar_name))
    for trial, leader in zip(result.trials, leaders(result.trials), strict=True):
        writer.writerow(_row(trial, result.objectives, leader.scalar if leader else None))
    for trial in (*result.finals, *result.references):
        writer.writerow(_row(trial, result.objectives, None))
    return table.getvalue()


def csv_header(objectives: Sequence[Objective], scalar_name: str) -> tuple[str, ...]:
    """Column names of `result_csv`, all different."""
    wanted = [_column(o.name, o.unit) for o in objectives] + [_column(scalar_name, "")]
    taken = set(_FIRST + _LAST)
    middle = []
    for place, name in enumerate(wanted):
        prefix = "scalar_" if place == len(objectives) else "objective_"
        free = name
        while free in taken:
            free = prefix + free
        taken.add(free)
        middle.append(free)
    return (*_FIRST, *middle, *_LAST)


def _column(name: str, unit: str) -> str:
    """A name that every table tool reads: ``vina`` in ``kcal/mol`` is ``vina_kcal_mol``."""
    words = f"{name} {unit}".replace("%", " percent ")
    return re.sub(r"\W+", "_", words).strip("_") or "objective"


def _row(trial: Trial, objectives: Sequence[Objective], best: float | None) -> list[str]:
    match trial.outcome:
        case Rejected():
            reason = trial.outcome.text
        case Unmeasured():
            reason = trial.outcome.cause
        case Evaluated():
            reason = ""
    return [
        str(trial.step),
        str(trial.index),
        trial.tier,
        trial.origin,
        trial.canonical,
        trial.status,
        *(_digits(score_of(trial, o.name)) for o in objectives),
        _digits(trial.scalar),
        _digits(best),
        trial.parent or "",
        trial.rationale,
        reason,
    ]


def _digits(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def result_json(result: Result) -> dict[str, JSON]:
    """The whole result as JSON data; settings that look like secrets are withheld.

    Numbers that JSON cannot hold become the strings ``"nan"``, ``"inf"`` and ``"-inf"``. The
    run folder is left out: it is where the file lies.
    """
    usage = result.usage
    return {
        "domain": result.domain,
        "notice": result.notice,
        "scalar_name": result.scalar_name,
        "proposer": result.proposer,
        "stop_reason": result.stop_reason,
        "objectives": [_objective(o) for o in result.objectives],
        "start": _trial(result.start),
        "best": _trial(result.best),
        "finals": _trials(result.finals),
        "references": _trials(result.references),
        "trials": _trials(result.trials),
        "usage": {
            "evaluations": usage.evaluations,
            "evaluations_run": usage.evaluations_run,
            "model_calls": usage.model_calls,
            "model_calls_made": usage.model_calls_made,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "failed_attempts": usage.failed_attempts,
            "cost": json_safe(usage.cost),
            "seconds": json_safe(usage.seconds),
            "report_seconds": json_safe(usage.report_seconds),
        },
        "settings": json_safe(without_secrets(result.settings)),
    }


def _objective(objective: Objective) -> JSON:
    return {
        "name": objective.name,
        "unit": objective.unit,
        "direction": objective.direction,
        "weight": json_safe(objective.weight),
        "target": json_safe(objective.target),
        "decimals": objective.decimals,
    }


def _trials(trials: Iterable[Trial]) -> list[JSON]:
    return [_trial(t) for t in trials]


def _trial(trial: Trial) -> JSON:
    return {
        "step": trial.step,
        "index": trial.index,
        "origin": trial.origin,
        "value": trial.canonical,
        "tier": trial.tier,
        "status": trial.status,
        "accepted": trial.accepted,
        "scalar": json_safe(trial.scalar),
        "outcome": json_safe(outcome_to_json(trial.outcome)),
        "feedback": trial.feedback,
        "rationale": trial.rationale,
        "parent": trial.parent,
        "paid": trial.paid,
    }


def json_safe(value: object) -> JSON:
    """Plain JSON data, whatever a plugin put in: a finished run is never lost to a stray type.

    Tuples become lists, keys become text, non-finite numbers their names, anything else its
    ``str``.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else str(float(value))
        case Mapping():
            return {str(k): json_safe(v) for k, v in value.items()}
        case list() | tuple():
            return [json_safe(v) for v in value]
    return str(value)


def json_text(value: JSON) -> str:
    """JSON for a file a person may open: indented, readable letters, a final line feed."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_atomically(path: Path, text: str | bytes) -> None:
    """Write a file so that a reader finds the old text or the new one, nothing between.

    The text goes to a new file in the same folder, is flushed to the disk, and takes the name
    in one step. An existing file keeps its permissions, a symbolic link is followed, line ends
    stay as they are. A lone surrogate, which UTF-8 cannot hold, is spelled out with a backslash.

    Args:
        path: Where to write; its folder must exist.
        text: The whole content; text is written in UTF-8.

    Raises:
        OSError: If the folder cannot be written; what was there is unharmed.
    """
    target = Path(os.path.realpath(path))
    draft = target.parent / f".{target.name[:80]}.{secrets.token_hex(8)}.part"
    content = text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
    # The kernel applies the umask to a new file, as for any other.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:  # from before the draft exists, so that an interrupt leaves none behind
        handle = os.open(draft, flags, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            draft.chmod(stat.S_IMODE(target.stat().st_mode))
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """Make the new name durable too, where the system can; the content is safe either way."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
