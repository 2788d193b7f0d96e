"""The parent's hold on one jailed process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from textgrad_code.errors import SandboxFailed
from textgrad_code.jail.wire import END_BYTES, ENDED, NOT_BEGUN, NOT_BEGUN_BYTES, End
from textgrad_code.sandbox.descriptors import GONE, close_all, exit_of
from textgrad_code.sandbox.inputs import input_file
from textgrad_code.sandbox.protocol import ChildLimits, Exit, Usage

_CPU_CLOCK = 2  # the kernel's number of a process's clock is made of its id and this
_PEAK = b"\nVmHWM:"
_WORD_BYTES = 1 << 12  # of a greeting
_STATUS_BYTES = 1 << 13  # the kernel's page of text about a process; it has 1.5 KiB


class JailedChild:
    """One process that runs one program; see `textgrad_code.sandbox.protocol.Child`.

    Attributes:
        lost_server: Whether its fork server was seen to end before it, or could not fork it.
        no_greeting: Set by its user if it never spoke: its fork server may be stuck.

    Args:
        run: Its number with the fork server.
        limits: What the kernel holds it to.
        kill: Ends the run of that number.
        closed: Called once, to close the descriptors by `abandon`.
        leaves: Takes a child that may be closed later; false if it does not.
    """

    def __init__(
        self,
        run: int,
        limits: ChildLimits,
        kill: Callable[[int], None],
        closed: Callable[[JailedChild], None],
        leaves: Callable[[JailedChild], bool],
    ) -> None:
        """Make the five pipes and the input; `far_ends` go to the child."""
        self.run, self.limits = run, limits
        self._kill, self._closed, self._leaves = kill, closed, leaves
        self._exit: Exit | None = None
        self._schedule = self._status = self._clock = GONE
        self.lost_server = self.no_greeting = False
        self.heard = b""
        self.at_rest: tuple[float, float] | None = None
        pipes: list[int] = []
        try:
            for _ in range(5):
                pipes += os.pipe()
            pipes += input_file()
            self._owned = os.dup(pipes[0])
        except OSError as error:
            close_all(pipes)
            raise SandboxFailed(f"no pipes for a program: {error}") from error
        job_end, self.job_fd, self.answer_fd, answer_end = pipes[:4]
        self.output_fd, output_end, self.printed_fd, printed_end = pipes[4:8]
        self.exit_fd, exit_end, self.input_fd, input_end = pipes[8:]
        self.far_ends = [job_end, answer_end, output_end, printed_end, input_end, exit_end]
        os.set_blocking(self.job_fd, False)
        os.set_blocking(self.exit_fd, False)

    def sent(self) -> None:
        """Close the ends that the child has now."""
        close_all(self.far_ends)
        self.far_ends = []

    def exit(self) -> Exit | None:
        """How it ended; None while it runs.

        Raises:
            SandboxFailed: If it was never started, or its fork server ended before it.
        """
        if self._exit is not None:
            return self._exit
        if self.exit_fd == GONE:
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
        self._exit = exit_of(End.unpack(got[:END_BYTES]))
        return self._exit

    def wait_for_word(self, seconds: float) -> None:
        """Wait until it has spoken or ended; open what is known about it from outside."""
        waiting = select.poll()
        waiting.register(self.answer_fd, select.POLLIN)
        if waiting.poll(seconds * 1000):
            self.heard = os.read(self.answer_fd, _WORD_BYTES)
            self.at_rest = self.waited_s(), self.cpu_s()
        with contextlib.suppress(OSError):
            self._open_status()

    def is_waiting(self) -> bool:
        """Whether nothing has been heard of its end."""
        waiting = select.poll()
        waiting.register(self.exit_fd, select.POLLIN)
        return not waiting.poll(0)

    def usage(self) -> Usage | None:
        """What it has used so far, as the kernel tells anybody; None if that cannot be known."""
        cpu_s = self.cpu_s()
        try:
            status = os.pread(self._open_status(), _STATUS_BYTES, 0)
        except OSError:
            return None
        _, _, peak = status.partition(_PEAK)
        if not peak or not cpu_s or not self.is_waiting():  # its number may be another's
            return None
        return Usage(cpu_s=cpu_s, peak_memory_mib=int(peak.split(maxsplit=1)[0]) / 1024)

    def waited_s(self) -> float:
        """How long its first thread could have run, had a processor been free; 0 if unknown.

        The file stays open, since this is asked before every test; it is this very process's,
        even if another one gets its number.
        """
        try:
            if self._schedule == GONE:
                self._schedule = self._open("schedstat")
            return int(os.pread(self._schedule, _STATUS_BYTES, 0).split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0

    def cpu_s(self) -> float:
        """CPU time of all its threads so far; 0 if unknown.

        Asked before every test too: the number of its clock is looked up once.
        """
        try:
            if self._clock == GONE:
                process = fcntl.fcntl(self._owned, fcntl.F_GETOWN)
                if process <= 0:
                    return 0.0
                self._clock = ~process << 3 | _CPU_CLOCK
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0

    def _open_status(self) -> int:
        if self._status == GONE:
            self._status = self._open("status")
        return self._status

    def _open(self, name: str) -> int:
        """Descriptor of a file of the kernel's about its process.

        Raises:
            OSError: If there is no such file, or the process is not there.
        """
        process = fcntl.fcntl(self._owned, fcntl.F_GETOWN)
        opened = os.open(f"/proc/{process}/{name}", os.O_RDONLY)
        if self.is_waiting():
            return opened
        os.close(opened)  # its number could have been another's
        raise ProcessLookupError(process)

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
        if self._exit is None and self.exit_fd != GONE:
            self._kill(self.run)

    def leave(self) -> None:
        """Close it, at once or soon; nobody asks anything of it any more."""
        if not self._leaves(self):
            self.close()

    def close(self) -> None:
        """Kill it if it still runs and close the descriptors."""
        if self.exit_fd == GONE:
            return
        with contextlib.suppress(SandboxFailed):
            if self.exit() is None:
                self.kill()
        self._closed(self)

    def abandon(self) -> None:
        """Close the descriptors and tell nobody: in a fork, the process is another's."""
        close_all([self.job_fd, self.answer_fd, self.output_fd, self.exit_fd, *self.far_ends])
        close_all([self.printed_fd, self.input_fd, self._owned, self._schedule, self._status])
        self._owned = self.input_fd = self._schedule = self._status = GONE
        self.job_fd = self.answer_fd = self.output_fd = self.printed_fd = self.exit_fd = GONE
        self.far_ends = []
