"""What the headers of a server's answer say about waiting and about its limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from textgrad_core.engine.protocol import Headroom


def wait_asked_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds a server asks to wait; None if it does not say, or says nonsense.

    Args:
        headers: Of its answer, with names in lower case or found whatever their case.
        now: Seconds since the epoch, for a server that names a date.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        said = headers.get(name, "").strip()
        try:
            seconds = float(said) * unit
        except ValueError:
            continue
        if 0 <= seconds < math.inf:
            return seconds
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError, IndexError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - now)


def headroom(headers: Mapping[str, str]) -> Headroom | None:
    """What the usual rate-limit headers say is left; None if they say nothing."""
    left = [
        int(text)
        if (text := headers.get(f"x-ratelimit-remaining-{what}", "")).isdecimal()
        else None
        for what in ("requests", "tokens")
    ]
    if left == [None, None]:
        return None
    return Headroom(requests=left[0], tokens=left[1])
