"""``textgrad bench replay code``: what is published, what we find, whether they agree."""

from __future__ import annotations

import json
import platform
import textwrap
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from textgrad_code.commands.options import judge_of, workers_of
from textgrad_code.replay import Figure, Replay, replay
from textgrad_core.cli.exits import MISSING, OK, REFUSED
from textgrad_core.report.text import visible

WIDTH = 80
_DIFFERENCES = 20
_WHAT = 57


def run(given: Namespace) -> int:
    """Judge the published programs again, print the comparison; the exit code tells agreement."""
    folder = None if given.data is None else Path(given.data)
    workers = workers_of(given)
    with judge_of(given) as judge:
        found = replay(folder, judge=judge, workers=workers)
    if given.json:
        print(json.dumps(record(found, workers), ensure_ascii=False))
    else:
        print(table(found))
    return exit_code(found)


def exit_code(found: Replay) -> int:
    """What the command ends with: figures differ, are missing, or all agree."""
    if not found.agrees:
        return REFUSED
    return OK if found.complete else MISSING


def table(found: Replay) -> str:
    """The comparison at 80 columns."""
    lines = [f"{'what':<{_WHAT}}{'published':>10}{'ours':>6}  agree", "-" * WIDTH]
    for figure in found.figures:
        ours = "-" if figure.ours is None else str(figure.ours)
        lines.append(f"{figure.name:<{_WHAT}}{_share(figure):>10}{ours:>6}  {_agreement(figure)}")
    lines.append("-" * WIDTH)
    lines.append(
        f"{found.judgements} judgements in {found.seconds:.1f} s, "
        f"isolation {', '.join(found.tiers) or '-'}, Python {platform.python_version()}"
    )
    for note in dict.fromkeys(figure.note for figure in found.figures if figure.note):
        lines += _wrapped(f"Not compared: {note}")
    for difference in found.differences[:_DIFFERENCES]:
        told = f"{difference.program}: {difference.published}; ours: {difference.ours}"
        lines += _wrapped(f"- {told}")
    if len(found.differences) > _DIFFERENCES:
        lines.append(f"... and {len(found.differences) - _DIFFERENCES} more differences")
    return "\n".join(lines)


def record(found: Replay, workers: int) -> dict[str, Any]:
    """The comparison as JSON data."""
    return {
        "agrees": found.agrees,
        "complete": found.complete,
        "figures": [{**asdict(f), "agrees": f.agrees} for f in found.figures],
        "differences": [asdict(d) for d in found.differences],
        "judgements": found.judgements,
        "seconds": round(found.seconds, 2),
        "workers": workers,
        "isolation": list(found.tiers),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _wrapped(text: str) -> list[str]:
    """Prose at 80 columns; names and paths stay whole."""
    return textwrap.wrap(
        visible(text),
        WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _share(figure: Figure) -> str:
    return f"{figure.published}/{figure.of}"


def _agreement(figure: Figure) -> str:
    return {True: "yes", False: "NO", None: "-"}[figure.agrees]
