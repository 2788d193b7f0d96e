"""The files a run leaves: result, the field's own, and the report page."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from textgrad_core.cli.job import Job
from textgrad_core.domain import Domain
from textgrad_core.errors import MissingExtra
from textgrad_core.registry import load_plugin
from textgrad_core.report import (
    json_text,
    render_report,
    result_csv,
    result_json,
    write_atomically,
)
from textgrad_core.search.result import Result, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run and the files it left."""

    result: Result
    files: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def write_files(result: Result, domain: Domain[Any], job: Job, folder: Path) -> Finished:
    """The result as CSV and JSON, the field's own files, and the report page."""
    began = time.monotonic()
    usage = result.usage
    result = _with_kept_usage(result, folder)
    write_atomically(folder / "result.csv", result_csv(result))
    write_atomically(folder / "result.json", json_text(result_json(result)))  # whatever follows
    files = ["result.csv", "result.json", *domain.write(result, folder)]
    notes: list[str] = []
    pictures = _pictures(result, domain)
    try:
        sections = domain.sections(result)
        if result.usage is usage:  # not that of the process that did the work
            result = replace(result, usage=_with_time(usage, began))
            write_atomically(folder / "result.json", json_text(result_json(result)))
        page = render_report(
            result.with_settings({**result.settings, "command": job.command}, folder),
            pictures,
            references=domain.references(),
            sections=sections,
            files=[*files, "journal.jsonl", "settings.json"],
            versions=versions(load_plugin(job.plugin).distributions),
            licences=domain.licences,
        )
        write_atomically(folder / "report.html", page)
        files.append("report.html")
    except MissingExtra as error:
        notes.append(f"report.html was not written: {error}")
    result = replace(result, usage=_with_time(usage, began))
    return Finished(
        result=result,
        files=tuple(files),
        notes=tuple(notes),
        warnings=domain.warnings(result),
    )


def _with_time(usage: Usage, began: float) -> Usage:
    return replace(usage, report_seconds=round(time.monotonic() - began, 3))


def _pictures(result: Result, domain: Domain[Any]) -> dict[str, str]:
    pictures = {}
    for trial in {t.canonical: t for t in shown(result)}.values():
        picture = domain.picture(domain.parse(trial.canonical), trial.outcome)
        if picture is not None and picture.media_type == "image/svg+xml":
            pictures[trial.canonical] = picture.text
    return pictures


def _with_kept_usage(result: Result, folder: Path) -> Result:
    """A run that is only read again keeps the figures of the one that did the work."""
    usage = result.usage
    if usage.evaluations_run or usage.model_calls_made:
        return result
    try:
        kept = json.loads((folder / "result.json").read_text(encoding="utf-8"))["usage"]
        return replace(result, usage=Usage(**kept))
    except (OSError, ValueError, KeyError, TypeError):
        return result  # there is no earlier result, or not of this version


def shown(result: Result) -> list[Any]:
    """The trials that get a picture: those that have a legal value."""
    found = [result.start, result.best, *result.finals, *result.references, *result.trials]
    return [t for t in found if t.scalar is not None]


def versions(distributions: Sequence[str]) -> dict[str, str]:
    """Python, this distribution, and those that shape a plugin's results, where installed."""
    found = {"Python": platform.python_version()}
    for name in ("textgrad-suite", *distributions):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
