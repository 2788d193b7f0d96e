"""The ``textgrad`` command."""

from __future__ import annotations

import json
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from textgrad_core import __version__
from textgrad_core.cli.exits import FAILED, INTERRUPTED, OK, TERMINATED, USAGE, exit_code
from textgrad_core.cli.parser import build_parser, plugin_of
from textgrad_core.errors import MissingExtra, TextgradError

if TYPE_CHECKING:
    from textgrad_core.cli.job import Job
    from textgrad_core.journal import Mode


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        name = plugin_of(arguments)
        if name is None:
            plugin = None
        else:
            from textgrad_core.registry import load_plugin

            plugin = load_plugin(name)
        parser = build_parser(plugin)
        given = parser.parse_args(arguments)
        if given.version:
            print(f"textgrad-suite {__version__}")
            return OK
        if given.command is None:
            parser.print_help()
            return USAGE
        return _dispatch(given, arguments)
    except TextgradError as error:
        _complain(error, as_json="--json" in arguments)
        return exit_code(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _dispatch(given: Namespace, arguments: Sequence[str]) -> int:
    if given.command == "plugins":
        from textgrad_core.cli.survey import show_plugins

        return show_plugins(as_json=given.json)
    if given.command == "doctor":
        from textgrad_core.cli.survey import show_doctor

        return show_doctor(as_json=given.json)
    if given.command == "run":
        return _run(given, arguments)
    return _from_folder(given)


def _run(given: Namespace, arguments: Sequence[str]) -> int:
    from textgrad_core.budget import Budget
    from textgrad_core.cli.job import Job
    from textgrad_core.cli.options import make_arguments
    from textgrad_core.prices import load_prices
    from textgrad_core.registry import load_plugin, missing_modules
    from textgrad_core.search.options import Options

    plugin = load_plugin(given.plugin)
    missing = missing_modules(plugin)
    if missing:
        raise MissingExtra(f"plugin {plugin.name!r}", missing, plugin.extra or plugin.name)
    sampling = {"temperature": given.temperature, "max_tokens": given.max_tokens}
    limits = ("evaluations", "calls", "seconds", "tokens", "cost")
    budget = Budget(**{name: getattr(given, name) for name in limits})
    job = Job(
        plugin=plugin.name,
        start=given.start,
        make=make_arguments(plugin.make, given),
        options=Options(
            steps=given.steps,
            proposals=given.proposals,
            parents=given.parents,
            finalists=given.finalists,
            feedback=given.feedback,
            seed=given.seed,
            budget=budget,
            params={n: v for n, v in sampling.items() if v is not None},
        ),
        engine=given.engine,
        base_url=given.base_url,
        prices=None if given.prices is None else load_prices(Path(given.prices)).to_json(),
        cache=not given.no_cache,
        command=shlex.join(["textgrad", *arguments]),
    )
    folder = Path(given.out) if given.out else job.default_folder()
    if given.fresh:
        set_aside(folder)
    return _execute(given, job, folder, "live")


def _from_folder(given: Namespace) -> int:
    from textgrad_core.cli.job import load_job

    folder = Path(given.folder)
    job = load_job(folder)
    modes: dict[str, Mode] = {"resume": "live", "replay": "replay", "report": "partial"}
    mode = modes[given.command]
    return _execute(given, job, folder, mode)


def _execute(given: Namespace, job: Job, folder: Path, mode: Mode) -> int:
    from textgrad_core.cli.execute import execute, progress_stream, summary
    from textgrad_core.cli.signals import Terminated, interruptible

    out = progress_stream(quiet=given.quiet, json_only=given.json)
    with interruptible():
        try:
            finished = execute(job, folder, mode, out)
        except KeyboardInterrupt as stop:
            _leave(folder, TERMINATED if isinstance(stop, Terminated) else INTERRUPTED)
    if given.json:
        print(json.dumps(summary(finished, folder), ensure_ascii=False))
    elif given.command == "replay" and out is not None:
        print("Replayed from the journal: every step is the same.")
    return OK


def set_aside(folder: Path) -> None:
    """Rename an existing run folder, so that nothing in it is lost."""
    if not folder.exists():
        return
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    folder.rename(aside)
    print(f"The earlier run is now in {aside}", file=sys.stderr)


def _leave(folder: Path, code: int) -> NoReturn:
    """Say how to go on, then end at once: threads that wait for an instrument hold nothing."""
    again = shlex.join(["textgrad", "resume", str(folder)])
    print(
        f"\nStopped. Everything measured so far is in {folder}; go on with:\n  {again}",
        file=sys.stderr,
    )
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _complain(error: TextgradError, *, as_json: bool) -> None:
    print(f"textgrad: {error}", file=sys.stderr)
    if as_json:
        record = {"error": type(error).__name__, "message": str(error), "exit": exit_code(error)}
        print(json.dumps(record, ensure_ascii=False))
