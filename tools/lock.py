"""Resolve every dependency once and write it down twice.

``requirements.lock`` holds the pins with the hashes of their files and is what ``make`` installs.
``constraints.txt`` holds the same pins without hashes, for ``pip install -c``. Neither names an
index, so both work with whatever index the reader's installer is set to.

Run it as ``make lock``; ``make lock UPGRADE=1`` also moves pins that are still allowed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
CONSTRAINTS = ROOT / "constraints.txt"
OPTIONS = (
    "--universal",  # one file for every platform; differences become markers
    "--python-version=3.11",
    "--fork-strategy=fewest",  # one version of numpy for every Python, so numbers compare
    "--all-extras",
    "--group=dev",
    "--generate-hashes",
    "--no-annotate",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
)
HASH = re.compile(r"\s*\\?\s*--hash=\S+")


def without_hashes(lock: str) -> str:
    """The pins of a hashed requirements file, one per line."""
    joined = lock.replace("\\\n", " ")
    pins = (HASH.sub("", line).strip() for line in joined.splitlines())
    return "".join(f"{pin}\n" for pin in pins if pin)


def find_uv() -> str:
    """The uv beside this Python, or else the one on PATH."""
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        sys.exit(f"uv was not found: run {sys.executable} -m pip install uv")
    return uv


def main() -> None:
    """Write both files."""
    upgrade = ("--upgrade",) if os.environ.get("UPGRADE") else ()
    command = [find_uv(), "pip", "compile", "--quiet", *OPTIONS, *upgrade]
    subprocess.run([*command, "pyproject.toml", "-o", LOCK.name], cwd=ROOT, check=True)
    CONSTRAINTS.write_text(without_hashes(LOCK.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
