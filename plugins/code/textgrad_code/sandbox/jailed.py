"""A sandbox of jailed children: spares waiting, a fork server that is replaced when it ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from collections import deque

from textgrad_code.errors import SandboxFailed
from textgrad_code.jail.wire import DRIVER, SPARE
from textgrad_code.sandbox.child import JailedChild
from textgrad_code.sandbox.protocol import ChildLimits, Tier
from textgrad_code.sandbox.refiller import Refiller
from textgrad_code.sandbox.zygote import TakesNoOrders, Zygote, ZygoteSettings

SPARES = 2
RUNS_PER_ZYGOTE = 5000
MOST_LEAVING = 4  # children that wait to be closed, each with its descriptors
READY_S = 1.0


class JailedSandbox:
    """Starts jailed children; see `textgrad_code.sandbox.protocol.Sandbox`.

    Children with the limits last asked for are forked in advance, when another one is closed,
    by a thread of the sandbox, so that nobody waits for it.

    Args:
        settings: The fork server's; it is started by the first launch.
        spares: How many children wait for a program.
        runs_per_zygote: Launches after which the fork server is replaced.
    """

    def __init__(
        self,
        settings: ZygoteSettings,
        *,
        spares: int = SPARES,
        runs_per_zygote: int = RUNS_PER_ZYGOTE,
    ) -> None:
        self.tier: Tier = settings.tier
        self.settings = settings
        self._spares_wanted, self._runs_per_zygote = spares, runs_per_zygote
        self._reset()
        _OPEN.add(self)

    def _reset(self) -> None:
        """As if nothing had been started."""
        self._lock = threading.RLock()
        self._zygote: Zygote | None = None
        self._launched = 0
        self._limits: ChildLimits | None = None
        self._spares: deque[JailedChild] = deque()
        self._leaving: deque[JailedChild] = deque()
        self._children: dict[int, tuple[JailedChild, Zygote]] = {}
        self._closed = False
        self._refiller: Refiller | None = None

    def start(self) -> Zygote:
        """The fork server, started if there is none.

        Raises:
            CannotStart: If it cannot be started.
        """
        with self._lock:
            if self._closed:
                raise SandboxFailed("the sandbox is closed; open another one")
            if self._zygote is not None and not self._zygote.is_running:
                self._retire()
            if self._zygote is None:
                self._zygote, self._launched = Zygote(self.settings), 0
            return self._zygote

    def counts_each_program(self) -> bool:
        """Whether the kernel counts the threads of each program by themselves.

        Raises:
            CannotStart: If the fork server cannot be started.
        """
        return bool(self.start().greeting["own_count"])

    def launch(self, limits: ChildLimits) -> JailedChild:
        """A jailed process that runs the driver.

        Raises:
            SandboxFailed: If none could be started.
        """
        with self._lock:
            self._limits = limits
            while self._spares:
                spare = self._spares.popleft()
                if spare.limits == limits and spare.is_waiting():
                    return spare
                self._discard(spare)
            return self._launch(limits)

    def launch_entry(self, limits: ChildLimits, entry: int) -> JailedChild:
        """A jailed process that runs something else than the driver."""
        with self._lock:
            return self._launch(limits, entry)

    def _launch(self, limits: ChildLimits, entry: int = DRIVER) -> JailedChild:
        if self._launched >= self._runs_per_zygote:
            self._retire()
        used = self.start()
        try:
            child = used.launch(limits, self._forget, self._leaves, entry)
        except TakesNoOrders:  # it has just ended: another one, once
            self._retire()
            used = self.start()
            child = used.launch(limits, self._forget, self._leaves, entry)
        self._launched += 1
        self._children[child.run] = child, used
        return child

    def _retire(self) -> None:
        """Use the fork server no longer; it ends with the last of its children."""
        zygote, self._zygote = self._zygote, None
        while self._spares:
            self._discard(self._spares.popleft())
        if zygote is not None:
            self._end_unless_used(zygote)

    def _discard(self, spare: JailedChild) -> None:
        """Close a spare without preparing another one."""
        del self._children[spare.run]
        spare.close()

    def _end_unless_used(self, zygote: Zygote) -> None:
        if not any(z is zygote for _, z in self._children.values()):
            zygote.close()

    def _forget(self, child: JailedChild) -> None:
        """Close a child's descriptors, and have the next one prepared by another thread."""
        with self._lock:  # no fork of this process finds half of them closed
            child.abandon()
            _, zygote = self._children.pop(child.run, (None, None))
            if zygote is None:
                return
            if child.no_greeting and not child.lost_server:
                zygote.process.kill()  # it does not answer: nothing of it may go on
            if (child.lost_server or child.no_greeting) and zygote is self._zygote:
                self._retire()  # at once: its spares die a moment after it
            elif zygote is not self._zygote:
                self._end_unless_used(zygote)
            else:
                self._wake_refiller()

    def _leaves(self, child: JailedChild) -> bool:
        """Have a child closed by the sandbox's thread, if it has one and is not behind."""
        with self._lock:
            if self._closed or not self._spares_wanted or len(self._leaving) >= MOST_LEAVING:
                return False
            self._leaving.append(child)
            self._wake_refiller()
            return True

    def _wake_refiller(self) -> None:
        if self._spares_wanted and not self._closed:
            self._refiller = self._refiller or Refiller(self)
            self._refiller.wake()

    def refill(self) -> None:
        """Close the children that leave, then fork spares, if some are missing."""
        while self._leaving:
            with contextlib.suppress(IndexError):  # another thread took it
                self._leaving.popleft().close()
        with contextlib.suppress(SandboxFailed, OSError):  # the next launch tells it
            while (spare := self._new_spare()) is not None:
                spare.wait_for_word(READY_S)
                self._keep(spare)

    def _new_spare(self) -> JailedChild | None:
        with self._lock:
            wanted = not self._closed and len(self._spares) < self._spares_wanted
            if not wanted or self._limits is None:
                return None
            return self._launch(self._limits, SPARE)

    def _keep(self, spare: JailedChild) -> None:
        """Put a spare with the others, unless the sandbox or its fork server went meanwhile."""
        with self._lock:
            if self._closed:
                spare.abandon()
            elif self._children[spare.run][1] is not self._zygote:
                spare.close()
            else:
                self._spares.append(spare)

    def close(self) -> None:
        """End every process of the sandbox; idempotent. Children in use say they failed."""
        with self._lock:
            self._closed = True
            zygotes = {id(z): z for _, z in self._children.values()}
            if self._zygote is not None:
                zygotes[id(self._zygote)] = self._zygote
            self._zygote = None
            self._children.clear()
            for left in (self._spares, self._leaving):
                while left:
                    left.popleft().abandon()
            for zygote in zygotes.values():
                zygote.close()
            refiller, self._refiller = self._refiller, None
        if refiller is not None:
            refiller.stop()
        _OPEN.discard(self)

    def hold_still(self) -> None:
        """Wait until no other thread is starting anything, and let none."""
        self._lock.acquire()

    def go_on(self) -> None:
        """Undo `hold_still`."""
        self._lock.release()

    def abandon(self) -> None:
        """In a fork of this process: close what belongs to the other one, start anew."""
        for child, zygote in self._children.values():
            child.abandon()
            zygote.abandon()
        if self._zygote is not None:
            self._zygote.abandon()
        self._reset()


_OPEN: weakref.WeakSet[JailedSandbox] = weakref.WeakSet()


class _Forks:
    """Around a fork of this process, nobody is starting anything.

    Otherwise the fork would inherit pipes and sockets that nobody has noted yet, and hold them
    open for ever.
    """

    def __init__(self) -> None:
        self.one_at_a_time = threading.Lock()
        self.held: list[JailedSandbox] = []

    def before(self) -> None:
        self.one_at_a_time.acquire()
        for sandbox in list(_OPEN):
            sandbox.hold_still()
            self.held.append(sandbox)

    def in_parent(self) -> None:
        while self.held:
            self.held.pop().go_on()
        self.one_at_a_time.release()

    def in_child(self) -> None:
        for sandbox in list(_OPEN):
            sandbox.abandon()
        self.one_at_a_time, self.held = threading.Lock(), []


def _close_all() -> None:
    for sandbox in list(_OPEN):
        sandbox.close()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    _FORKS = _Forks()
    os.register_at_fork(
        before=_FORKS.before,
        after_in_parent=_FORKS.in_parent,
        after_in_child=_FORKS.in_child,
    )
