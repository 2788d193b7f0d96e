"""The settings of a run as a page shows them: flat, without secrets, versions apart."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping

WITHHELD = "(withheld)"
# Whole words only: "max_tokens" is a setting, "token" is a secret.
_SECRET_NAME = re.compile(
    r"(^|[_\-.])(api[_-]?key|apikey|secret|password|passwd|authorization|credentials?|"
    r"(access|auth|bearer)[_-]?token|token)$",
    re.IGNORECASE,
)
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def without_secrets(value: object, name: str = "") -> object:
    """The same settings with secrets withheld, by their name or inside an address.

    Secrets are not meant to be in the settings at all; a report is mailed around, so it looks
    again.
    """
    if value is not None and _SECRET_NAME.search(name):
        return WITHHELD
    match value:
        case str():
            return _USER_IN_ADDRESS.sub(WITHHELD, value)
        case Mapping():
            return {k: without_secrets(v, str(k)) for k, v in value.items()}
        case list() | tuple():
            return [without_secrets(v) for v in value]
    return value


def command_of(settings: Mapping[str, object]) -> str:
    """The command line that made the run, if the settings hold one under ``command``."""
    match without_secrets(settings.get("command")):
        case str() as line:
            return line
        case [*words] if words:
            return shlex.join(str(w) for w in words)
    return ""


def flat_settings(settings: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Dotted names and values of everything but the command and the versions."""
    return tuple(
        (".".join(path), _shown(value))
        for path, value in _leaves(without_secrets(settings), ())
        if path != ("command",) and path[:1] != ("command",) and "versions" not in path[:-1]
    )


def versions_of(settings: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """What the settings hold under any mapping named ``versions``."""
    found = {
        path[-1]: _shown(value)
        for path, value in _leaves(without_secrets(settings), ())
        if "versions" in path[:-1]
    }
    return tuple(sorted(found.items()))


def _leaves(value: object, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping) and (value or not path):
        for name, part in value.items():
            yield from _leaves(part, (*path, str(name)))
    else:
        yield path, value


def _shown(value: object) -> str:
    match value:
        case str():
            return value
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False, default=str)
