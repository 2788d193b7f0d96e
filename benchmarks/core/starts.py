"""How long an interpreter takes to import a library, beyond its own start.

The interpreters are started in turn, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# Read by a library that TextGrad imports: with it, no price list is fetched at import.
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def seconds(command: Sequence[str], folder: Path, path: Path | None, timeout_s: float) -> float:
    """Wall seconds of one start, in a folder that may be written to."""
    settings = {**os.environ, **OFFLINE}
    settings.pop("PYTHONPATH", None)
    if path is not None:
        settings["PYTHONPATH"] = str(path)
    begun = time.perf_counter()
    subprocess.run(
        command, cwd=folder, env=settings, check=True, capture_output=True, timeout=timeout_s
    )
    return time.perf_counter() - begun


def extra_seconds(
    programs: Mapping[str, tuple[str, str, Path | None]], runs: int, timeout_s: float = 120.0
) -> dict[str, float]:
    """Median seconds an import adds to a bare start.

    Args:
        programs: From a label to interpreter, module and what goes on the path.
        runs: How often each is started; once more before, so that files are compiled and cached.
        timeout_s: The longest a start may take.
    """
    extra: dict[str, list[float]] = {label: [] for label in programs}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(runs + 1):
            for label, (python, module, path) in programs.items():
                bare = seconds([python, "-c", "pass"], Path(folder), path, timeout_s)
                full = seconds([python, "-c", f"import {module}"], Path(folder), path, timeout_s)
                if turn:
                    extra[label].append(full - bare)
    return {label: statistics.median(values) for label, values in extra.items()}
