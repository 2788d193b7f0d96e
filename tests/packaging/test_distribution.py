"""pyproject.toml, the folders and the built wheel say the same."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from project import ROOT, package_folders, pyproject, tracked_files
from textgrad_core.domain import Plugin

EXTRAS = {"openai", "molecules", "radiotherapy", "code", "report", "test", "all"}
EXTRA_REQUIREMENTS: dict[str, list[str]] = pyproject()["project"]["optional-dependencies"]
ENTRY_POINTS: dict[str, str] = pyproject()["project"]["entry-points"]["textgrad_core.plugins"]


def test_every_package_folder_is_packaged() -> None:
    listed = pyproject()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(listed) == sorted(p.relative_to(ROOT).as_posix() for p in package_folders())


def test_every_plugin_folder_has_a_package_and_a_name() -> None:
    for folder in (p for p in (ROOT / "plugins").iterdir() if p.is_dir()):
        assert folder / f"textgrad_{folder.name}" in package_folders()
        assert ENTRY_POINTS[folder.name] == f"textgrad_{folder.name}:plugin"


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


def test_wheel_holds_every_file_of_every_package(tmp_path: Path) -> None:
    """An ignore rule or a forgotten pattern would lose prompts, templates or data silently."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        file.relative_to(folder.parent).as_posix()
        for folder in package_folders()
        for file in tracked_files()
        if folder in file.parents
    }
    assert expected, "no file found"
    assert expected <= packed
    tops = {folder.name for folder in package_folders()}
    strangers = {name for name in packed if name.split("/")[0] not in tops}
    assert all(name.split("/")[0].endswith(".dist-info") for name in strangers)
