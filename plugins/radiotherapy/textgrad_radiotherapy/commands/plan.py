"""``textgrad radiotherapy plan``: one solve for given weights, and its plan folder."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from textgrad_core.cli.execute import say
from textgrad_core.cli.exits import OK, REFUSED
from textgrad_core.cli.files import versions
from textgrad_core.errors import MissingExtra, UsageError
from textgrad_core.registry import load_plugin
from textgrad_core.report import write_atomically
from textgrad_radiotherapy import make
from textgrad_radiotherapy.about_case import about_case
from textgrad_radiotherapy.commands.new_folder import check_free, filled
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.comparison import comparison_lines
from textgrad_radiotherapy.kept_plan import keep_plan
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.plan import Plan
from textgrad_radiotherapy.plan_folder import write_plan_folder
from textgrad_radiotherapy.plan_page import PAGE, plan_page
from textgrad_radiotherapy.session import Session
from textgrad_radiotherapy.weights import Weights

if TYPE_CHECKING:
    from textgrad_radiotherapy.domain import Plans


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A plan folder.

    Args:
        folder: Where it is.
        files: The names of its files.
        notes: What could not be written, and why.
    """

    folder: Path
    files: tuple[str, ...]
    notes: tuple[str, ...]


def run(given: Namespace) -> int:
    """Plan, judge on the finer grid, write; the exit code says if every goal is met."""
    folder = Path(given.out)
    check_free(folder)
    domain = make(
        case=given.case,
        protocol=given.protocol,
        grid_mm=given.grid_mm,
        bixel_mm=given.bixel_mm,
        cache=cache_of(given),
    )
    text = str(domain.start) if given.weights is None else _read(Path(given.weights))
    weights = domain.parse(text)
    if not given.json:
        for note in domain.notes:
            say(f"Note: {note}", sys.stdout)
    session = replace(domain.session, levers=False)  # nothing here shows any
    plan, judged = session.plan(weights), session.judged(weights)
    written = _write(domain, session, weights, folder)
    if given.json:
        found = {
            "folder": str(folder),
            "files": list(written.files),
            "notes": [*domain.notes, *written.notes],
            **judged.to_json(),
        }
        print(json.dumps(found, ensure_ascii=False))
    else:
        _tell(judged, plan.solution.message, written)
    return OK if judged.table.all_met else REFUSED


def _write(domain: Plans, session: Session, weights: Weights, folder: Path) -> _Written:
    """The whole folder or nothing; without jinja2 all but the page."""
    judged, pictures = session.judged(weights), session.pictures(weights)
    notes: list[str] = []
    with filled(folder) as draft:
        written = write_plan_folder(
            draft,
            judged.case,
            judged.dose_gy,
            judged.table,
            pictures,
            comparison=judged.comparison,
            data=judged.to_json(),
        )
        write_atomically(draft / "weights.json", domain.canonical(weights) + "\n")
        kept = keep_plan(session.plan_of, domain.protocol, judged.fluence, draft)
        files = ["weights.json", *(path.name for path in written), *kept]
        try:
            page = plan_page(
                judged,
                pictures,
                notes=domain.notes,
                files=files,
                versions=versions(load_plugin("radiotherapy").distributions),
                licences=domain.licences,
            )
            write_atomically(draft / PAGE, page)
            files.append(PAGE)
        except MissingExtra as error:
            notes.append(f"{PAGE} was not written: {error}")
    return _Written(folder=folder, files=tuple(files), notes=tuple(notes))


def _tell(judged: Plan, message: str, written: _Written) -> None:
    print(judged.table.text())
    for line in comparison_lines(judged.to_json()):
        say(line, sys.stdout)
    for line in about_case(judged.case):
        say(line, sys.stdout)
    say(f"Inner optimiser: {message}", sys.stdout)
    for note in written.notes:
        say(f"Note: {note}", sys.stdout)
    say(f"Written to {written.folder}: {', '.join(written.files)}", sys.stdout)
    if PAGE in written.files:
        say(f"Look at it: {written.folder / PAGE}", sys.stdout)
    print(NOTICE)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--weights {path} cannot be read: {error}") from error
