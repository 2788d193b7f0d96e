"""Landlock: a process gives up all files but the ones it names (Linux >= 5.13).

It forbids to open and to list, not to ask whether a path exists or how large a file is; only a
root of its own hides that.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from textgrad_code.jail.libc import call

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_CREATE_VERSION, _RULE_PATH_BENEATH = 1, 1
_NO_LOG = 1  # do not write what this program was denied into the machine's audit log
_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many rights each version knows; later 16
_LATEST_FS_RIGHTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a version of Landlock can take away.

    Args:
        files: Rights on files and folders.
        network: Binding and connecting TCP (version 4).
        scopes: Abstract Unix sockets and signals to the outside (version 6).
        size: Bytes of the kernel's description that this version knows.
        restrict_flags: Passed when the process restricts itself (version 7).
    """

    files: int
    network: int
    scopes: int
    size: int
    restrict_flags: int


def rights_of(version: int) -> Rights:
    """Everything a version can take away.

    Args:
        version: Landlock's ABI version, from 1; later ones than 7 are used as 7.
    """
    return Rights(
        files=(1 << _FS_RIGHTS.get(version, _LATEST_FS_RIGHTS)) - 1,
        network=3 if version >= 4 else 0,
        scopes=3 if version >= 6 else 0,
        size=24 if version >= 6 else 16 if version >= 4 else 8,
        restrict_flags=_NO_LOG if version >= 7 else 0,
    )


def version() -> int:
    """The kernel's ABI version; 0 if Landlock is absent, off or forbidden."""
    try:
        return call("landlock_create_ruleset", 0, 0, _CREATE_VERSION)
    except OSError:
        return 0


def readable(folder: Path, hidden: Iterable[str]) -> int:
    """A rule set under which only a folder's content can be read.

    Landlock knows no exceptions, so the folder's entries are allowed one by one, and the folder
    itself cannot be listed.

    Args:
        folder: What is in it may be read.
        hidden: Names in it that may not be read.

    Returns:
        The rule set's descriptor.

    Raises:
        OSError: If the kernel refuses.
    """
    rights = rights_of(version())
    described = struct.pack("=QQQ", rights.files, rights.network, rights.scopes)
    rules = call("landlock_create_ruleset", described, rights.size, 0)
    refused = frozenset(hidden)
    for entry in os.scandir(folder):
        if entry.is_symlink() or entry.name in refused:  # Debian's library has dangling links
            continue
        _allow(rules, Path(entry.path), _READ_FILE | _READ_DIR if entry.is_dir() else _READ_FILE)
    return rules


def _allow(rules: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        call(
            "landlock_add_rule",
            rules,
            _RULE_PATH_BENEATH,
            struct.pack("=Qi", rights, descriptor),
            0,
        )
    finally:
        os.close(descriptor)


def restrict(rules: int, version: int) -> None:
    """Put a rule set on this process, for ever.

    Args:
        rules: Its descriptor.
        version: The kernel's ABI version.

    Raises:
        OSError: If the kernel refuses.
    """
    call("landlock_restrict_self", rules, rights_of(version).restrict_flags)
