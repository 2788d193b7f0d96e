"""A sandbox that isolates nothing, to show that the probes notice."""

from __future__ import annotations

import os
import subprocess
import sys
from signal import SIGKILL

from textgrad_code.jail.wire import PROBE
from textgrad_code.sandbox import ChildLimits, Exit, Tier

PROGRAM = "from textgrad_code.jail.probes import drive; drive({job}, {answers})"


class UnjailedChild:
    """A plain subprocess that runs the probes."""

    no_greeting = False
    heard = b""
    at_rest: tuple[float, float] | None = None

    def __init__(self) -> None:
        job, self.job_fd = os.pipe()
        self.input_fd = os.open(os.devnull, os.O_WRONLY)
        self.answer_fd, answers = os.pipe()
        self.output_fd = os.open(os.devnull, os.O_RDONLY)
        self.printed_fd = os.open(os.devnull, os.O_RDONLY)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(job=job, answers=answers)],
            pass_fds=(job, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(job)
        os.close(answers)
        self.exit_fd = os.pidfd_open(self.process.pid)

    def exit(self) -> Exit | None:
        code = self.process.wait()
        ended = code if code >= 0 else None
        return Exit(code=ended, signal=-code if code < 0 else None, cpu_s=0, peak_memory_mib=0)

    def usage(self) -> None:
        return None

    def waited_s(self) -> float:
        """Nobody counts it here."""
        return 0.0

    def cpu_s(self) -> float:
        """Nor this."""
        return 0.0

    def threads(self) -> None:
        return None

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(SIGKILL)

    def leave(self) -> None:
        self.close()

    def close(self) -> None:
        self.kill()
        self.process.wait()
        for descriptor in (
            *(self.job_fd, self.answer_fd, self.output_fd, self.exit_fd, self.input_fd),
            self.printed_fd,
        ):
            os.close(descriptor)


class Unjailed:
    """Starts them."""

    tier = Tier.LANDLOCK  # as it claims

    def launch_entry(self, _limits: ChildLimits, entry: int) -> UnjailedChild:
        assert entry == PROBE
        return UnjailedChild()
