"""The grammar of the ``textgrad`` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from textgrad_core.cli.exits import EXPLAINED
from textgrad_core.cli.options import add_make_options
from textgrad_core.domain import Plugin
from textgrad_core.errors import UsageError

EPILOG = "exit codes:\n" + "\n".join(f"  {code:>3}  {text}" for code, text in EXPLAINED)


def build_parser(plugin: Plugin | None = None) -> argparse.ArgumentParser:
    """The parser; with a plugin, ``run`` has that plugin's options too."""
    parser = Parser(
        prog="textgrad",
        description="Optimisation by textual feedback for science. Research use only.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands, plugin)
    for name, text in (
        ("resume", "continue a run where it stopped; nothing is paid for twice"),
        ("replay", "check a finished run against its journal, without instrument or network"),
        ("report", "write the result files and the page of a run again, from its journal"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("folder", metavar="RUN", help="a run folder")
        _add_output(command)
    for name, text in (
        ("plugins", "list the plugins that are installed"),
        ("doctor", "say what is installed, what is missing and how to get it"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def plugin_of(arguments: Sequence[str]) -> str | None:
    """The plugin named in ``run PLUGIN ...``, if there is one.

    Raises:
        UsageError: If an option stands before it: which options there are, the plugin says.
    """
    if len(arguments) < 2 or arguments[0] != "run" or arguments[1] in ("-h", "--help"):
        return None
    if arguments[1].startswith("-"):
        raise UsageError("name the plugin before its options: textgrad run PLUGIN [options]")
    return arguments[1]


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors of the suite, so that they reach ``--json`` too."""

    def error(self, message: str) -> NoReturn:
        """Complain about the arguments."""
        raise UsageError(f"{message}; see: {self.prog} --help")


def _add_run(commands: argparse._SubParsersAction[Parser], plugin: Plugin | None) -> None:
    about = "improve a value with a plugin's instrument"
    run = commands.add_parser(
        "run",
        help=about,
        description=about if plugin is None else plugin.summary,
        epilog="'textgrad run PLUGIN --help' lists the plugin's own options"
        if plugin is None
        else EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    run.add_argument("plugin", metavar="PLUGIN", help="see 'textgrad plugins'")
    if plugin is None:
        return
    defaults = plugin.defaults
    start = defaults.start
    run.add_argument(
        "--start",
        default=start,
        required=start is None,
        metavar="VALUE",
        help="value to start from" + (f" (default: {start})" if start else ""),
    )
    add_make_options(run, plugin.make, plugin.name)
    search = run.add_argument_group("search")
    for name, default, text in (
        ("steps", defaults.steps, "rounds of proposals"),
        ("proposals", defaults.proposals, "proposals per round"),
        ("parents", 5, "candidates that may be built upon"),
        ("finalists", defaults.finalists, "best candidates measured again with care"),
        ("seed", 0, "seed of the whole run"),
    ):
        search.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="N",
            help=f"{text} (default: {default})",
        )
    limits = run.add_argument_group("limits")
    limits.add_argument("--evaluations", type=int, metavar="N", help="most evaluations")
    limits.add_argument("--calls", type=int, metavar="N", help="most model calls")
    limits.add_argument(
        "--tokens", type=int, metavar="N", help="most tokens of all model calls, sent and received"
    )
    limits.add_argument("--cost", type=float, metavar="X", help="most money for model calls")
    limits.add_argument(
        "--prices", metavar="FILE", help="what models cost, in TOML or JSON; needed for --cost"
    )
    limits.add_argument(
        "--seconds", type=float, metavar="X", help="start no round after so many seconds"
    )
    limits.add_argument(
        "--deadline", type=float, metavar="X", help="give one evaluation up after so many seconds"
    )
    model = run.add_argument_group("language model (without --engine none is used)")
    model.add_argument("--engine", metavar="openai:MODEL", help="let a model propose")
    model.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server")
    model.add_argument(
        "--feedback",
        choices=("exact", "llm", "both"),
        default="exact",
        help="who writes feedback: computed from the measurement, the model, or both "
        "(default: exact)",
    )
    model.add_argument("--temperature", type=float, metavar="X", help="sampling temperature")
    model.add_argument("--max-tokens", type=int, metavar="N", help="longest answer")
    _add_output(run)
    run.add_argument("--out", metavar="DIR", help="run folder (default: named by the settings)")
    run.add_argument(
        "--fresh", action="store_true", help="start over; an old run folder is set aside"
    )
    run.add_argument(
        "--no-cache", action="store_true", help="do not share measurements with other runs"
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--json", action="store_true", help="print one JSON object at the end, and no table"
    )
    command.add_argument("--quiet", action="store_true", help="print no table")
