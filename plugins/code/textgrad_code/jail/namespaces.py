"""Namespaces of our own and a root that holds nothing but Python's standard library."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from textgrad_code.jail.libc import call
from textgrad_code.jail.missing import MissingPrimitive
from textgrad_code.jail.privileges import NOBODY, may_mount

_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_ALL = _NEWNS | _NEWCGROUP | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_ATTR_RDONLY_NOSUID_NODEV_NOEXEC = 1 | 2 | 4 | 8
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_FROM_DESCRIPTOR = 4
_NOWHERE = ctypes.create_string_buffer(b"")


def enter(library: Path, masked: Iterable[str]) -> None:
    """Leave every namespace of the host; the process-id one begins with the next fork.

    Root builds the new root before it drops its user, so that an interpreter in a home that
    others cannot read works too.

    Args:
        library: The standard library's folder, real path. It stays where it was.
        masked: Folders in it that are made empty.

    Raises:
        MissingPrimitive: Naming the step that this machine refuses.
    """
    _unshare()
    try:
        _build_root(library, masked)
    except OSError as error:
        raise MissingPrimitive("mounts", str(error)) from error
    try:
        socket.sethostname("localhost")
    except OSError as error:
        raise MissingPrimitive("namespaces", f"sethostname: {error}") from error


def _unshare() -> None:
    try:
        if may_mount():
            call("unshare", _ALL)
            return
        user, group = os.getuid(), os.getgid()
        call("unshare", _ALL | _NEWUSER)
    except OSError as error:
        raise MissingPrimitive("namespaces", str(error)) from error
    try:
        _write("setgroups", "deny")
        _write("uid_map", f"{NOBODY} {user} 1")
        _write("gid_map", f"{NOBODY} {group} 1")
    except OSError as error:
        raise MissingPrimitive("namespaces", f"mapping the user: {error}") from error


def _write(name: str, text: str) -> None:
    Path("/proc/self", name).write_text(text, encoding="ascii")


def _build_root(library: Path, masked: Iterable[str]) -> None:
    """A small read-only file system, mounted over the library and then made the root.

    The library's own folder serves as the place to mount on because it surely exists.
    """
    _mount(b"none", Path("/"), b"", _MS_REC | _MS_PRIVATE, b"")
    tree = call("open_tree", _AT_FDCWD, os.fsencode(library), _OPEN_TREE_CLONE | _AT_RECURSIVE)
    nothing_special = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _mount(b"tmpfs", library, b"tmpfs", nothing_special, b"size=1m,mode=755")
    inside = Path(f"{library}{library}")
    inside.mkdir(parents=True)
    call("move_mount", tree, _NOWHERE, _AT_FDCWD, os.fsencode(inside), _MOVE_MOUNT_FROM_DESCRIPTOR)
    os.close(tree)
    for name in masked:
        if (inside / name).is_dir():
            flags = nothing_special | _MS_RDONLY
            _mount(b"tmpfs", inside / name, b"tmpfs", flags, b"size=4k,mode=755")
    attributes = struct.pack("=QQQQ", _ATTR_RDONLY_NOSUID_NODEV_NOEXEC, 0, 0, 0)
    call(
        "mount_setattr",
        _AT_FDCWD,
        os.fsencode(library),
        _AT_RECURSIVE,
        attributes,
        len(attributes),
    )
    os.chdir(library)
    call("pivot_root", b".", b".")
    call("umount2", b".", _MNT_DETACH)
    os.chdir("/")


def _mount(source: bytes, target: Path, kind: bytes, flags: int, options: bytes) -> None:
    call("mount", source, os.fsencode(target), kind, flags, options)
