"""A process that runs a program and is not jailed: limits only."""

from __future__ import annotations

import gc
import json
import os
import resource

from textgrad_code.jail import limits, preload

PACKAGES = "TEXTGRAD_PACKAGES"
_ASSUMED_BYTES = 64 << 20  # what Python takes, where there is no /proc to ask


def main(job: int, answers: int, memory_mib: int, cpu_s: int) -> None:
    """Run one program.

    Args:
        job: Descriptor that frames are read from.
        answers: Descriptor that frames are written to.
        memory_mib: Address space beyond what Python takes.
        cpu_s: CPU seconds.
    """
    from textgrad_code.jail.driver import drive  # not where only the name above is wanted

    preload.load_packages(json.loads(os.environ.pop(PACKAGES)))
    os.environ.clear()
    try:
        mapped = limits.mapped_bytes()
    except OSError:
        mapped = _ASSUMED_BYTES
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_AS: (mapped + (memory_mib << 20),) * 2,
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
    }
    for which, (soft, hard) in wanted.items():
        limits.lower(which, soft, hard)
    gc.freeze()  # what is loaded stays: collections in the program need not look at it
    drive(job, answers)
