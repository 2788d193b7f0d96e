"""Threads of one program counted by themselves: by a user namespace of its own.

Linux 5.14 and later count the processes and threads of a user in every user namespace anew;
earlier ones count all that a user has on the machine.
"""

from __future__ import annotations

import os
import resource

from textgrad_code.jail.libc import call
from textgrad_code.jail.privileges import drop_capabilities

_NEWUSER = 0x10000000


def begin() -> bool:
    """Count this process and what it starts apart from everything else, from now on.

    Returns:
        False if the kernel gives out no more namespaces; nothing has changed then.

    Raises:
        OSError: If the rights that come with a namespace cannot be given up.
    """
    try:
        call("unshare", _NEWUSER)
    except OSError:
        return False
    drop_capabilities()
    return True


def is_offered() -> bool:
    """Whether `begin` does what it says here: tried by a process that may have one child.

    Raises:
        OSError: If no process can be started.
    """
    process = os.fork()
    if process == 0:
        try:
            os._exit(0 if _may_have_just_one_child() else 1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def _may_have_just_one_child() -> bool:
    """With a limit of two: others of this user exceed it if counted, and root obeys none."""
    if not begin():
        return False
    resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))
    started = [_start(), _start()]  # each counts until it is waited for
    for child in filter(None, started):
        os.waitpid(child, 0)
    return started[0] is not None and started[1] is None


def _start() -> int | None:
    """Process id of a child that ends at once; None if there may be no more."""
    try:
        child = os.fork()
    except OSError:
        return None
    if child == 0:
        os._exit(0)
    return child
