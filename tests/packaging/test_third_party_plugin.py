"""A plugin from another distribution: installed, discovered, run, and right about its physics."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from project import ROOT

SOURCE = ROOT / "examples" / "third_party_plugin"
START = "ATATATATATATATATATAT"


def installer() -> list[str]:
    """The pip of this environment; an environment made by uv may have none."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    uv = shutil.which("uv")
    assert uv is not None, "neither pip nor uv was found"
    return [uv, "pip", "install", "--quiet", "--python", sys.executable]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds nothing but the installed plugin."""
    # built from a copy: a build may leave files beside its source
    source = tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *installer(),
            "--no-deps",
            "--no-build-isolation",
            "--target",
            str(target),
            str(source),
        ],
        check=True,
    )
    return target


def python(site: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_it_is_listed_beside_the_others(site: Path, tmp_path: Path) -> None:
    listed = json.loads(
        python(site, "-m", "textgrad_core", "plugins", "--json", cwd=tmp_path).stdout
    )
    names = [plugin["name"] for plugin in listed]
    assert "oligo" in names
    assert "molecules" in names


def run_oligo(site: Path, folder: Path) -> dict[str, Any]:
    options = ("--start", START, "--steps", "3", "--out", str(folder / "run"), "--json")
    done = python(site, "-m", "textgrad_core", "run", "oligo", *options, cwd=folder)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_it_is_optimised_without_a_model(site: Path, tmp_path: Path) -> None:
    result = run_oligo(site, tmp_path)
    assert result["start"]["value"] == START
    assert result["best"]["score"] < result["start"]["score"]
    tag = result["best"]["value"]
    assert result["best"]["score"] == abs(2 * len(tag) + 2 * sum(map(tag.count, "CG")) - 54)


def test_same_seed_same_tag(site: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first, second = (run_oligo(site, folder)["best"] for folder in folders)
    assert first == second


def test_its_option_appears_in_the_help(site: Path, tmp_path: Path) -> None:
    shown = python(site, "-m", "textgrad_core", "run", "oligo", "--help", cwd=tmp_path).stdout
    assert "--target-c" in shown


def test_melting_temperature_agrees_with_another_program(site: Path, tmp_path: Path) -> None:
    """Biopython's documentation gives 48.0 degC for this tag by the same rule."""
    code = (
        "import textgrad_core as tg, textgrad_oligo as o; d = o.make(target_c=0)\n"
        "print(d.evaluate('ACGTTGCAATGCCGTA', tg.EvaluationContext()).scores['tm_error'])"
    )
    assert float(python(site, "-c", code, cwd=tmp_path).stdout) == 48.0


def test_it_keeps_the_contract(site: Path, tmp_path: Path) -> None:
    code = (
        "import textgrad_oligo as o; from textgrad_core.testing import check_domain\n"
        "check_domain(o.make(), legal=('acgt ACGT ACGT ACGT',), illegal=('', 'ACGT', 'HELLO'))"
    )
    python(site, "-c", code, cwd=tmp_path)


def test_it_is_short() -> None:
    """A stranger writes about forty lines, not counting blank ones and docstrings."""
    source = (SOURCE / "textgrad_oligo.py").read_text("utf-8").splitlines()
    code = [line for line in source if line.strip() and not line.lstrip().startswith('"""')]
    assert len(code) <= 45
