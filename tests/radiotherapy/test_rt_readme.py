"""What the plugin's README shows runs, in the order it is shown, on a coarser grid."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import textgrad_radiotherapy
from textgrad_core.cli import main
from textgrad_core.cli.exits import OK, REFUSED

TEXT = (Path(textgrad_radiotherapy.__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COARSE = ["--grid-mm", "10", "--bixel-mm", "10"]


def test_every_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEXTGRAD_CACHE", str(tmp_path / "cache"))
    ran = 0
    for language, block in BLOCKS:
        if language == "python":
            paths = f"import sys; sys.path[:0] = {sys.path!r}\n"
            subprocess.run([sys.executable, "-c", paths + block], check=True)
            continue
        for line in block.splitlines():
            program, *words = shlex.split(line)
            if program != "textgrad":
                assert line == "pip install -e '.[radiotherapy]'"
                continue
            if words[0] == "run":
                words += [*COARSE, "--steps", "1", "--proposals", "1"]
            elif words[1] in ("plan", "import-dicom"):
                words += COARSE
            assert main(words) in (OK, REFUSED), line
            ran += 1
    assert ran >= 8
    assert (tmp_path / "runs" / "prostate" / "report.html").is_file()


def test_the_notice_stands_there() -> None:
    assert "not for clinical use" in TEXT
