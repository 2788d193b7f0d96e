"""Plugins found by entry point, loaded one by one and only when asked for."""

from __future__ import annotations

import difflib
import importlib.util
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from textgrad_core.domain import Domain
from textgrad_core.errors import MissingExtra, PluginError, UnknownPlugin
from textgrad_core.logs import log
from textgrad_core.plugin import Plugin

if TYPE_CHECKING:
    from textgrad_core.data import Dataset

GROUP = "textgrad_core.plugins"


def plugin_names() -> tuple[str, ...]:
    """The plugins that are installed, sorted; none of them is loaded."""
    return tuple(sorted({found.name for found in entry_points(group=GROUP)}))


def load_plugin(name: str) -> Plugin:
    """One plugin's record.

    Raises:
        PluginError: If there is none of that name, or it fails to load.
    """
    found = _entry_point(name)
    try:
        plugin = found.load()
    except Exception as error:
        raise PluginError(
            f"plugin {name!r} ({found.value}) failed to load: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(plugin, Plugin):
        raise PluginError(
            f"plugin {name!r}: {found.value} is {type(plugin).__name__}, not a "
            "textgrad_core.Plugin: let the entry point name a Plugin(...) record"
        )
    return plugin


def load_domain(name: str, **options: Any) -> Domain[Any]:
    """A plugin's domain, built with its options.

    Raises:
        PluginError: If there is no such plugin, or it fails to load.
        MissingExtra: If what it needs is not installed; the message is the command.
        UsageError: If an option is out of bounds.
    """
    plugin = load_plugin(name)
    missing = missing_modules(plugin)
    if missing:
        raise MissingExtra(f"plugin {name!r}", missing, plugin.extra or name)
    return plugin.make(**options)


def all_datasets() -> tuple[Dataset, ...]:
    """What the installed plugins can fetch; a plugin that fails to load is passed over."""
    found: list[Dataset] = []
    for name in plugin_names():
        try:
            found.extend(load_plugin(name).datasets)
        except PluginError as error:
            log.warning("%s", error)
    return tuple(found)


def missing_modules(plugin: Plugin) -> tuple[str, ...]:
    """The modules a plugin requires that cannot be found; nothing is imported."""
    return tuple(m for m in plugin.requires if not _can_be_found(m))


def _can_be_found(module: str) -> bool:
    """Whether a module is installed; `find_spec` alone would import the packages around it."""
    top, *inner = module.split(".")
    found = importlib.util.find_spec(top)
    name = top
    for part in inner:
        if found is None or found.submodule_search_locations is None:
            return False
        name = f"{name}.{part}"
        found = PathFinder.find_spec(name, found.submodule_search_locations)
    return found is not None


def _entry_point(name: str) -> EntryPoint:
    found = [e for e in entry_points(group=GROUP) if e.name == name]
    if not found:
        known = plugin_names()
        close = difflib.get_close_matches(name, known, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        raise UnknownPlugin(f"no plugin {name!r}; installed: {', '.join(known) or 'none'}{meant}")
    if len({e.value for e in found}) > 1:
        sources = ", ".join(f"{e.value} ({e.dist.name if e.dist else '?'})" for e in found)
        raise PluginError(f"plugin {name!r} is claimed by several distributions: {sources}")
    return found[0]
