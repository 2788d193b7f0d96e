"""No isolation: a subprocess with resource limits, for explicit requests only.

The channel is the same as in the other tiers, so that verdicts are: only the host is not
protected from the program.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

from textgrad_code.errors import SandboxFailed
from textgrad_code.jail import bootstrap
from textgrad_code.jail.plain import PACKAGES
from textgrad_code.sandbox.packages import found_packages
from textgrad_code.sandbox.protocol import ChildLimits, Exit, Tier, Usage


class PlainSandbox:
    """Starts children that are not isolated.

    Args:
        python: Interpreter; None for the one that runs this.
    """

    tier = Tier.NONE

    def __init__(self, python: str | None = None) -> None:
        self.python = python or sys.executable

    def launch(self, limits: ChildLimits) -> PlainChild:
        """Start one.

        Raises:
            SandboxFailed: If the interpreter does not start.
        """
        pipes: list[int] = []
        try:
            for _ in range(3):
                pipes += os.pipe()
        except OSError as error:
            for fd in pipes:
                os.close(fd)
            raise SandboxFailed(f"no pipes for a program: {error}") from error
        job_out, job_in, answer_out, answer_in, output_out, output_in = pipes
        inherited = (job_out, answer_in)
        script = str(Path(bootstrap.__file__).resolve())
        numbers = (job_out, answer_in, limits.memory_mib, math.ceil(limits.cpu_s))
        command = [self.python, "-S", "-s", "-P", script, "plain:main", *map(str, numbers)]
        try:
            process = subprocess.Popen(  # closed and waited for by the child
                command,
                stdin=subprocess.DEVNULL,
                stdout=output_in,
                stderr=output_in,
                pass_fds=inherited,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            for fd in (job_in, answer_out, output_out):
                os.close(fd)
            raise SandboxFailed(f"{self.python} does not start: {error}") from error
        finally:
            for fd in (*inherited, output_in):
                os.close(fd)
        try:
            ended = os.pidfd_open(process.pid)
        except OSError as error:
            process.kill()
            process.wait()
            for fd in (job_in, answer_out, output_out):
                os.close(fd)
            raise SandboxFailed(f"no descriptor for a program: {error}") from error
        return PlainChild(process, (job_in, answer_out, output_out, ended))

    def close(self) -> None:
        """Nothing is kept between children."""


class PlainChild:
    """One subprocess; its end makes the process descriptor ``exit_fd`` readable."""

    def __init__(self, process: subprocess.Popen[bytes], fds: tuple[int, int, int, int]) -> None:
        self.process = process
        self.job_fd, self.answer_fd, self.output_fd, self.exit_fd = fds
        self._open = list(fds)
        self._exit: Exit | None = None
        self.no_greeting = False
        self._peak_mib: float | None = None
        os.set_blocking(self.job_fd, False)

    def exit(self) -> Exit | None:
        """How it ended; None while it runs."""
        return self._reap(os.WNOHANG)

    def usage(self) -> Usage | None:
        """Its end will tell."""
        return None

    def kill(self) -> None:
        """End it and whatever it started."""
        if self._exit is None:
            self._peak_mib = peak_memory_mib(self.process.pid)
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, wait for it and close the descriptors."""
        self.kill()
        self._reap(0)
        while self._open:
            os.close(self._open.pop())

    def _reap(self, options: int) -> Exit | None:
        if self._exit is None:
            pid, status, usage = os.wait4(self.process.pid, options)
            if pid:
                code = self.process.returncode = os.waitstatus_to_exitcode(status)
                largest = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
                self._exit = Exit(
                    code=code if code >= 0 else None,
                    signal=-code if code < 0 else None,
                    cpu_s=usage.ru_utime + usage.ru_stime,
                    peak_memory_mib=largest if self._peak_mib is None else self._peak_mib,
                )
        return self._exit


def peak_memory_mib(pid: int) -> float | None:
    """Largest resident size of a live process; unlike its usage, without its parent's share."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None


def environment() -> dict[str, str]:
    """What the interpreter needs before it clears its environment."""
    return {
        "PYTHONHASHSEED": "0",
        "MALLOC_ARENA_MAX": "1",
        PACKAGES: json.dumps(found_packages()),
    }
