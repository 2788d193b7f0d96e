"""No isolation: a subprocess with resource limits, for explicit requests only.

The channel is the same as in the other tiers, so that verdicts are: only the host is not
protected from the program. Nothing here needs Linux.
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
from textgrad_code.jail.wire import END_BYTES, ENDED, End
from textgrad_code.sandbox.descriptors import close_all, exit_of
from textgrad_code.sandbox.inputs import input_file
from textgrad_code.sandbox.packages import found_packages
from textgrad_code.sandbox.protocol import ChildLimits, Exit, Tier, Usage

_END_S = 10.0  # a keeper that needs longer to end a program is ended itself


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
            for _ in range(5):
                pipes += os.pipe()
            pipes += input_file()
        except OSError as error:
            close_all(pipes)
            raise SandboxFailed(f"no pipes for a program: {error}") from error
        job, job_in, answer_out, answers, output_out, output, *rest = pipes
        printed_out, printed, end_out, end, text_in, text = rest
        theirs = [job, answers, output, printed, end, text]
        ours = [job_in, answer_out, output_out, printed_out, end_out, text_in]
        script = str(Path(bootstrap.__file__).resolve())
        numbers = (job, answers, end, limits.memory_mib, math.ceil(limits.cpu_s))
        command = [self.python, "-S", "-s", "-P", script, "plain:main", *map(str, numbers)]
        try:
            process = subprocess.Popen(  # closed and waited for by the child
                command,
                stdin=text,
                stdout=printed,
                stderr=output,
                pass_fds=(job, answers, end),
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            close_all(ours)
            raise SandboxFailed(f"{self.python} does not start: {error}") from error
        finally:
            close_all(theirs)
        return PlainChild(process, ours)

    def close(self) -> None:
        """Nothing is kept between children."""


class PlainChild:
    """One program and its keeper, whose word on the program's end comes through ``exit_fd``.

    Args:
        process: The keeper.
        descriptors: Of job, answers, output, what is printed, end and input.
    """

    def __init__(self, process: subprocess.Popen[bytes], descriptors: list[int]) -> None:
        self.process = process
        self.job_fd, self.answer_fd, self.output_fd, self.printed_fd, *rest = descriptors
        self.exit_fd, self.input_fd = rest
        self._open = list(descriptors)
        self._exit: Exit | None = None
        self.no_greeting = False
        self.heard = b""
        self.at_rest: tuple[float, float] | None = None
        os.set_blocking(self.job_fd, False)
        os.set_blocking(self.exit_fd, False)

    def exit(self) -> Exit | None:
        """How it ended; None while it runs."""
        if self._exit is None and self._open:
            try:
                record = os.read(self.exit_fd, END_BYTES)
            except BlockingIOError:
                return None
            whole = record.startswith(ENDED) and len(record) == END_BYTES
            self._exit = exit_of(End.unpack(record)) if whole else self._without_a_word()
        return self._exit

    def _without_a_word(self) -> Exit:
        """The keeper was ended itself: its end is all there is to tell."""
        self._end_keeper()
        code = self.process.returncode
        return Exit(
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            cpu_s=0.0,
            peak_memory_mib=0.0,
        )

    def usage(self) -> Usage | None:
        """Its end will tell."""
        return None

    def waited_s(self) -> float:
        """Nobody counts it here."""
        return 0.0

    def cpu_s(self) -> float:
        """Nor this, before it ends."""
        return 0.0

    def threads(self) -> int | None:
        """Nobody bounds them here."""
        return None

    def kill(self) -> None:
        """End it and whatever it started."""
        if self._exit is None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def leave(self) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Kill it, wait for it and close the descriptors."""
        self.kill()
        self._end_keeper()
        self.exit()
        close_all(self._open)
        self._open = []

    def _end_keeper(self) -> None:
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def environment() -> dict[str, str]:
    """What the interpreter needs before it clears its environment."""
    return {
        "PYTHONHASHSEED": "0",
        "MALLOC_ARENA_MAX": "1",
        PACKAGES: json.dumps(found_packages()),
    }
