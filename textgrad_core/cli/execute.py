"""Running a job in its folder, live or from its journal, and writing what it found."""

from __future__ import annotations

import platform
import sys
import textwrap
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

from textgrad_core.cli.job import Job, load_job, save_job
from textgrad_core.cli.table import WIDTH, LiveTable, comparison, counted
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
        if mode == "live":
            _look_before(job, domain, folder)
        table = None
        if out is not None:
            references = len(domain.references())
            table = LiveTable(domain, job.options, references, out, live=out.isatty())
            _introduce(job, domain, folder, mode, out)
        if mode == "live":
            save_job(job, folder)
        result = optimize(
            job.start,
            domain,
            engine=job.model(),
            folder=folder,
            mode=mode,
            cache="shared" if job.cache else "off",
            prices=job.prices,
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
        "prompt_tokens": result.usage.prompt_tokens,
        "completion_tokens": result.usage.completion_tokens,
        "failed_attempts": result.usage.failed_attempts,
        "cost": result.usage.cost,
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


def _look_before(job: Job, domain: Domain[Any], folder: Path) -> None:
    """Refuse what cannot work before anything is written or printed."""
    domain.parse(job.start)
    domain.fingerprint()  # raises with the remedy where the instrument is missing
    job.model()
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
    made = ", ".join(f"{n} {v}" for n, v in job.make.items() if v not in (None, "", False))
    say(f"textgrad run {job.plugin}" + (f": {made}" if made else ""), out)
    if job.engine is not None:
        say(f"Proposals: the language model {job.engine}.", out)
    elif domain.proposer is not None:
        say(f"Proposals: {domain.proposer.name} (built in). No language model is used.", out)
    say(f"{NOTICE} Run folder: {folder}", out)
    if mode == "live" and (folder / "journal.jsonl").exists():
        say("Continuing: what the journal holds is not measured or asked again.", out)
    print("", file=out, flush=True)


def _conclude(finished: Finished, domain: Domain[Any], recalled: int, out: TextIO) -> None:
    result = finished.result
    print("", file=out)
    if result.finals:
        say("Measured again with care (report tier), all in the same way:", out)
        print(comparison(result, domain.value_name), file=out)
        print("", file=out)
    start, best = result.start, result.best
    if start.scalar is not None and best.scalar is not None:
        gain = start.scalar - best.scalar
        told = f"{gain:.2f} lower (better)" if gain > 0 else "nothing better was found"
        name = result.scalar_name
        say(f"Best {name} {best.scalar:.2f}, start {start.scalar:.2f}: {told}.", out)
    say(f"Best {domain.value_name}: {best.canonical}", out)
    say(_spent(result, domain.evaluation_name, recalled), out)
    say(f"Proposed by {result.proposer}.", out)
    for note in finished.notes:
        say(f"Note: {note}", out)
    folder = result.folder or Path()
    say(f"Written to {folder}: {', '.join(finished.files)}", out)
    if "report.html" in finished.files:
        say(f"Look at it: {folder / 'report.html'}", out)
    out.flush()


def _spent(result: Result, noun: str, recalled: int) -> str:
    usage = result.usage
    parts = [f"{counted(usage.evaluations_run, noun)} run"]
    if recalled:
        parts.append(f"{recalled} recalled from the journal")
    cached = usage.evaluations - usage.evaluations_run - recalled
    if cached > 0:
        parts.append(f"{cached} from the cache")
    if usage.model_calls:
        parts.append(f"{counted(usage.model_calls_made, 'model call')} made")
    return f"{', '.join(parts)}, in {usage.seconds:.0f} s."


def say(text: str, out: TextIO) -> None:
    """Print prose in lines of at most 80 columns; a value or a path is never broken."""
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    print("\n".join(lines), file=out)


def progress_stream(*, quiet: bool, json_only: bool) -> TextIO | None:
    """Where the table goes: nowhere, or standard output."""
    return None if quiet or json_only else sys.stdout
