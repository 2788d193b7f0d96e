"""The tools of the radiotherapy plugin as they are typed, in this process."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from textgrad_core.cli import main

CASE = "tg119-prostate"
COARSE = ("--grid-mm", "10", "--bixel-mm", "10")


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command ended with."""

    returncode: int
    stdout: str
    stderr: str


def typed(*words: str, folder: Path, cache: Path) -> Done:
    """The command line ``textgrad ...`` in a folder, with its caches elsewhere."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(folder)
        patch.setenv("TEXTGRAD_CACHE", str(cache))
        patch.setenv("COLUMNS", "80")
        code = main(words)
    return Done(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


Typed = Callable[..., Done]


def refused(done: Done, *words: str) -> None:
    """It ended as a wrong argument does, with these words and without a traceback."""
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("textgrad: ")
    for word in words:
        assert word in done.stderr, done.stderr


def data_of(done: Done) -> Any:
    return json.loads(done.stdout)


def protocol(**changed: Any) -> dict[str, Any]:
    """A protocol for one target and an organ, as its file holds it."""
    return {
        "name": "mine",
        "title": "Mine",
        "source": "a test",
        "prescription_gy": {"PTV": 75.6},
        "fractions": 42,
        "normalise": {"structure": "PTV", "volume_percent": 50, "dose_gy": 75.6},
        "goals": [{"goal": "PTV D95% >= 60 Gy"}, {"goal": "Rectum Dmean <= 40 Gy"}],
    } | changed
