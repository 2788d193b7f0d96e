"""Judge and improve programs: a sandboxed judge as a textual loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textgrad_code.commands import BENCHMARKS, COMMANDS
from textgrad_code.datasets.registry import DATASETS
from textgrad_core.plugin import Check, Plugin, RunDefaults

if TYPE_CHECKING:
    from textgrad_code.domain import Programs

__all__ = ["make", "plugin"]


def make(
    *,
    problem: str,
    data: str | None = None,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    time_weight: float = 0.0,
    memory_weight: float = 0.0,
    min_tier: str = "seccomp-strict",
    allow_unsafe: bool = False,
) -> Programs:
    """Build the domain.

    Args:
        problem: The problem: a name that 'textgrad code problems' lists, a TOML or JSON file, or
            an entry of a data set such as leetcode:SLUG.
        data: Folder with the files of the data set, if they were not fetched.
        time_limit: Wall seconds for one test, in place of the problem's own.
        memory_limit: MiB, in place of the problem's own.
        time_weight: What using up the whole time limit costs, against 1 for failing every test.
        memory_weight: The same for the memory limit.
        min_tier: Weakest isolation to accept: full, landlock or seccomp-strict.
        allow_unsafe: Run without isolation where the machine offers none; results say so.

    Raises:
        UsageError: If there is no such problem or an option is out of bounds.
    """
    from pathlib import Path

    from textgrad_code.address import find_problem
    from textgrad_code.domain import Programs
    from textgrad_code.sandbox.protocol import tier_named

    found = find_problem(
        problem,
        None if data is None else Path(data),
        time_limit_s=time_limit,
        memory_limit_mib=memory_limit,
    )
    return Programs(
        problem=found,
        time_weight=time_weight,
        memory_weight=memory_weight,
        min_tier=tier_named(min_tier),
        allow_unsafe=allow_unsafe,
    )


def doctor() -> Iterable[Check]:
    """Which isolation this machine offers; raises nothing and needs no extra."""
    from textgrad_code.sandbox import sandbox_checks

    return sandbox_checks()


plugin = Plugin(
    name="code",
    summary="Improve Python programs against tests, judged in a sandbox nobody can fool",
    make=make,
    extra="code",
    defaults=RunDefaults(steps=20, proposals=16, finalists=1),
    doctor=doctor,
    commands=COMMANDS,
    benchmarks=BENCHMARKS,
    datasets=DATASETS,
)
