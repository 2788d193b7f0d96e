"""Giving up rights: root's uid, capabilities, life after the parent."""

from __future__ import annotations

import os
import signal
import stat
import struct
from pathlib import Path

from textgrad_code.jail.libc import call, prctl

NOBODY = 65534

_CAPABILITY_VERSION_3 = 0x20080522
_CAP_SYS_ADMIN = 21
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def may_mount() -> bool:
    """Whether this process may build mount namespaces without a user namespace first."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = next(x for x in status.splitlines() if x.startswith("CapEff:")).split()[1]
    return bool(int(effective, 16) >> _CAP_SYS_ADMIN & 1)


def readable_by_all(folder: Path) -> bool:
    """Whether a user without rights of his own can read a folder: its way there counts too."""
    return all(p.stat().st_mode & stat.S_IXOTH for p in (folder, *folder.parents)) and bool(
        folder.stat().st_mode & stat.S_IROTH
    )


def become_nobody() -> bool:
    """Leave root's user and groups for ever; False if this process is not allowed to."""
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except PermissionError:
        return False
    return True


def drop_capabilities() -> None:
    """Empty every capability set of this process.

    Raises:
        OSError: If the kernel refuses.
    """
    call("capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def die_with(parent: int) -> None:
    """End this process when the thread that forked it ends; at once if it has already.

    To be called after the last change of user, which makes the kernel forget it.

    Args:
        parent: What ``getppid`` must say; 0 if the parent is outside of the namespace.
    """
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def hide_memory() -> None:
    """No core dump, and no reading of this process by others of the same user."""
    prctl(_PR_SET_DUMPABLE, 0)
