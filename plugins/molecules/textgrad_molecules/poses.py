"""Docked poses as an SD file: one record per molecule, its figures as named fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from textgrad_core.outcome import Evaluated
from textgrad_core.report import write_atomically
from textgrad_core.search.result import Result, Trial

POSE_NAME = "pose.sdf"
SDF_TYPE = "chemical/x-mdl-sdfile"
_END = "M  END"


def sdf_record(molblock: str, title: str, fields: Mapping[str, str]) -> str:
    """One record of an SD file.

    Args:
        molblock: A mol block; what follows its end is dropped.
        title: First line; line breaks become blanks.
        fields: Named fields in order; the same holds for their values.
    """
    body = molblock.partition(_END)[0].partition("\n")[2]
    lines = [one_line(title), f"{body}{_END}"]
    for name, value in fields.items():
        lines += [f">  <{name}>", one_line(value), ""]
    return "\n".join([*lines, "$$$$", ""])


def one_line(text: str) -> str:
    """Text without the line breaks that would end a field."""
    return " ".join(text.split()) or "-"


def write_poses(result: Result, path: Path) -> int:
    """Write start, finalists and references with a pose, atomically; returns how many."""
    records = [record for trial in _shown(result) if (record := _record(trial, result))]
    if records:
        write_atomically(path, "".join(records))
    return len(records)


def _shown(result: Result) -> Iterable[Trial]:
    """Each molecule and tier once: start, best, the other finalists, references."""
    seen: set[tuple[str, str, str]] = set()
    for trial in (result.start, result.best, *result.finals, *result.references):
        name = trial.origin if trial in result.references else ""
        key = (trial.canonical, trial.tier, name)
        if key not in seen:
            seen.add(key)
            yield trial


def _record(trial: Trial, result: Result) -> str:
    if not isinstance(trial.outcome, Evaluated):
        return ""
    pose = next((a for a in trial.outcome.artefacts if a.name == POSE_NAME), None)
    if pose is None:
        return ""
    data, scores = trial.outcome.data, trial.outcome.scores
    name = _name(trial, result)
    fields = {
        "name": name,
        "SMILES": trial.canonical,
        "protonated_SMILES": str(data["protonated_smiles"]),
        "vina_kcal_mol": f"{scores['vina']:.3f}",
        "qed": f"{scores['qed']:.4f}",
        result.scalar_name: "" if trial.scalar is None else f"{trial.scalar:.3f}",
        "tier": trial.tier,
        "exhaustiveness": str(data["exhaustiveness"]),
        "target": str(data["target"]),
        "step": str(trial.step),
    }
    return sdf_record(pose.text, name, fields)


def _name(trial: Trial, result: Result) -> str:
    if trial in result.references:
        return trial.origin
    if trial.canonical == result.best.canonical:
        return "best"
    return "start" if trial.canonical == result.start.canonical else "finalist"
