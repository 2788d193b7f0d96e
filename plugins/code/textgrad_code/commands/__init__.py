"""The plugin's own commands: ``textgrad code ...``. What they need is imported when they run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from typing import Any

from textgrad_code.commands import options
from textgrad_core.plugin import Command


def _later(module: str) -> Callable[[Namespace], int]:
    """The function ``run`` of a module of this package, imported at its first use."""

    def run(given: Namespace) -> int:
        found: Any = import_module(f"{__name__}.{module}")
        code: int = found.run(given)
        return code

    return run


def _no_options(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


COMMANDS = (
    Command(
        name="judge",
        summary="run programs on the tests of a problem, isolated, and say the verdict",
        options=options.judge,
        run=_later("judge"),
    ),
    Command(
        name="repair",
        summary="repair a program without a language model: fault localisation and small edits",
        options=options.repair,
        run=_later("repair"),
    ),
    Command(
        name="problems",
        summary="list the problems that are shipped, or show one",
        options=options.problems,
        run=_later("problems"),
    ),
    Command(
        name="doctor",
        summary="say which isolation this machine offers, and why not more",
        options=_no_options,
        run=_later("doctor"),
    ),
)

BENCHMARKS = (
    Command(
        name="replay",
        summary="judge published programs again and compare with the published verdicts",
        options=options.replay,
        run=_later("replay"),
    ),
)
