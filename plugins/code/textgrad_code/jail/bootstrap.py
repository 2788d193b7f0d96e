"""The first code of a jailed interpreter: run as a script, it makes the jail importable.

``python -S -s -P bootstrap.py MODULE:FUNCTION NUMBER...`` calls a function of
`textgrad_code.jail` with integers, usually descriptors. An empty package stands in for
`textgrad_code`, so that neither the plugin nor the core is loaded.

The interpreter gets an environment of our own making, hence no ``-E`` (nor ``-I``, which implies
it): Python reads ``PYTHONHASHSEED`` from there, and with it the order of sets is the same in
every run.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = "textgrad_code"


def make_importable(jail: Path) -> None:
    """Let ``import textgrad_code.jail.NAME`` find the modules in this folder, and only them."""
    package = ModuleType(PACKAGE, "Stands in for the plugin: only its jail is importable here.")
    package.__path__ = [str(jail.parent)]
    sys.modules[PACKAGE] = package


def start(arguments: list[str]) -> None:
    """Raise the stack's limit, start over for it to count, and call the function asked for."""
    make_importable(Path(__file__).resolve().parent)
    limits = importlib.import_module(f"{PACKAGE}.jail.limits")
    if limits.raise_stack():
        os.execv(sys.executable, sys.orig_argv)  # this very command again
    module, _, function = arguments[0].partition(":")
    called = getattr(importlib.import_module(f"{PACKAGE}.jail.{module}"), function)
    called(*map(int, arguments[1:]))


if __name__ == "__main__":
    start(sys.argv[1:])
