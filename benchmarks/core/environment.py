"""Make the two environments that are compared: TextGrad's own, and one with only this suite."""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

TEXTGRAD = "textgrad==0.1.8"
ROOT = Path(__file__).resolve().parents[2]


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make(folder: Path, requirement: str) -> Path:
    """An environment with one requirement and all it needs; kept if it is there already.

    Returns:
        Its interpreter.
    """
    python, done = python_of(folder), folder / "complete"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", requirement], check=True)
        done.write_text(f"{requirement.rpartition('/')[2]}\n", encoding="utf-8")
    return python


def make_both(folder: Path) -> tuple[Path, Path]:
    """TextGrad's interpreter and ours, in subfolders of one folder."""
    folder = folder.resolve()
    return make(folder / "textgrad", TEXTGRAD), make(folder / "suite", str(ROOT))


def main() -> None:
    """Make them and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to make them; outside the repository")
    theirs, ours = make_both(parser.parse_args().folder)
    print(f"--textgrad-python {theirs} --suite-python {ours}")


if __name__ == "__main__":
    main()
