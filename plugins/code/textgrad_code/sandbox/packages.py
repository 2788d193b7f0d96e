"""Packages that programs may use, found where this process would import them from."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ALLOWED_PACKAGES = ("sortedcontainers",)  # pure Python, and LeetCode offers it


def found_packages(names: tuple[str, ...] = ALLOWED_PACKAGES) -> tuple[tuple[str, str], ...]:
    """Name and folder of those that are installed; nothing is imported."""
    found = []
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            place = Path(spec.origin)
            folder = place.parent.parent if spec.submodule_search_locations else place.parent
            found.append((name, str(folder)))
    return tuple(found)
