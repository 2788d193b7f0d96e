"""Other circumstances to run the sandbox in: an ordinary user, an interpreter he can read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from project import ROOT
from textgrad_code.jail.privileges import readable_by_all

NOBODY = 65534


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A Python and a copy of what the sandbox is made of, both readable by everybody."""

    python: str
    helpers: Path
    environment: Mapping[str, str]

    def run(self, script: str, *arguments: str, user: int | None = None) -> Any:
        """The JSON that a script of the helpers prints, started as a user."""
        as_user: dict[str, Any] = (
            {} if user is None else {"user": user, "group": user, "extra_groups": []}
        )
        done = subprocess.run(
            [self.python, str(self.helpers / script), *arguments],
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            **as_user,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def public_python() -> str:
    """An interpreter that every user may start; skips the test if there is none."""
    base = Path(sys.base_prefix).resolve()
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = base / "bin" / name
    if own.exists() and readable_by_all(own.parent):
        return str(own)
    other = shutil.which(name, path="/usr/bin:/usr/local/bin")
    if other is None:
        pytest.skip("platform: no interpreter here that another user could start")
    return other


@contextmanager
def public_machine() -> Iterator[Machine]:
    """Copies of the packages in a folder that everybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="textgrad-tests-"))
    try:
        folder.chmod(0o755)
        ignored = shutil.ignore_patterns("__pycache__", "problems", "view")
        for package in ("textgrad_core", "plugins/code/textgrad_code", "tests/helpers"):
            shutil.copytree(ROOT / package, folder / Path(package).name, ignore=ignored)
        environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        environment["PATH"] = os.defpath
        yield Machine(python=public_python(), helpers=folder / "helpers", environment=environment)
    finally:
        shutil.rmtree(folder)
