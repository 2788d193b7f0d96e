"""requirements.lock and constraints.txt: complete, in agreement, and free of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from project import ROOT, pyproject

LOCK = (ROOT / "requirements.lock").read_text("utf-8")
CONSTRAINTS = (ROOT / "constraints.txt").read_text("utf-8")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?![0-9a-f])")
PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64"))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def entries(lock: str) -> list[str]:
    return [line.strip() for line in lock.replace("\\\n", " ").splitlines() if line.strip()]


def pins(lock: str) -> list[Requirement]:
    return [Requirement(entry.partition(" --hash")[0]) for entry in entries(lock)]


def declared() -> Iterator[Requirement]:
    """Every requirement pyproject.toml names, but for those on its own extras."""
    project = pyproject()["project"]
    for texts in (
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *pyproject()["dependency-groups"].values(),
        pyproject()["build-system"]["requires"],
    ):
        yield from (r for r in map(Requirement, texts) if r.name != project["name"])


def environment(python: str, platform: str, machine: str) -> dict[str, str]:
    return {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": platform,
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def pinned(where: dict[str, str]) -> dict[str, str]:
    """Name and version of what is installed in an environment."""
    found: dict[str, str] = {}
    for pin in pins(LOCK):
        if pin.marker is None or pin.marker.evaluate(where):
            name = canonicalize_name(pin.name)
            assert name not in found, f"{name} is pinned twice for {where}"
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            found[name] = specifier.version
    return found


@pytest.mark.parametrize("text", [LOCK, CONSTRAINTS], ids=["requirements.lock", "constraints.txt"])
def test_no_index_no_path_no_comment(text: str) -> None:
    without_hashes = HASH.sub("", text)
    for forbidden in ("://", "file:", "/", "#", "--", "@"):
        assert forbidden not in without_hashes, f"{forbidden!r} found"


def test_every_pin_has_a_hash() -> None:
    for entry in entries(LOCK):
        assert HASH.search(entry), entry


def test_both_files_hold_the_same_pins() -> None:
    assert [str(p) for p in pins(LOCK)] == [str(p) for p in pins(CONSTRAINTS)]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("platform", "machine"), PLATFORMS)
def test_lock_covers_every_extra(python: str, platform: str, machine: str) -> None:
    where = environment(python, platform, machine)
    installed = pinned(where)
    for requirement in declared():
        if requirement.marker is not None and not requirement.marker.evaluate(where):
            continue
        version = installed.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not locked: run make lock"
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("platform", "machine"), PLATFORMS)
def test_vina_is_asked_for_only_where_it_has_wheels(
    python: str, platform: str, machine: str
) -> None:
    has_wheel = python in ("3.11", "3.12") and (platform, machine) == ("linux", "x86_64")
    assert ("vina" in pinned(environment(python, platform, machine))) == has_wheel
