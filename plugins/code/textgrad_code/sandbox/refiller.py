"""A thread that does for a sandbox what no program should wait for."""

from __future__ import annotations

import threading
import weakref
from queue import SimpleQueue
from typing import Protocol


class Refillable(Protocol):
    """A sandbox that keeps spares."""

    def refill(self) -> None:
        """Do what is to be done."""
        ...


class Refiller:
    """Has one fork spares; ends with it.

    Args:
        sandbox: Whose spares.
    """

    def __init__(self, sandbox: Refillable) -> None:
        self._woken: SimpleQueue[None] = SimpleQueue()
        self._sandbox = weakref.ref(sandbox, lambda _: self.wake())
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="sandbox spares", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have it look for work."""
        self._woken.put(None)

    def _run(self) -> None:
        while True:
            self._woken.get()
            while not self._woken.empty():
                self._woken.get()
            sandbox = self._sandbox()
            if self._stopped or sandbox is None:
                return
            sandbox.refill()
            del sandbox  # while waiting, it may go

    def stop(self) -> None:
        """End the thread and wait until it has."""
        self._stopped = True
        self.wake()
        if self._thread is not threading.current_thread():
            self._thread.join()
