"""The plugin's own commands: ``textgrad code ...``. What they need is imported when they run."""

from __future__ import annotations

from argparse import ArgumentParser

from textgrad_code.commands import options
from textgrad_core.plugin import Command, run_later


def _no_options(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


COMMANDS = (
    Command(
        name="judge",
        summary="run programs on the tests of a problem, isolated, and say the verdict",
        options=options.judge,
        run=run_later(f"{__name__}.judge"),
    ),
    Command(
        name="repair",
        summary="repair a program without a language model: fault localisation and small edits",
        options=options.repair,
        run=run_later(f"{__name__}.repair"),
    ),
    Command(
        name="problems",
        summary="list the problems that are shipped, or show one",
        options=options.problems,
        run=run_later(f"{__name__}.problems"),
    ),
    Command(
        name="doctor",
        summary="say which isolation this machine offers, and why not more",
        options=_no_options,
        run=run_later(f"{__name__}.doctor"),
    ),
)

BENCHMARKS = (
    Command(
        name="replay",
        summary="judge published programs again and compare with the published verdicts",
        options=options.replay,
        run=run_later(f"{__name__}.replay"),
    ),
)
