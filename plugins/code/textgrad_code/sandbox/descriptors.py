"""What the parent holds of a child: its ends of pipes, and the record of how it ended."""

from __future__ import annotations

import os
from collections.abc import Iterable

from textgrad_code.jail.wire import End
from textgrad_code.sandbox.protocol import Exit

GONE = -1


def close_all(descriptors: Iterable[int]) -> None:
    """Close those that are still open."""
    for descriptor in descriptors:
        if descriptor != GONE:
            os.close(descriptor)


def exit_of(end: End) -> Exit:
    """How a process ended, as its parent in the sandbox has recorded it."""
    code = os.waitstatus_to_exitcode(end.status)
    return Exit(
        code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        cpu_s=end.cpu_s,
        peak_memory_mib=end.peak_kib / 1024,
    )
