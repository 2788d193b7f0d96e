"""Imports point inwards, heavy libraries stay where they belong, importing does nothing."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from project import ROOT, package_folders, source_files

CORE, *PLUGINS = package_folders()
# Where in the core a library may be imported; everything else a plugin needs is nowhere.
CORE_PLACES = {
    "openai": ("textgrad_core/engine/openai.py", "textgrad_core/engine/transport.py"),
    "httpx2": ("textgrad_core/engine/openai.py", "textgrad_core/engine/transport.py"),
    "jinja2": ("textgrad_core/report/",),
    "pooch": ("textgrad_core/data/fetching.py",),
    "requests": ("textgrad_core/data/fetching.py",),
}
PLUGIN_LIBRARIES = {"numpy", "scipy", "rdkit", "openbabel", "vina", "dockstring", "PIL"}
HEAVY = {"numpy", "scipy", "rdkit", "openai", "openbabel", "vina", "dockstring", "jinja2", "pooch"}

PROBE = """
import json, sys
effects = []
def hook(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        effects.append(f"writes {args[0]}")
    elif event == "open" and args[1] is None and args[2] & 3:
        effects.append(f"writes {args[0]}")
    elif event in ("os.mkdir", "os.rename", "os.remove", "subprocess.Popen", "os.fork"):
        effects.append(f"{event} {args[:1]}")
    elif event.startswith("socket."):
        effects.append(event)
sys.addaudithook(hook)
before = set(sys.modules)
__import__(sys.argv[1])
print(json.dumps({"effects": effects, "modules": sorted(set(sys.modules) - before)}))
"""


def imported(file: Path) -> Iterator[str]:
    """Every module a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"), str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield node.module or ""


def roots(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(file)}


def ids(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", [f for f in source_files() if CORE in f.parents], ids=ids)
def test_core_imports_no_plugin_and_none_of_their_libraries(file: Path) -> None:
    found = roots(file)
    assert not found & {plugin.name for plugin in PLUGINS}
    assert not found & PLUGIN_LIBRARIES
    for library, places in CORE_PLACES.items():
        assert library not in found or ids(file).startswith(places)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_plugins_do_not_import_each_other(plugin: Path) -> None:
    others = {p.name for p in PLUGINS} - {plugin.name}
    for file in plugin.rglob("*.py"):
        assert not roots(file) & others, ids(file)


def probe(module: str, tmp_path: Path) -> tuple[list[str], set[str]]:
    """Import a module in a fresh process; what it did and what it loaded."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROBE, module],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    seen = json.loads(done.stdout)
    assert not list(tmp_path.iterdir())
    return seen["effects"], set(seen["modules"])


@pytest.mark.parametrize("package", package_folders(), ids=lambda folder: folder.name)
def test_import_is_light_and_does_nothing(package: Path, tmp_path: Path) -> None:
    effects, modules = probe(package.name, tmp_path)
    assert package.name in modules
    assert effects == []
    assert not {name.partition(".")[0] for name in modules} & HEAVY


def test_importing_the_core_starts_no_event_loop(tmp_path: Path) -> None:
    _, modules = probe("textgrad_core", tmp_path)
    assert "asyncio" not in modules


def test_probe_notices_effects(tmp_path: Path) -> None:
    """The probe itself is tried on a module that does what must not be done."""
    (tmp_path / "rude.py").write_text(
        "import socket\nopen('left', 'w').close()\nsocket.socket().close()\n", "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROBE, "rude"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    effects = json.loads(done.stdout)["effects"]
    assert any(effect.startswith("writes") for effect in effects)
    assert any(effect.startswith("socket.") for effect in effects)
