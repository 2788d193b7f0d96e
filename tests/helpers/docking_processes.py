"""Looking at real docking processes from outside, by /proc, to see them live and die."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from textgrad_molecules.docking import Receptor, dockstring_receptor, receptor_from_file

VINA_WHEELS = (
    sys.platform == "linux" and sys.maxsize > 2**32 and sys.version_info < (3, 13)
)  # what pyproject.toml installs the bindings for
needs_bindings = pytest.mark.skipif(
    not VINA_WHEELS, reason="platform: Vina's bindings exist for Linux and Python 3.11, 3.12"
)
needs_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="platform: looks at processes in /proc"
)
SERVER = "textgrad_molecules.docking.server"
PATIENCE_S = 60.0
LONG_JOB = "CCCCCCCC"
LONG_EXHAUSTIVENESS = 400


def small_receptor() -> Receptor:
    """A DOCKSTRING target with a small box: its maps take a fifth of the time."""
    whole = dockstring_receptor("CA2")
    return receptor_from_file("CA2", whole.pdbqt, whole.centre_a, (15.0, 15.0, 15.0))


def _processes() -> Iterator[tuple[int, int, str]]:
    """Process id, parent's id and command line of every process that is no zombie."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, UnicodeDecodeError):
                continue  # it ended meanwhile
            if state not in "ZX":
                yield int(folder.name), int(parent), command


def children(parent: int, words: str = "") -> list[int]:
    """Living children of a process whose command line holds ``words``."""
    return [pid for pid, its, command in _processes() if its == parent and words in command]


def mentioning(words: str) -> list[int]:
    """Living processes whose command line holds ``words``."""
    return [pid for pid, _, command in _processes() if words in command]


def alive(pid: int) -> bool:
    """Whether a process runs."""
    return any(pid == other for other, _, _ in _processes())


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so; fail if it never is."""
    ends_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.01)
