"""The ``textgrad`` command."""

from __future__ import annotations

import json
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from textgrad_core import __version__
from textgrad_core.cli.exits import FAILED, INTERRUPTED, JOURNAL, OK, TERMINATED, USAGE, exit_code
from textgrad_core.cli.parser import Called, build_parser, called_by
from textgrad_core.cli.signals import Terminated, interruptible
from textgrad_core.errors import (
    EngineError,
    InstrumentError,
    MissingExtra,
    TextgradError,
    UsageError,
)
from textgrad_core.logs import warnings_on_stderr

if TYPE_CHECKING:
    from textgrad_core.cli.job import Job
    from textgrad_core.domain import Domain
    from textgrad_core.journal import Mode


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = _Command(arguments)
    with interruptible(), warnings_on_stderr():
        try:
            return command.run()
        except KeyboardInterrupt as stop:
            command.leave(TERMINATED if isinstance(stop, Terminated) else INTERRUPTED)
        except TextgradError as error:
            return command.complain(error, exit_code(error))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        except OSError as error:
            return command.complain(error, JOURNAL)


class _Command:
    """One call of the command, and what has to be said about it if it does not end well."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._as_json = "--json" in arguments
        self._folder: Path | None = None

    def run(self) -> int:
        """Parse the arguments and do what they say."""
        from textgrad_core.registry import plugin_names

        installed = plugin_names()
        parser = build_parser(self._called(installed), installed)
        given = parser.parse_args(self._arguments)
        if given.version:
            print(f"textgrad-suite {__version__}")
            return OK
        if given.command is None:
            parser.print_help()
            return USAGE
        return self._dispatch(given)

    def _called(self, installed: Sequence[str]) -> Called:
        """The plugin the arguments need, loaded."""
        from textgrad_core.registry import load_plugin

        called = called_by(self._arguments, installed)
        if called.name is None:
            return called
        plugin = load_plugin(called.name)
        if called.command == "bench" and self._arguments[1] not in {
            b.name for b in plugin.benchmarks
        }:
            known = ", ".join(b.name for b in plugin.benchmarks) or "none"
            raise UsageError(
                f"plugin {plugin.name!r} has no benchmark {self._arguments[1]!r}; it has: {known}"
            )
        return replace(called, plugin=plugin)

    def complain(self, error: Exception, code: int) -> int:
        """Say what went wrong, and how to go on where a run can."""
        from textgrad_core.report.text import visible

        message = visible(str(error))
        print(f"textgrad: {message}", file=sys.stderr)
        again = self._resume_command()
        if again and isinstance(error, EngineError | InstrumentError | OSError):
            print(f"Everything measured so far is kept; go on with:\n  {again}", file=sys.stderr)
        if self._as_json:
            record = {"error": type(error).__name__, "message": message, "exit": code}
            print(json.dumps({**record, "resume": again}))
        return code

    def leave(self, code: int) -> NoReturn:
        """Say how to go on and end at once: threads that wait for an instrument hold nothing."""
        from textgrad_core.filelock import release_all

        again = self._resume_command()
        told = f" Everything measured so far is kept; go on with:\n  {again}" if again else ""
        print(f"\nStopped.{told}", file=sys.stderr)
        if self._as_json:
            record = {"error": "Stopped", "message": "stopped by a signal", "exit": code}
            print(json.dumps({**record, "resume": again}))
        sys.stdout.flush()
        sys.stderr.flush()
        release_all()  # what else is done at the end is not done here
        os._exit(code)

    def _resume_command(self) -> str | None:
        if self._folder is None or not (self._folder / "settings.json").exists():
            return None
        return shlex.join(["textgrad", "resume", str(self._folder)])

    def _dispatch(self, given: Namespace) -> int:
        if "tool_run" in given:
            code: int = given.tool_run(given)
            return code
        if given.command == "data":
            return _data(given)
        if given.command == "bench":
            raise UsageError("name the benchmark and the plugin: textgrad bench BENCHMARK PLUGIN")
        if given.command == "plugins":
            from textgrad_core.cli.survey import show_plugins

            return show_plugins(as_json=given.json)
        if given.command == "doctor":
            from textgrad_core.cli.survey import show_doctor

            return show_doctor(as_json=given.json)
        if given.command == "run":
            return self._run(given)
        return self._from_folder(given)

    def _run(self, given: Namespace) -> int:
        from textgrad_core.cli.execute import look_before
        from textgrad_core.cli.job import job_of
        from textgrad_core.registry import load_plugin, missing_modules

        plugin = load_plugin(given.plugin)
        missing = missing_modules(plugin)
        if missing:
            raise MissingExtra(f"plugin {plugin.name!r}", missing, plugin.extra or plugin.name)
        job, domain = job_of(plugin, given, shlex.join(["textgrad", *self._arguments]))
        folder = Path(given.out) if given.out else job.default_folder()
        if given.fresh and folder.exists():
            try:
                look_before(job, domain, job.model())
                set_aside(folder)
            except BaseException:
                domain.close()
                raise
        return self._execute(given, job, domain, folder, "live")

    def _from_folder(self, given: Namespace) -> int:
        from textgrad_core.cli.job import load_job

        folder = Path(given.folder)
        job = load_job(folder)
        modes: dict[str, Mode] = {"resume": "live", "replay": "replay", "report": "partial"}
        return self._execute(given, job, job.domain(), folder, modes[given.command])

    def _execute(
        self, given: Namespace, job: Job, domain: Domain[Any], folder: Path, mode: Mode
    ) -> int:
        from textgrad_core.cli.execute import execute, progress_stream, summary

        self._folder = folder
        out = progress_stream(quiet=given.quiet, json_only=given.json)
        finished = execute(job, domain, folder, mode, out)
        if given.json:
            print(json.dumps(summary(finished, folder)))
        elif given.command == "replay" and out is not None:
            print("Replayed from the journal: every step is the same.")
        return OK


def set_aside(folder: Path) -> None:
    """Rename an existing run folder, so that nothing in it is lost.

    Raises:
        JournalBusy: If a process is writing it.
    """
    from textgrad_core.filelock import FileLock

    FileLock(folder / "journal.lock").release()
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    folder.rename(aside)
    print(f"The earlier run is now in {aside}", file=sys.stderr)


def _data(given: Namespace) -> int:
    from textgrad_core.cli.data import fetch_dataset, show_datasets
    from textgrad_core.registry import all_datasets

    if given.action == "list":
        return show_datasets(all_datasets(), as_json=given.json)
    folder = None if given.to is None else Path(given.to)
    return fetch_dataset(
        all_datasets(), given.name, source=given.source, folder=folder, as_json=given.json
    )
