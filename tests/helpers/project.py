"""The project as files: what tests about packaging and house rules look at."""

from __future__ import annotations

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@cache
def pyproject() -> dict[str, Any]:
    """The parsed pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def package_folders() -> list[Path]:
    """The import packages, found on disk rather than in pyproject.toml."""
    plugins = sorted(p.parent for p in ROOT.glob("plugins/*/textgrad_*/__init__.py"))
    return [ROOT / "textgrad_core", *plugins]


def source_files() -> list[Path]:
    """Every module of every package."""
    return [file for folder in package_folders() for file in sorted(folder.rglob("*.py"))]


def is_product(name: str) -> bool:
    """Whether a folder or file of this name is made by tools rather than by people."""
    return name.startswith(".") or name in {"__pycache__", "runs", "build", "dist"}


@cache
def tracked_files() -> tuple[Path, ...]:
    """What git tracks; in an unpacked archive, every file that is no product."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        files = [ROOT / name for name in listed.split("\0") if name]
    else:
        files = [p for p in ROOT.rglob("*") if not any(map(is_product, p.relative_to(ROOT).parts))]
    return tuple(f for f in files if f.is_file())
