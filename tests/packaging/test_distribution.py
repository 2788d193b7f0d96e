"""pyproject.toml, the folders and the built wheel say the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from project import ROOT, package_folders, pyproject, tracked_files
from textgrad_core.plugin import Plugin

EXTRAS = {"openai", "molecules", "radiotherapy", "optuna", "code", "data", "report", "test", "all"}
EXTRA_REQUIREMENTS: dict[str, list[str]] = pyproject()["project"]["optional-dependencies"]
ENTRY_POINTS: dict[str, str] = pyproject()["project"]["entry-points"]["textgrad_core.plugins"]


def test_every_package_folder_is_packaged() -> None:
    listed = pyproject()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(listed) == sorted(p.relative_to(ROOT).as_posix() for p in package_folders())


def test_every_plugin_folder_has_a_package_and_a_name() -> None:
    plugins = ROOT / "plugins"
    names = {f.relative_to(plugins).parts[0] for f in tracked_files() if plugins in f.parents}
    assert names == set(ENTRY_POINTS)
    for name in names:
        assert plugins / name / f"textgrad_{name}" in package_folders()
        assert ENTRY_POINTS[name] == f"textgrad_{name}:plugin"


def test_checkers_see_every_plugin() -> None:
    seen = set(pyproject()["tool"]["mypy"]["mypy_path"])
    assert {p.parent.relative_to(ROOT).as_posix() for p in package_folders()[1:]} <= seen


@pytest.mark.parametrize("folder", package_folders(), ids=lambda folder: folder.name)
def test_package_is_typed(folder: Path) -> None:
    assert (folder / "py.typed").is_file()


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS))
def test_entry_point_names_a_plugin(name: str) -> None:
    plugin = EntryPoint(name, ENTRY_POINTS[name], "textgrad_core.plugins").load()
    assert isinstance(plugin, Plugin)
    assert plugin.name == name
    assert plugin.extra in EXTRAS


def test_console_script_can_be_called() -> None:
    script = pyproject()["project"]["scripts"]["textgrad"]
    assert callable(EntryPoint("textgrad", script, "console_scripts").load())


def test_extras_are_the_documented_ones() -> None:
    assert set(EXTRA_REQUIREMENTS) == EXTRAS


def test_extra_all_is_all() -> None:
    (everything,) = (Requirement(text) for text in EXTRA_REQUIREMENTS["all"])
    assert everything.name == pyproject()["project"]["name"]
    assert everything.extras == EXTRAS - {"all"}


def test_core_has_no_dependency() -> None:
    assert pyproject()["project"]["dependencies"] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_every_file_of_every_package(wheel: Path) -> None:
    """An ignore rule or a forgotten pattern would lose prompts, templates or data silently."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        file.relative_to(folder.parent).as_posix()
        for folder in package_folders()
        for file in tracked_files()
        if folder in file.parents
    }
    assert {Path(name).suffix for name in expected} >= {".py", ".txt", ".typed"}
    assert expected <= packed


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    packages = {folder.name for folder in package_folders()}
    assert packages <= tops
    assert all(top.endswith(".dist-info") for top in tops - packages)


def test_wheel_works_without_the_clone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import json, sys, textgrad_core\n"
        "from textgrad_core.cli import main\n"
        "print(textgrad_core.__file__)\n"
        "sys.exit(main(['plugins', '--json']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    where, _, listed = done.stdout.partition("\n")
    assert Path(where).is_relative_to(tmp_path)
    assert {plugin["name"] for plugin in json.loads(listed)} >= set(ENTRY_POINTS)
