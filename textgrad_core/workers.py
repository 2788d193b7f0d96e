"""Threads that end with the process: whoever stops need not wait for an instrument."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, TypeVar

from textgrad_core.logs import log

T = TypeVar("T")
IDLE_S = 10.0  # after which a thread without work ends


class DaemonThreads(Executor):
    """An executor whose threads do not keep the process alive.

    The standard library's pool waits for its threads when the interpreter ends, so a program that
    was interrupted would stay until its slowest measurement is done.

    Args:
        width: Threads at most; they are started as they are needed.
        name: What their names begin with.
    """

    def __init__(self, width: int, name: str) -> None:
        """Start none yet."""
        self._width, self._name = width, name
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._changed = threading.Condition()
        self._threads = self._idle = 0
        self._closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a function called in one of the threads.

        Raises:
            RuntimeError: After `shutdown`, or if the system allows no more threads.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("these threads were shut down")
            if self._idle > len(self._jobs):
                self._changed.notify()
            elif self._threads < self._width:
                self._start_one()
            self._jobs.append((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work.

        Args:
            wait: Whether to wait until all threads have ended.
            cancel_futures: Whether work that has not begun is dropped.
        """
        dropped: list[Future[Any]] = []
        with self._changed:
            self._closed = True
            while cancel_futures and self._jobs:
                dropped.append(self._jobs.popleft()[0])
            self._changed.notify_all()
        for future in dropped:
            future.cancel()
            future.set_running_or_notify_cancel()  # wakes who waits for several at once
        if wait:
            with self._changed:
                self._changed.wait_for(lambda: self._threads == 0)

    def _start_one(self) -> None:
        name = f"{self._name}-{self._threads + 1}"
        threading.Thread(target=self._work, name=name, daemon=True).start()
        self._threads += 1

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                self._changed.wait_for(lambda: self._jobs or self._closed, IDLE_S)
                self._idle -= 1
                if not self._jobs:
                    self._threads -= 1
                    self._changed.notify_all()
                    return
                future, call = self._jobs.popleft()
            _carry_out(future, call)
            del future, call  # nothing is kept alive while it waits


def _carry_out(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        log.debug("a job failed; it is raised again where its result is read", exc_info=True)
        future.set_exception(error)
        del future  # else error and future keep each other
    else:
        future.set_result(result)
