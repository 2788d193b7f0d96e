"""Ctrl-C and termination, also while foreign code holds the handlers.

Native libraries put their own handler for Ctrl-C in place while they compute (RDKit does), and
swallow the one that comes then. So the command blocks the signal in every thread and waits for
it in one that does nothing else; no handler, whoever's it is, is ever run by the system.
"""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """A termination signal: handled like Ctrl-C, with an exit code of its own."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt and a termination signal raises `Terminated`.

    Processes started inside inherit the blocked Ctrl-C: who starts one stops it in
    `Domain.close`.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    if not hasattr(signal, "pthread_sigmask"):
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_watch, name="ctrl-c", daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _watch() -> None:
    while True:
        signal.sigwait({signal.SIGINT})
        _thread.interrupt_main(signal.SIGINT)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated(f"signal {number}, at line {frame.f_lineno if frame else 0}")
