"""Running a job in its folder, live or from its journal, and saying what it found."""

from __future__ import annotations

import os
import shlex
import sys
import textwrap
from pathlib import Path
from typing import Any, TextIO

from textgrad_core.cli.files import Finished, write_files
from textgrad_core.cli.job import Job, save_job
from textgrad_core.cli.table import WIDTH, LiveTable, comparison, counted
from textgrad_core.domain import Domain
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import JournalError
from textgrad_core.journal import Mode
from textgrad_core.journal_lines import Entry, read_entries
from textgrad_core.jsondata import JSON
from textgrad_core.report.text import visible
from textgrad_core.search.optimize import optimize
from textgrad_core.search.result import Result


def execute(
    job: Job, domain: Domain[Any], folder: Path, mode: Mode, out: TextIO | None
) -> Finished:
    """Run, or read, a job in its folder, and write its result files.

    Args:
        job: What to run.
        domain: The job's; closed in the end.
        folder: Where the journal is and the files go.
        mode: ``"live"``, ``"replay"`` or ``"partial"``.
        out: Where the table is printed; None prints nothing.
    """
    try:
        engine = job.model()
        if mode == "live":
            look_before(job, domain, engine)
        elif mode == "replay":
            _refuse_unfinished(folder)
        began = _Beginning(job, domain, folder, mode, out)
        table = None
        if out is not None:
            live = out.isatty() and os.environ.get("TERM") != "dumb"
            table = LiveTable(domain, job.options, len(domain.references()), out, live=live)
        result = optimize(
            job.start,
            domain,
            engine=engine,
            folder=folder,
            mode=mode,
            cache="shared" if job.cache else "off",
            prices=job.prices,
            listeners=(began,) if table is None else (began, table),
            settings={
                "plugin": job.plugin,
                "make": dict(job.make),
                "engine": job.engine,
                "base_url": job.base_url,
            },
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


def look_before(job: Job, domain: Domain[Any], engine: Engine | None) -> None:
    """Refuse what cannot work before anything is written, printed or set aside."""
    domain.parse(job.start)
    domain.fingerprint()  # raises with the remedy where the instrument is missing
    ready = getattr(engine, "ready", None)
    if callable(ready):
        ready()  # raises where a key is missing


def _refuse_unfinished(folder: Path) -> None:
    path = folder / "journal.jsonl"
    entries = read_entries(path)[0] if path.exists() else []
    if not any(e.kind == "best" for e in entries):
        again = shlex.join(["textgrad", "resume", str(folder)])
        raise JournalError(f"the run in {folder} is not finished; go on with: {again}")


class _Beginning:
    """Says what is about to happen and keeps the job, once the journal is open and ours."""

    def __init__(
        self, job: Job, domain: Domain[Any], folder: Path, mode: Mode, out: TextIO | None
    ) -> None:
        self._job, self._domain, self._folder = job, domain, folder
        self._mode, self._out = mode, out

    def __call__(self, entry: Entry) -> None:
        """The first entry of a journal is that of the run."""
        if entry.kind != "run":
            return
        if self._mode == "live":
            save_job(self._job, self._folder)
        if self._out is not None:
            again = self._mode == "live" and entry.recalled
            _introduce(self._job, self._domain, self._folder, self._out, again=again)


def summary(finished: Finished, folder: Path) -> dict[str, JSON]:
    """What ``--json`` prints: one object on the last line."""
    result = finished.result
    return {
        "plugin": result.domain,
        "notice": result.notice,
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
        "report_seconds": result.usage.report_seconds,
        "files": list(finished.files),
        "notes": list(finished.notes),
        "warnings": list(finished.warnings),
    }


def _options(job: Job) -> dict[str, Any]:
    options = job.options
    return {name: getattr(options, name) for name in type(options).__dataclass_fields__}


def _introduce(job: Job, domain: Domain[Any], folder: Path, out: TextIO, *, again: bool) -> None:
    made = ", ".join(f"{n} {v}" for n, v in job.make.items() if v not in (None, "", False))
    say(f"textgrad run {job.plugin}" + (f": {made}" if made else ""), out)
    if job.engine is not None:
        say(f"Proposals: the language model {job.engine}.", out)
    elif domain.proposer is not None:
        say(f"Proposals: {domain.proposer.name} (built in). No language model is used.", out)
    say(f"{domain.notice} Run folder: {folder}", out)
    for note in domain.notes:
        say(f"Note: {note}", out)
    if again:
        say("Continuing: what the journal holds is not measured or asked again.", out)
    print("", file=out, flush=True)


def _conclude(finished: Finished, domain: Domain[Any], recalled: int, out: TextIO) -> None:
    result = finished.result
    print("", file=out)
    if result.finals:
        say("Measured again with care (report tier), all in the same way:", out)
        print(comparison(result, domain), file=out)
        print("", file=out)
    concluded = domain.conclusion(result).strip("\n")
    if concluded:
        print("\n".join(visible(line) for line in concluded.split("\n")), file=out)
        print("", file=out)
    start, best = result.start, result.best
    if start.scalar is not None and best.scalar is not None:
        gain = start.scalar - best.scalar
        told = f"{gain:.2f} lower (better)" if gain > 0 else "nothing better was found"
        name, tier = result.scalar_name, best.tier
        say(f"Best {name} {best.scalar:.2f}, start {start.scalar:.2f} ({tier}): {told}.", out)
    if not result.finals:
        folder_named = str(result.folder or "")
        say(f"{result.stop_reason.capitalize()}. Go on with:", out)
        say(f"  {shlex.join(['textgrad', 'resume', folder_named])}", out)
    where = (result.folder or Path()) / domain.value_file
    say(f"Best {domain.value_name}: {where if domain.value_file else best.canonical}", out)
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
    took = f"{', '.join(parts)}, in {usage.seconds:.0f} s"
    return f"{took}; files and report took {usage.report_seconds:.0f} s."


def say(text: str, out: TextIO) -> None:
    """Print prose in lines of at most 80 columns; a value or a path is never broken."""
    lines = textwrap.wrap(visible(text), WIDTH, break_long_words=False, break_on_hyphens=False)
    print("\n".join(lines), file=out)


def progress_stream(*, quiet: bool, json_only: bool) -> TextIO | None:
    """Where the table goes: nowhere, or standard output."""
    return None if quiet or json_only else sys.stdout
