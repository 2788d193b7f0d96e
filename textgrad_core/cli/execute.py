"""Running a job in its folder, live or from its journal, and writing what it found."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

from textgrad_core.cli.job import Job, load_job, save_job
from textgrad_core.cli.table import LiveTable, comparison, counted
from textgrad_core.domain import Domain
from textgrad_core.errors import MissingExtra, SettingsDiffer
from textgrad_core.journal import Mode
from textgrad_core.jsondata import JSON
from textgrad_core.report import (
    json_text,
    render_report,
    result_csv,
    result_json,
    write_atomically,
)
from textgrad_core.search.optimize import optimize
from textgrad_core.search.result import Result

NOTICE = "Research use only."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run and the files it left."""

    result: Result
    files: tuple[str, ...]
    notes: tuple[str, ...]


def execute(job: Job, folder: Path, mode: Mode, out: TextIO | None) -> Finished:
    """Run, or read, a job in its folder, and write its result files.

    Args:
        job: What to run.
        folder: Where the journal is and the files go.
        mode: ``"live"``, ``"replay"`` or ``"partial"``.
        out: Where the table is printed; None prints nothing.
    """
    domain = job.domain()
    try:
        table = None
        if out is not None:
            references = len(domain.references())
            table = LiveTable(domain, job.options, references, out, live=out.isatty())
            _introduce(job, domain, folder, mode, out)
        if mode == "live":
            _check_same(job, folder)
            save_job(job, folder)
        result = optimize(
            job.start,
            domain,
            engine=job.model(),
            folder=folder,
            mode=mode,
            cache="shared" if job.cache else "off",
            listeners=() if table is None else (table,),
            settings={"plugin": job.plugin, "make": dict(job.make), "engine": job.engine},
            **_options(job),
        )
        if table is not None:
            table.close()
        finished = write_files(result, domain, job, folder)
        if out is not None:
            _conclude(finished, domain, 0 if table is None else table.recalled, out)
        return finished
    finally:
        domain.close()


def write_files(result: Result, domain: Domain[Any], job: Job, folder: Path) -> Finished:
    """The result as CSV and JSON, the field's own files, and the report page."""
    write_atomically(folder / "result.csv", result_csv(result))
    write_atomically(folder / "result.json", json_text(result_json(result)))
    files = ["result.csv", "result.json", *domain.write(result, folder)]
    notes: list[str] = []
    pictures = {}
    for trial in {t.canonical: t for t in shown(result)}.values():
        picture = domain.picture(domain.parse(trial.canonical), trial.outcome)
        if picture is not None and picture.media_type == "image/svg+xml":
            pictures[trial.canonical] = picture.text
    try:
        page = render_report(
            result.with_settings({**result.settings, "command": job.command}, folder),
            pictures,
            references=domain.references(),
            files=[*files, "journal.jsonl", "settings.json"],
            versions=versions(),
            licences=domain.licences,
        )
        write_atomically(folder / "report.html", page)
        files.append("report.html")
    except MissingExtra as error:
        notes.append(f"report.html was not written: {error}")
    return Finished(result=result, files=tuple(files), notes=tuple(notes))


def shown(result: Result) -> list[Any]:
    """The trials that get a picture: those that have a legal value."""
    found = [result.start, result.best, *result.finals, *result.references, *result.trials]
    return [t for t in found if t.scalar is not None]


def summary(finished: Finished, folder: Path) -> dict[str, JSON]:
    """What ``--json`` prints: one object on the last line."""
    result = finished.result
    return {
        "plugin": result.domain,
        "folder": str(folder),
        "start": result.start.to_json(),
        "best": result.best.to_json(),
        "references": [{"name": t.origin, **t.to_json()} for t in result.references],
        "score_name": result.scalar_name,
        "stop_reason": result.stop_reason,
        "proposer": result.proposer,
        "evaluations": result.usage.evaluations,
        "evaluations_run": result.usage.evaluations_run,
        "model_calls": result.usage.model_calls,
        "seconds": round(result.usage.seconds, 3),
        "files": list(finished.files),
        "notes": list(finished.notes),
    }


def versions() -> dict[str, str]:
    """Python, this distribution, and what it can use, where installed."""
    found = {"Python": platform.python_version()}
    for name in ("textgrad-suite", "vina", "rdkit", "openbabel-wheel", "dockstring", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _options(job: Job) -> dict[str, Any]:
    options = job.options
    return {name: getattr(options, name) for name in type(options).__dataclass_fields__}


def _check_same(job: Job, folder: Path) -> None:
    """Refuse a folder of another run before its settings file is touched."""
    if not (folder / "settings.json").exists():
        return
    kept, now = load_job(folder).to_json(), job.to_json()
    differ = [n for n in now if n not in ("command", "cache") and kept[n] != now[n]]
    if differ:
        told = "; ".join(f"{n}: was {kept[n]}, now {now[n]}" for n in differ)
        raise SettingsDiffer(
            f"{folder} holds a run with other settings ({told}): choose another folder with "
            "--out, or start over with --fresh"
        )


def _introduce(job: Job, domain: Domain[Any], folder: Path, mode: Mode, out: TextIO) -> None:
    source = domain.proposer.name if job.engine is None and domain.proposer else job.engine
    made = " ".join(f"{n}={v}" for n, v in job.make.items() if v is not None)
    print(f"textgrad run {job.plugin}: {made}".rstrip(": "), file=out)
    if job.engine is None:
        print(f"Proposals: {source} (built in). No language model is used.", file=out)
    else:
        print(f"Proposals: the language model {source}.", file=out)
    print(f"{NOTICE} Run folder: {folder}", file=out)
    if mode == "live" and (folder / "journal.jsonl").exists():
        print("Continuing: what the journal holds is not measured or asked again.", file=out)
    print("", file=out, flush=True)


def _conclude(finished: Finished, domain: Domain[Any], recalled: int, out: TextIO) -> None:
    result = finished.result
    usage = result.usage
    kept = usage.evaluations - usage.evaluations_run - recalled
    parts = [f"{counted(usage.evaluations_run, domain.evaluation_name)} run"]
    if recalled:
        parts.append(f"{recalled} recalled from the journal")
    if kept > 0:
        parts.append(f"{kept} from the cache")
    print("", file=out)
    if result.finals:
        print("Measured again with care (report tier), all in the same way:", file=out)
        print(comparison(result, domain.value_name), file=out)
        print("", file=out)
    start, best = result.start, result.best
    if start.scalar is not None and best.scalar is not None:
        print(
            f"Best {result.scalar_name} {best.scalar:.2f}, start {start.scalar:.2f}: "
            f"{abs(start.scalar - best.scalar):.2f} "
            f"{'lower (better)' if best.scalar < start.scalar else 'no better'}.",
            file=out,
        )
    print(f"Best {domain.value_name}: {best.canonical}", file=out)
    print(f"{', '.join(parts)}, in {usage.seconds:.0f} s. {_who(result)}", file=out)
    for note in finished.notes:
        print(f"Note: {note}", file=out)
    folder = result.folder or Path()
    print(f"Written to {folder}: {', '.join(finished.files)}", file=out)
    if "report.html" in finished.files:
        print(f"Look at it: {folder / 'report.html'}", file=out)
    out.flush()


def _who(result: Result) -> str:
    return f"Proposed by {result.proposer}."


def progress_stream(*, quiet: bool, json_only: bool) -> TextIO | None:
    """Where the table goes: nowhere, or standard output."""
    return None if quiet or json_only else sys.stdout
