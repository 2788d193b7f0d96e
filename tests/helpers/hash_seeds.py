"""Running a program under several hash seeds, which may change nothing it prints."""

from __future__ import annotations

import os
import subprocess
import sys

SEEDS = ("0", "1", "4711")


def printed_under_any_seed(program: str) -> str:
    """What a program prints; fails if that depends on the hash seed."""
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in SEEDS
    }
    assert len(told) == 1, told
    return told.pop()
