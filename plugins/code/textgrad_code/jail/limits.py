"""Limits the kernel holds a jailed process to."""

from __future__ import annotations

import resource
import threading
from pathlib import Path

STACK_BYTES = 256 << 20  # deep recursion through C code, such as a cached function's
THREAD_STACK_BYTES = 8 << 20
MOST_THREADS = 128  # at a time, of one program
# Where the kernel counts the threads of all programs together, a bound that one of them could
# reach would starve the others; this one only spares the machine.
OF_ALL_PROGRAMS = 16384
_OPEN_FILES = 16
_PAGE = resource.getpagesize()


def mapped_bytes() -> int:
    """Address space this process has mapped.

    Raises:
        OSError: If ``/proc`` is not there.
    """
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * _PAGE


def small_thread_stacks() -> None:
    """Let a thread map 8 MiB: by default it takes the stack's limit, all the memory there is."""
    threading.stack_size(THREAD_STACK_BYTES)


def apply(*, memory_bytes: int, cpu_s: int, most_processes: int | None) -> None:
    """Set the limits of this process, for ever.

    The soft limit on CPU time ends it with ``SIGXCPU`` so that the reason can be told; the hard
    one, a second later, with ``SIGKILL`` if it blocks that signal.

    Args:
        memory_bytes: Address space, all in all.
        cpu_s: CPU seconds.
        most_processes: Threads and processes that are counted together with this one's; None
            without a bound.

    Raises:
        OSError: If a limit cannot be set.
    """
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
    }
    if most_processes is not None:
        wanted[resource.RLIMIT_NPROC] = (most_processes, most_processes)
    for which, (soft, hard) in wanted.items():
        lower(which, soft, hard)


def lower(which: int, soft: int, hard: int) -> None:
    """Set a limit, never above the one there is."""
    highest = resource.getrlimit(which)[1]
    if highest != resource.RLIM_INFINITY:
        soft, hard = min(soft, highest), min(hard, highest)
    resource.setrlimit(which, (soft, hard))


def raise_stack() -> bool:
    """Allow the stack to grow to `STACK_BYTES`, as far as this process may.

    Returns:
        Whether the limit changed; it counts from the next program this process starts, because
        that is when the kernel leaves room for the stack.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft == wanted:
        return False
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    return True
