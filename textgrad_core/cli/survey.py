"""``textgrad plugins`` and ``textgrad doctor``."""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
from importlib import metadata

from textgrad_core import __version__
from textgrad_core.cli.exits import MISSING, OK
from textgrad_core.errors import PluginError, install_command
from textgrad_core.plugin import Check, Plugin
from textgrad_core.registry import load_plugin, missing_modules, plugin_names


def show_plugins(*, as_json: bool) -> int:
    """List what is installed; a broken plugin is listed with what is wrong."""
    rows: list[dict[str, object]] = []
    for name in plugin_names():
        try:
            plugin = load_plugin(name)
        except PluginError as error:
            rows.append({"name": name, "ready": False, "summary": "", "problem": str(error)})
            continue
        missing = missing_modules(plugin)
        problem = f"needs {', '.join(missing)}: {install_command(plugin.extra)}" if missing else ""
        if not missing:
            unmet = [c for c in _asked(plugin) if c.needed and not c.ok]
            problem = "; ".join(f"{c.name}: {c.detail}; {c.remedy}" for c in unmet)
        rows.append(
            {
                "name": name,
                "ready": not problem,
                "summary": plugin.summary,
                "problem": problem,
            }
        )
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return OK
    if not rows:
        print("No plugin is installed.")
    width = max((len(str(r["name"])) for r in rows), default=0)
    for row in rows:
        print(f"{row['name']:<{width}}  {row['summary']}")
        if row["problem"]:
            print(f"{'':<{width}}  not ready: {row['problem']}")
    if rows:
        print("\n'textgrad run NAME --help' lists the options of one.")
    return OK


def show_doctor(*, as_json: bool) -> int:
    """Look at everything; the exit code says whether something a plugin needs is missing."""
    checks = [
        Check(name="textgrad-suite", ok=True, detail=__version__),
        Check(name="Python", ok=True, detail=f"{platform.python_version()} on {sys.platform}"),
        _module("openai", "openai", "language models"),
        _module("jinja2", "report", "the HTML report"),
    ]
    for name in plugin_names():
        checks.extend(_plugin_checks(name))
    if as_json:
        record = [
            {"name": c.name, "ok": c.ok, "detail": c.detail, "remedy": c.remedy} for c in checks
        ]
        print(json.dumps(record, ensure_ascii=False))
    else:
        for check in checks:
            mark = "ok" if check.ok else "MISSING" if check.needed else "absent"
            print(f"{mark:7}  {check.name}: {check.detail}")
            if not check.ok and check.remedy:
                print(f"         -> {check.remedy}")
    return OK if all(c.ok or not c.needed for c in checks) else MISSING


def _plugin_checks(name: str) -> list[Check]:
    try:
        plugin = load_plugin(name)
    except PluginError as error:
        return [Check(name=f"plugin {name}", ok=False, detail=str(error))]
    missing = missing_modules(plugin)
    if missing:
        detail = f"needs {', '.join(missing)}"
        remedy = f"in your clone: {install_command(plugin.extra)}"
        first = Check(name=f"plugin {name}", ok=False, detail=detail, remedy=remedy)
    else:
        first = Check(name=f"plugin {name}", ok=True, detail=plugin.summary)
    return [first, *_asked(plugin)]


def _asked(plugin: Plugin) -> list[Check]:
    """What the plugin's own doctor says."""
    if plugin.doctor is None:
        return []
    try:
        return list(plugin.doctor())
    except Exception as error:  # noqa: BLE001 - border with plugins: one must not hide the others
        detail = f"its doctor failed: {type(error).__name__}: {error}"
        return [Check(name=f"plugin {plugin.name}", ok=False, detail=detail)]


def _module(module: str, extra: str, purpose: str) -> Check:
    if importlib.util.find_spec(module) is None:
        return Check(
            name=module,
            ok=False,
            detail=f"not installed; needed for {purpose}",
            remedy=f"in your clone: {install_command(extra)}",
            needed=False,
        )
    return Check(name=module, ok=True, detail=f"{metadata.version(module)}, for {purpose}")
