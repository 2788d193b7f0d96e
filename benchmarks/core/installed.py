"""What a library brings along: distributions, and megabytes of files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

# Runs in the environment that is measured; the tools that installed it do not count.
_COUNT = """
import json
from importlib.metadata import distributions
tools, size, names = {"pip", "setuptools", "wheel"}, 0, set()
for d in distributions():
    name = d.metadata["Name"].lower()
    if name in tools or name in names:
        continue
    names.add(name)
    for file in d.files or ():
        place = file.locate()
        size += place.stat().st_size if place.is_file() else 0
print(json.dumps({"distributions": len(names), "megabytes": size / 1e6}))
"""


def environment(python: str, folder: Path) -> dict[str, Any]:
    """Distributions and megabytes of a whole environment."""
    done = subprocess.run(
        [python, "-I", "-c", _COUNT],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    counted: dict[str, Any] = json.loads(done.stdout)
    return counted


def package(folder: Path) -> dict[str, Any]:
    """The same of a package that needs nothing but itself, from its sources."""
    files = [f for f in folder.rglob("*") if f.is_file() and f.suffix != ".pyc"]
    return {"distributions": 1, "megabytes": sum(f.stat().st_size for f in files) / 1e6}
