"""System calls that Python has no name for, by number, through libc's ``syscall``."""

from __future__ import annotations

import ctypes
import os
import struct
from functools import cache

from textgrad_code.jail.syscalls import Architecture, architecture_of

_LIBC = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
if _LIBC is not None:
    _LIBC.syscall.restype = ctypes.c_long


@cache
def this_architecture() -> Architecture | None:
    """The system-call numbers of this process; None if they are not known."""
    if struct.calcsize("P") != 8 or os.name != "posix":
        return None
    return architecture_of(os.uname().machine)


def call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    """Make one system call.

    Args:
        name: Its name in the kernel's table.
        arguments: Integers, or bytes whose address is passed.

    Raises:
        OSError: With the kernel's error number, naming the call.
    """
    architecture = this_architecture()
    if architecture is None or _LIBC is None:
        raise OSError(f"{name}: system calls of this machine are not known")
    passed = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = _LIBC.syscall(ctypes.c_long(architecture.numbers[name]), *passed)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def prctl(option: int, *arguments: int) -> int:
    """One ``prctl``; all five arguments are passed, since some options check the unused ones.

    Raises:
        OSError: With the kernel's error number.
    """
    return call("prctl", option, *(*arguments, 0, 0, 0, 0)[:4])
