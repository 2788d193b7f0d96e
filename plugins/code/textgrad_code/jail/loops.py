"""`asyncio` without sockets: its event loops wait by ``poll`` and are woken through a pipe.

By default a loop asks the kernel for an epoll descriptor and a pair of local sockets. Both are
large interfaces, with a history of defects that programs reached from inside of sandboxes; a pipe
and ``poll`` are what every program here has anyway.
"""

from __future__ import annotations

import importlib
import os
import selectors
import sys
from typing import Any


class _End:
    """One end of a pipe, with what a loop asks of a socket."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def recv(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def send(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)


def load_asyncio() -> None:
    """Import `asyncio`, without TLS, and have its loops use pipes from now on."""
    sys.modules["ssl"] = None  # type: ignore[assignment]  # which import takes for "not there"
    try:
        loops: Any = importlib.import_module("asyncio.selector_events")
    finally:
        del sys.modules["ssl"]
    vars(selectors)["DefaultSelector"] = selectors.PollSelector
    loops.BaseSelectorEventLoop._make_self_pipe = _make_self_pipe


def _make_self_pipe(loop: Any) -> None:
    """In place of the loop's own, which makes a pair of sockets."""
    reads, writes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    loop._ssock, loop._csock = _End(reads), _End(writes)
    loop._internal_fds += 1
    loop._add_reader(reads, loop._read_from_self)
