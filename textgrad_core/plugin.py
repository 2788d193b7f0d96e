"""The record by which a plugin makes itself known, and the commands it brings.

The entry point group ``textgrad_core.plugins`` names one `Plugin` per distribution package.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from textgrad_core.domain import Domain

if TYPE_CHECKING:
    from textgrad_core.data import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of ``textgrad doctor``.

    Args:
        name: What was looked at.
        ok: Whether it works.
        detail: What was found, or what is missing.
        remedy: The command or step that mends it.
        needed: Whether something does not work at all without it.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDefaults:
    """How long a run of this plugin is, unless the user says otherwise.

    Args:
        start: Value to start from; None if the domain says (`Domain.start`), or the user must.
        steps: Rounds of proposals.
        proposals: Proposals per round.
        finalists: Best candidates evaluated again at the report tier.
    """

    start: str | None = None
    steps: int = 10
    proposals: int = 4
    finalists: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A tool of the plugin's own: ``textgrad PLUGIN COMMAND``, or ``textgrad bench NAME PLUGIN``.

    A parsed ``--json`` makes the suite print its errors as JSON too.

    Args:
        name: As typed.
        summary: One line for ``--help``.
        options: Adds its options; called when the command is asked for.
        run: Does the work and prints; returns the exit code. Errors of the suite
            (`textgrad_core.errors`) may leave it: they are printed and become the exit code.
    """

    name: str
    summary: str
    options: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def run_later(module: str) -> Callable[[Namespace], int]:
    """What a `Command` runs, without importing what it needs before it is asked for.

    Args:
        module: Full name of a module with a function ``run``, which takes the parsed options
            and returns the exit code.
    """

    def run(given: Namespace) -> int:
        found: Any = import_module(module)
        code: int = found.run(given)
        return code

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What an entry point in the group ``textgrad_core.plugins`` names.

    Args:
        name: As typed after ``textgrad run``.
        summary: One line for ``textgrad plugins``.
        make: Builds the domain; its keyword parameters become command-line options, their
            help comes from the ``Args:`` part of its docstring.
        extra: The extra that brings what `make` needs.
        requires: Modules that must be importable before `make` is called.
        defaults: Length of a run.
        doctor: Looks at what is installed; must not raise, must not need the extra.
        commands: The plugin's own tools.
        benchmarks: What ``textgrad bench`` can run of it.
        datasets: What ``textgrad data`` can fetch for it.
        distributions: Distributions whose versions shape its results, for the report.
    """

    name: str
    summary: str
    make: Callable[..., Domain[Any]]
    extra: str = ""
    requires: tuple[str, ...] = ()
    defaults: RunDefaults = field(default_factory=RunDefaults)
    doctor: Callable[[], Iterable[Check]] | None = None
    commands: tuple[Command, ...] = ()
    benchmarks: tuple[Command, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    distributions: tuple[str, ...] = ()
