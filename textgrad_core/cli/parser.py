"""The grammar of the ``textgrad`` command."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from textgrad_core.cli.exits import EXPLAINED
from textgrad_core.cli.options import add_make_options
from textgrad_core.errors import UsageError
from textgrad_core.plugin import Command, Plugin, RunDefaults

OWN_COMMANDS = ("run", "resume", "replay", "report", "plugins", "doctor", "data", "bench")
EPILOG = "exit codes:\n" + "\n".join(f"  {code:>3}  {text}" for code, text in EXPLAINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """The plugin that a command line needs.

    Args:
        command: The first word: ``run``, ``bench`` or the plugin's own name.
        name: The plugin's name; None if it needs none.
        plugin: Its record, once loaded.
    """

    command: str = ""
    name: str | None = None
    plugin: Plugin | None = None


def build_parser(
    called: Called | None = None, installed: Collection[str] = ()
) -> argparse.ArgumentParser:
    """The parser; with a plugin that is called, its options and commands are in it too."""
    called = called or Called()
    tools = "  ".join(sorted(installed)) or "none"
    parser = Parser(
        prog="textgrad",
        description="Optimisation by textual feedback for science. Research use only.",
        epilog="own tools of a plugin: 'textgrad PLUGIN --help' lists them; installed:\n"
        f"  {tools}\n\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands, called.plugin if called.command == "run" else None)
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
    _add_data(commands)
    _add_bench(commands, called.plugin if called.command == "bench" else None)
    if called.plugin is not None and called.command == called.plugin.name:
        _add_tools(commands, called.plugin)
    return parser


def called_by(arguments: Sequence[str], installed: Collection[str]) -> Called:
    """Which plugin the arguments need: ``run PLUGIN``, ``bench NAME PLUGIN`` or ``PLUGIN TOOL``.

    Args:
        arguments: What follows ``textgrad``.
        installed: Names of the plugins that are installed.

    Raises:
        UsageError: If an option stands before the plugin: which there are, the plugin says.
    """
    if not arguments:
        return Called()
    first, place = arguments[0], {"run": 1, "bench": 2}.get(arguments[0])
    if place is None:
        own = first in installed and first not in OWN_COMMANDS
        return Called(command=first, name=first) if own else Called()
    named = arguments[1 : place + 1]
    if any(a in ("-h", "--help") for a in named) or len(named) < place:
        return Called()
    if any(a.startswith("-") for a in named):
        words = "run PLUGIN" if first == "run" else "bench BENCHMARK PLUGIN"
        raise UsageError(f"name the plugin before its options: textgrad {words} [options]")
    return Called(command=first, name=arguments[place])


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
        metavar="VALUE",
        help="value to start from; @FILE reads it from a file"
        + (f" (default: {start})" if start else ""),
    )
    add_make_options(run, plugin.make, plugin.name)
    _add_search(run, defaults)
    _add_limits(run)
    _add_model(run)
    _add_output(run)
    run.add_argument("--out", metavar="DIR", help="run folder (default: named by the settings)")
    run.add_argument(
        "--fresh", action="store_true", help="start over; an old run folder is set aside"
    )
    run.add_argument(
        "--no-cache",
        action="store_true",
        help="do not share measurements with other runs; an instrument keeps its own cache",
    )


def _add_search(run: argparse.ArgumentParser, defaults: RunDefaults) -> None:
    search = run.add_argument_group("search")
    for name, default, text in (
        ("steps", defaults.steps, "rounds of proposals"),
        ("proposals", defaults.proposals, "proposals per round"),
        ("parents", None, "candidates that may be built upon"),
        ("finalists", defaults.finalists, "best candidates measured again with care"),
        ("seed", 0, "seed of the whole run"),
    ):
        search.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="N",
            help=f"{text} (default: {'the plugin says' if default is None else default})",
        )


def _add_limits(run: argparse.ArgumentParser) -> None:
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


def _add_model(run: argparse.ArgumentParser) -> None:
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


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--json", action="store_true", help="print one JSON object at the end, and no table"
    )
    command.add_argument("--quiet", action="store_true", help="print no table")


def _add_data(commands: argparse._SubParsersAction[Parser]) -> None:
    about = "list and fetch published data sets"
    data = commands.add_parser("data", help=about, description=about, allow_abbrev=False)
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what can be fetched, from where, and what is here")
    listing.add_argument("--json", action="store_true", help="print JSON")
    fetch = actions.add_parser("fetch", help="download a data set and check its digest")
    fetch.add_argument("name", metavar="NAME", help="see 'textgrad data list'")
    fetch.add_argument(
        "--from",
        dest="source",
        metavar="URL|DIR",
        help="another address, or a folder, that holds the files",
    )
    fetch.add_argument("--to", metavar="DIR", help="folder to keep them in (default: a cache)")
    fetch.add_argument("--json", action="store_true", help="print JSON")


def _add_bench(commands: argparse._SubParsersAction[Parser], plugin: Plugin | None) -> None:
    about = "run a benchmark of a plugin and compare with published figures"
    bench = commands.add_parser(
        "bench",
        help=about,
        description=about,
        epilog="'textgrad bench BENCHMARK PLUGIN --help' lists its options",
        allow_abbrev=False,
    )
    if plugin is None:
        bench.add_argument("benchmark", metavar="BENCHMARK", help="such as replay")
        bench.add_argument("plugin", metavar="PLUGIN", help="see 'textgrad plugins'")
        return
    kinds = bench.add_subparsers(dest="benchmark", metavar="BENCHMARK", required=True)
    for command in plugin.benchmarks:
        kind = kinds.add_parser(command.name, help=command.summary, description=command.summary)
        named = kind.add_subparsers(dest="plugin", metavar="PLUGIN", required=True)
        _add_tool(named, replace(command, name=plugin.name))


def _add_tools(commands: argparse._SubParsersAction[Parser], plugin: Plugin) -> None:
    if not plugin.commands:
        raise UsageError(
            f"plugin {plugin.name!r} has no tools of its own; see: "
            f"textgrad run {plugin.name} --help"
        )
    own = commands.add_parser(
        plugin.name, help=f"tools of {plugin.name}", description=plugin.summary, allow_abbrev=False
    )
    tools = own.add_subparsers(dest="tool", metavar="TOOL", required=True)
    for command in plugin.commands:
        _add_tool(tools, command)


def _add_tool(tools: argparse._SubParsersAction[Parser], command: Command) -> None:
    tool = tools.add_parser(
        command.name,
        help=command.summary,
        description=command.summary,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    tool.set_defaults(tool_run=command.run)
    command.options(tool)
