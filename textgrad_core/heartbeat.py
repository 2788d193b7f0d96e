"""Signs of life: what a process holds shows that it still runs, and others watch it do so.

Nobody compares the clocks of two machines: a watcher measures, with a clock of its own, how long
something has not changed before its eyes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

INTERVAL_S = 5.0
SILENT_INTERVALS = 6  # after so many without a sign, an owner is taken for dead


class Beating(Protocol):
    """What shows life at every beat."""

    def beat(self) -> bool:
        """Show it; False if there is nothing left to show it for."""
        ...


class Heart:
    """One daemon thread that lets everything beat which was started and not stopped.

    Args:
        interval_s: Seconds between beats; `INTERVAL_S`, as it is then, if None.
    """

    def __init__(self, interval_s: float | None = None) -> None:
        """Start no thread yet."""
        self._interval_s = interval_s
        self._members: list[Beating] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self, member: Beating) -> None:
        """Let it beat from now on."""
        with self._changed:
            self._members.append(member)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._beat, name="textgrad-heartbeat", daemon=True
                )
                self._thread.start()

    def stop(self, member: Beating) -> None:
        """Let it beat no more; does nothing if it does not."""
        with self._changed:
            if member in self._members:
                self._members.remove(member)
                self._changed.notify_all()

    def _beat(self) -> None:
        while True:
            with self._changed:
                interval_s = INTERVAL_S if self._interval_s is None else self._interval_s
                if self._changed.wait_for(lambda: not self._members, interval_s):
                    self._thread = None
                    return
                members = list(self._members)
            for member in members:
                if not member.beat():
                    self.stop(member)


class Watch:
    """How long files have stayed as they are, since they were first looked at.

    Args:
        clock: Seconds from any origin, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing was looked at yet."""
        self._clock = clock
        self._seen: dict[Path, tuple[bytes, float]] = {}

    def unchanged_s(self, path: Path, content: bytes) -> float:
        """Seconds since this content was first seen there; 0 if it is new."""
        now = self._clock()
        before, since = self._seen.get(path, (None, now))
        if before != content:
            since = now
            self._seen[path] = content, now
        return now - since

    def forget(self, path: Path) -> None:
        """Start anew with a file."""
        self._seen.pop(path, None)


def silence_s() -> float:
    """Seconds without a sign of life after which an owner is taken for dead."""
    return INTERVAL_S * SILENT_INTERVALS


heart = Heart()
watch = Watch()


def _after_fork() -> None:
    """A forked child holds nothing of its parent's, and has not its thread."""
    global heart  # the parent's may be locked by a thread that is not here
    heart = Heart()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
