"""Modules that a test takes away, as if they were not installed."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest


def without_jinja2(monkeypatch: pytest.MonkeyPatch, user: ModuleType) -> None:
    """Let a module that imports by name, when it needs to, find no jinja2."""
    real = importlib.import_module

    def absent(name: str, package: str | None = None) -> object:
        if name == "jinja2":
            raise ModuleNotFoundError("No module named 'jinja2'")
        return real(name, package)

    monkeypatch.setattr(user, "import_module", absent)
