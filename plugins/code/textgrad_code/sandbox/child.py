"""The parent's hold on one jailed process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import time
from collections.abc import Callable
from pathlib import Path

from textgrad_code.errors import SandboxFailed
from textgrad_code.jail.wire import END_BYTES, ENDED, NOT_BEGUN, NOT_BEGUN_BYTES, End
from textgrad_code.sandbox.inputs import input_file
from textgrad_code.sandbox.protocol import ChildLimits, Exit, Usage

_GONE = -1
_CPU_CLOCK = 2  # the kernel's number of a process's clock is made of its id and this
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class JailedChild:
    """One process that runs one program; see `textgrad_code.sandbox.protocol.Child`.

    Attributes:
        lost_server: Whether its fork server was seen to end before it, or could not fork it.
        no_greeting: Set by its user if it never spoke: its fork server may be stuck.

    Args:
        run: Its number with the fork server.
        limits: What the kernel holds it to.
        kill: Ends the run of that number.
        closed: Called once, when the descriptors are closed.
    """

    def __init__(
        self,
        run: int,
        limits: ChildLimits,
        kill: Callable[[int], None],
        closed: Callable[[JailedChild], None],
    ) -> None:
        """Make the four pipes and the input; `far_ends` go to the child."""
        self.run, self.limits = run, limits
        self._kill, self._closed = kill, closed
        self._exit: Exit | None = None
        self.lost_server = self.no_greeting = False
        pipes: list[int] = []
        try:
            for _ in range(4):
                pipes += os.pipe()
            pipes += input_file()
            self._owned = os.dup(pipes[0])
        except OSError as error:
            _close(pipes)
            raise SandboxFailed(f"no pipes for a program: {error}") from error
        job_end, self.job_fd, self.answer_fd, answer_end = pipes[:4]
        self.output_fd, output_end, self.exit_fd, exit_end, self.input_fd, input_end = pipes[4:]
        self.far_ends = [job_end, answer_end, output_end, input_end, exit_end]
        os.set_blocking(self.job_fd, False)
        os.set_blocking(self.exit_fd, False)

    def sent(self) -> None:
        """Close the ends that the child has now."""
        _close(self.far_ends)
        self.far_ends = []

    def exit(self) -> Exit | None:
        """How it ended; None while it runs.

        Raises:
            SandboxFailed: If it was never started, or its fork server ended before it.
        """
        if self._exit is not None:
            return self._exit
        if self.exit_fd == _GONE:
            raise SandboxFailed("the sandbox was closed while a program ran in it")
        try:
            got = os.read(self.exit_fd, NOT_BEGUN_BYTES + END_BYTES)
        except BlockingIOError:
            return None
        if got.startswith(NOT_BEGUN):
            self.lost_server = True
            text = got[1:NOT_BEGUN_BYTES].split(b"\0")[0].decode(errors="replace")
            raise SandboxFailed(f"a program could not be started in the sandbox: {text}")
        if not got.startswith(ENDED) or len(got) < END_BYTES:
            self.lost_server = True
            raise SandboxFailed("the sandbox's fork server ended while a program ran in it")
        self._exit = _as_exit(End.unpack(got[:END_BYTES]))
        return self._exit

    def is_waiting(self) -> bool:
        """Whether nothing has been heard of its end."""
        waiting = select.poll()
        waiting.register(self.exit_fd, select.POLLIN)
        return not waiting.poll(0)

    def usage(self) -> Usage | None:
        """What it has used so far, as the kernel tells anybody; None if that cannot be known."""
        process = fcntl.fcntl(self._owned, fcntl.F_GETOWN)
        if process <= 0:
            return None
        try:
            cpu_s = time.clock_gettime(~process << 3 | _CPU_CLOCK)
            status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        waited_s = _waited_s(process)
        peak_kib = _PEAK.search(status)
        if peak_kib is None or not self.is_waiting():  # its number could be another's by now
            return None
        return Usage(cpu_s=cpu_s, peak_memory_mib=int(peak_kib[1]) / 1024, waited_s=waited_s)

    def threads(self) -> int | None:
        """How many it has, also if its first one has ended; None if that cannot be known."""
        process = fcntl.fcntl(self._owned, fcntl.F_GETOWN)
        if process <= 0:
            return None
        try:
            folders = Path(f"/proc/{process}/task").stat().st_nlink
        except OSError:
            return None
        return folders - 2 if self.is_waiting() else None

    def kill(self) -> None:
        """End it at once; harmless if it has ended."""
        if self._exit is None and self.exit_fd != _GONE:
            self._kill(self.run)

    def close(self) -> None:
        """Kill it if it still runs and close the descriptors."""
        if self.exit_fd == _GONE:
            return
        with contextlib.suppress(SandboxFailed):
            if self.exit() is None:
                self.kill()
        self.abandon()
        self._closed(self)

    def abandon(self) -> None:
        """Close the descriptors and tell nobody: in a fork, the process is another's."""
        _close([self.job_fd, self.answer_fd, self.output_fd, self.exit_fd, *self.far_ends])
        _close([self.input_fd, self._owned])
        self._owned = self.input_fd = _GONE
        self.job_fd = self.answer_fd = self.output_fd = self.exit_fd = _GONE
        self.far_ends = []


def _waited_s(process: int) -> float:
    """How long its first thread was ready to run and had no processor; 0 if nobody counts."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _as_exit(end: End) -> Exit:
    code = os.waitstatus_to_exitcode(end.status)
    return Exit(
        code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        cpu_s=end.cpu_s,
        peak_memory_mib=end.peak_kib / 1024,
    )


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        if descriptor != _GONE:
            os.close(descriptor)
