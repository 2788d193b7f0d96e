"""Plugins: found by name, loaded alone, and refused with words that help."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from textgrad_core import registry
from textgrad_core.errors import MissingExtra, PluginError, UsageError
from textgrad_core.plugin import Plugin
from textgrad_core.registry import load_domain, load_plugin, missing_modules, plugin_names
from toy_domain import ToyDomain


def make(*, hidden: str = "ACGT") -> ToyDomain:
    if not hidden:
        raise UsageError("hidden is empty: give a word")
    return ToyDomain(hidden=hidden)


def plugin(**options: Any) -> Plugin:
    return Plugin(name="toy", summary="words", make=make, **options)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is installed: names to the objects their entry points mean."""
    module = ModuleType("installed_plugins")
    module.toy, module.needy = plugin(), plugin(requires=("no_such_module",), extra="lab")  # type: ignore[attr-defined]
    module.odd = 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "installed_plugins", module)
    found = {n: f"installed_plugins:{n}" for n in ("toy", "needy", "odd", "gone")}
    found["broken"] = "no_such_package.plugin:it"

    def entry_points(group: str) -> list[EntryPoint]:
        assert group == "textgrad_core.plugins"
        return [EntryPoint(name=n, value=v, group=group) for n, v in found.items()]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    return found


def test_names_are_listed_without_loading_anything() -> None:
    assert plugin_names() == ("broken", "gone", "needy", "odd", "toy")


def test_a_plugin_is_loaded_although_others_are_broken() -> None:
    assert load_plugin("toy").make is make
    assert load_domain("toy", hidden="GG").parse("gg") == "GG"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", "'broken'.*failed to load: ModuleNotFoundError.*no_such_package"),
        ("gone", "'gone'.*failed to load: AttributeError"),
        ("odd", "int, not a textgrad_core.Plugin"),
        ("tyo", "no plugin 'tyo'; installed: broken, gone, needy, odd, toy; did you mean 'toy'"),
        ("", "no plugin ''; installed"),
    ],
)
def test_what_cannot_be_loaded_is_explained(name: str, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        load_plugin(name)


def test_a_missing_extra_names_the_command() -> None:
    assert load_plugin("needy").requires == ("no_such_module",)
    with pytest.raises(MissingExtra, match=r"no_such_module.*pip install") as caught:
        load_domain("needy")
    assert "lab" in caught.value.command
    assert isinstance(caught.value, ImportError)


def test_a_domain_may_refuse_its_options() -> None:
    with pytest.raises(UsageError, match="hidden is empty"):
        load_domain("toy", hidden="")


def test_a_name_that_is_claimed_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(group: str) -> list[EntryPoint]:
        return [EntryPoint(name="toy", value=f"package_{n}:toy", group=group) for n in "ab"]

    monkeypatch.setattr(registry, "entry_points", twice)
    with pytest.raises(PluginError, match=r"several distributions: package_a.*package_b"):
        load_plugin("toy")


def test_missing_modules_are_found_without_importing_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "watched_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')", "utf-8")
    (package / "part.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    wanted = ("json", "watched_package", "watched_package.part", "watched_package.other")
    absent = ("no_such", "no_such.part", "json.decoder", "json.no_such")
    assert missing_modules(plugin(requires=wanted + absent)) == (
        "watched_package.other",
        "no_such",
        "no_such.part",
        "json.no_such",
    )
