"""Command-line options read from the keyword parameters of a plugin's ``make``."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from textgrad_core.errors import PluginError

_READERS: Mapping[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float}


def add_make_options(parser: argparse.ArgumentParser, make: Callable[..., Any], name: str) -> None:
    """Give every keyword parameter of ``make`` an option.

    Raises:
        PluginError: If a parameter has a type no option can be read into.
    """
    group = parser.add_argument_group(f"options of {name}")
    told = argument_help(inspect.getdoc(make) or "")
    for parameter in inspect.signature(make).parameters.values():
        flag = "--" + parameter.name.replace("_", "-")
        kind = _type_name(parameter.annotation)
        required = parameter.default is inspect.Parameter.empty
        default = None if required else parameter.default
        text = told.get(parameter.name, "")
        if default is not None:
            text = f"{text} (default: {default})".strip()
        text = text.replace("%", "%%")
        if kind == "bool":
            action = argparse.BooleanOptionalAction
            group.add_argument(flag, action=action, default=default, required=required, help=text)
        elif kind in _READERS:
            metavar = {"str": "TEXT", "int": "N", "float": "X"}[kind]
            group.add_argument(
                flag,
                type=_READERS[kind],
                default=default,
                required=required,
                metavar=metavar,
                help=text,
            )
        else:
            raise PluginError(
                f"plugin {name!r}: parameter {parameter.name!r} of make() has type {kind!r}; "
                "an option can be str, int, float or bool, with | None"
            )


def make_arguments(make: Callable[..., Any], given: argparse.Namespace) -> dict[str, Any]:
    """The values of those options."""
    return {name: getattr(given, name) for name in inspect.signature(make).parameters}


def argument_help(docstring: str) -> dict[str, str]:
    """The ``Args:`` part of a Google docstring, by name."""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)+)", docstring, re.MULTILINE)
    if section is None:
        return {}
    told: dict[str, list[str]] = {}
    current: list[str] = []
    for line in section[1].splitlines():
        entry = re.match(r"^ {4}(\w+)(?: \([^)]*\))?: (.*)$", line)
        if entry:
            current = told[entry[1]] = [entry[2]]
        elif line.strip():
            current.append(line.strip())
    return {name: " ".join(lines).rstrip(".") for name, lines in told.items()}


def _type_name(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    text = text or str(annotation)
    return text.replace("Optional[", "").replace("]", "").split("|")[0].strip()
