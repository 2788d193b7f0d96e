"""The parent's hold on one fork server: start it, give it orders, end it."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import tempfile
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from textgrad_code.errors import SandboxFailed
from textgrad_code.jail import bootstrap
from textgrad_code.jail.wire import (
    DRIVER,
    GREETING_BYTES,
    KILL,
    LAUNCH,
    READY,
    Order,
)
from textgrad_code.sandbox.child import JailedChild
from textgrad_code.sandbox.protocol import ChildLimits, Tier

START_S = 60.0  # a loaded machine; a fork server is ready after a tenth of a second
ORDER_S = 10.0
DRIVER_FUNCTION = "textgrad_code.jail.driver:drive"
_LIBRARY_PATH = "LD_LIBRARY_PATH"  # some interpreters find their own library by it alone
_RUNS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZygoteSettings:
    """What a fork server is.

    Args:
        tier: Isolation of its children.
        python: The interpreter it runs on.
        packages: Import names and folders of the packages programs may use.
        driver: ``module:function`` that its children run.
    """

    tier: Tier
    python: str
    packages: tuple[tuple[str, str], ...] = ()
    driver: str = DRIVER_FUNCTION


@dataclass(frozen=True, slots=True)
class Missing:
    """One primitive that this machine lacks.

    Args:
        primitive: Which one.
        detail: What the kernel said.
    """

    primitive: str
    detail: str


class CannotStart(SandboxFailed):
    """A fork server refused to start.

    Args:
        missing: What it lacked.
    """

    def __init__(self, missing: tuple[Missing, ...]) -> None:
        """Keep what is missing."""
        super().__init__("; ".join(f"{m.primitive}: {m.detail}" for m in missing))
        self.missing = missing

    def __reduce__(self) -> tuple[type[CannotStart], tuple[tuple[Missing, ...]]]:
        """Travel between processes with every field."""
        return type(self), (self.missing,)


class TakesNoOrders(SandboxFailed):
    """A fork server is gone or stuck; another one may do."""


class Zygote:
    """A running fork server. Orders may come from any thread.

    Args:
        settings: What it is.

    Raises:
        CannotStart: If this machine lacks what the tier is made of.
    """

    def __init__(self, settings: ZygoteSettings) -> None:
        """Start it and wait until it is ready."""
        self.settings = settings
        try:
            self._orders, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise SandboxFailed(f"no socket for the sandbox's fork server: {error}") from error
        try:
            with far, tempfile.TemporaryFile() as errors:
                self._begin(far, errors)
        except OSError as error:
            self._orders.close()
            raise SandboxFailed(f"no file for the fork server's errors: {error}") from error

    def _begin(self, far: socket.socket, errors: Any) -> None:
        """Start the process and wait until it is ready."""
        try:
            self.process = _start(self.settings, far, errors.fileno())
        except OSError as error:
            self._orders.close()
            missing = Missing("interpreter", f"{self.settings.python}: {error}")
            raise CannotStart((missing,)) from error
        far.close()
        try:
            self.greeting = self._greet()
        except CannotStart:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise CannotStart((_silent(self.settings, error, errors),)) from error

    def _greet(self) -> dict[str, Any]:
        """Send the settings, read how the start went."""
        self._orders.settimeout(START_S)
        sent = {
            "tier": self.settings.tier,
            "driver": self.settings.driver,
            "packages": self.settings.packages,
        }
        self._orders.send(json.dumps(sent).encode())
        answer = self._orders.recv(GREETING_BYTES)
        self._orders.settimeout(ORDER_S)
        if not answer:
            raise ConnectionResetError("it ended without a word")
        said: dict[str, Any] = json.loads(answer[1:])
        if answer[:1] != READY:
            raise CannotStart(tuple(Missing(*m) for m in said["missing"]))
        return said

    @property
    def is_running(self) -> bool:
        """Whether the process is there; orders may fail nevertheless."""
        return self.process.poll() is None

    def launch(
        self,
        limits: ChildLimits,
        closed: Callable[[JailedChild], None],
        leaves: Callable[[JailedChild], bool],
        entry: int = DRIVER,
    ) -> JailedChild:
        """A new child.

        Raises:
            TakesNoOrders: If the fork server is gone.
            SandboxFailed: If this process is out of descriptors.
        """
        child = JailedChild(next(_RUNS), limits, self.kill, closed, leaves)
        order = Order(
            kind=LAUNCH,
            run=child.run,
            entry=entry,
            memory_mib=limits.memory_mib,
            cpu_s=max(1, ceil(limits.cpu_s)),
        )
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", child.far_ends))]
            self._orders.sendmsg([order.pack()], rights, socket.MSG_NOSIGNAL)
        except OSError as error:
            child.abandon()
            raise TakesNoOrders(f"the sandbox's fork server takes no orders: {error}") from error
        child.sent()
        return child

    def kill(self, run: int) -> None:
        """End a run; harmless if it or the whole fork server has ended."""
        try:
            self._orders.send(Order(kind=KILL, run=run).pack(), socket.MSG_NOSIGNAL)
        except OSError:
            if self.is_running:  # it takes no orders: then nothing of it may go on
                self.process.kill()

    def close(self) -> None:
        """End it and every child of it, and wait until it is gone."""
        self._orders.close()
        try:
            self.process.wait(ORDER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def abandon(self) -> None:
        """Forget it: in a fork of this process, it belongs to the other one."""
        self._orders.close()
        self.process.returncode = 0  # not this process's child: nothing to wait for


def _start(settings: ZygoteSettings, far: socket.socket, errors: int) -> subprocess.Popen[bytes]:
    environment = {"PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1"}
    if _LIBRARY_PATH in os.environ:
        environment[_LIBRARY_PATH] = os.environ[_LIBRARY_PATH]
    script = str(Path(bootstrap.__file__).resolve())
    command = [settings.python, "-S", "-s", "-P", script, "zygote:main", str(far.fileno())]
    return subprocess.Popen(
        command,
        env=environment,
        cwd="/",
        pass_fds=[far.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,  # a Ctrl-C is for the user's program, which ends it in order
    )


def _silent(settings: ZygoteSettings, error: OSError, errors: Any) -> Missing:
    """What is known about a fork server that never spoke."""
    errors.seek(0)
    lines = errors.read(1 << 16).decode(errors="replace").strip().splitlines()
    return Missing("interpreter", f"{settings.python}: {lines[-1] if lines else error}")
