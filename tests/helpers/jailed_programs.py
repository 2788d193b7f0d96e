"""Run sources in a sandbox and look at what comes out."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from textgrad_code.sandbox import Child, ChildLimits, Exit, Sandbox, Tier
from textgrad_code.sandbox.jailed import JailedSandbox
from textgrad_code.sandbox.packages import found_packages
from textgrad_code.sandbox.zygote import ZygoteSettings

HELPERS = Path(__file__).parent
LIMITS = ChildLimits(memory_mib=256, cpu_s=10)
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    answers: list[dict[str, Any]]
    exit: Exit
    output: str

    @property
    def word(self) -> str:
        """The exception that ended it, else the signal, else ``answered`` or ``silent``."""
        for told in self.answers:
            if "error" in told:
                return str(told["error"])
        if self.exit.signal is not None:
            return Signals(self.exit.signal).name
        return "answered" if self.answers else "silent"

    @property
    def value(self) -> Any:
        assert "answer" in self.answers[-1], self
        return self.answers[-1]["answer"]


def jailed(tier: Tier, python: str | None = None, **kwargs: Any) -> JailedSandbox:
    """A sandbox whose children run sources."""
    return JailedSandbox(
        ZygoteSettings(
            tier=tier,
            python=python or sys.executable,
            packages=(*found_packages(), ("jail_exec", str(HELPERS))),
            driver="jail_exec:drive",
        ),
        **kwargs,
    )


def run(sandbox: Sandbox, source: str, limits: ChildLimits = LIMITS) -> Outcome:
    child = sandbox.launch(limits)
    try:
        send(child, source)
        return wait_for(child)
    finally:
        child.close()


def send(child: Child, source: str) -> None:
    """Short enough for the pipe. A second descriptor stands in for the one that is closed."""
    os.write(child.job_fd, source.encode())
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, child.job_fd)
    os.close(nothing)


def wait_for(child: Child) -> Outcome:
    read = {child.answer_fd: b"", child.output_fd: b""}
    waiting = select.poll()
    for descriptor in read:
        waiting.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + PATIENCE_S
    open_ones = set(read)
    while open_ones:
        for descriptor, _ in waiting.poll(1000):
            chunk = os.read(descriptor, 1 << 16)
            read[descriptor] += chunk
            if not chunk:
                waiting.unregister(descriptor)
                open_ones.discard(descriptor)
        assert time.monotonic() < deadline, "the child does not end"
    ended = wait_for_exit(child)
    return Outcome(
        answers=[json.loads(line) for line in read[child.answer_fd].splitlines()],
        exit=ended,
        output=read[child.output_fd].decode(errors="replace"),
    )


def wait_for_exit(child: Child) -> Exit:
    waiting = select.poll()
    waiting.register(child.exit_fd, select.POLLIN)
    assert waiting.poll(PATIENCE_S * 1000), "the child does not end"
    ended = child.exit()
    assert ended is not None
    return ended
