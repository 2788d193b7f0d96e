"""Trying to break out of a sandbox before it is trusted."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import select
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGSYS
from typing import Protocol

from textgrad_code.errors import SandboxFailed
from textgrad_code.jail.wire import PROBE
from textgrad_code.sandbox.protocol import Child, ChildLimits, Exit, Tier

LIMITS = ChildLimits(memory_mib=128, cpu_s=10)
PROBE_S = 30.0

# Refused with an error, so that one child can try them all.
REFUSED = (
    "read /etc/passwd",
    "read a file",
    "read the environment",
    "read memory by /proc",
    "write a file",
    "write to the root",
    "open a TCP socket",
    "open a UDP socket",
    "open a local socket",
    "fork",
    "execute",
    "signal the parent",
    "signal its own parent",
)
# Fatal, each in a child of its own.
FATAL = ("attach to the parent", "read memory", "new namespace")
NEEDED = ("compute", "import")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One probe.

    Args:
        name: What was tried.
        held: Whether the sandbox behaved as it must.
        detail: What was seen.
    """

    name: str
    held: bool
    detail: str


class Probeable(Protocol):
    """What is needed of a sandbox to probe it."""

    tier: Tier

    def launch_entry(self, limits: ChildLimits, entry: int, /) -> Child:
        """A process that runs what the entry says, here the probes."""
        ...


def try_to_break(sandbox: Probeable) -> tuple[Attempt, ...]:
    """Run every probe in children of a sandbox.

    Raises:
        SandboxFailed: If the sandbox does not run at all.
    """
    secret = secrets.token_hex(16)
    memory = ctypes.create_string_buffer(secret.encode())
    with tempfile.TemporaryDirectory() as folder:
        kept, new = Path(folder, "secret"), Path(folder, "new")
        Path(folder).chmod(0o777)  # whoever the child runs as: its user is not what must stop it
        kept.write_text(secret, encoding="ascii")
        kept.chmod(0o644)
        job: dict[str, object] = {
            "process": os.getpid(),
            "secret_file": str(kept),
            "new_file": str(new),
            "address": ctypes.addressof(memory),
            "size": len(secret),
        }
        attempts = [*_refused(sandbox, job)]
        attempts += [_fatal(sandbox, job, name) for name in FATAL]
        attempts += _needed(sandbox, job)
        if new.exists():
            attempts.append(Attempt("write a file", held=False, detail="seen from outside"))
    return tuple(attempts)


def _refused(sandbox: Probeable, job: dict[str, object]) -> list[Attempt]:
    told, end = _ask(sandbox, job, REFUSED)
    return [_expect("refused", name, told, end) for name in REFUSED]


def _fatal(sandbox: Probeable, job: dict[str, object], name: str) -> Attempt:
    told, end = _ask(sandbox, job, (name,))
    if name in told:
        return _expect("fatal", name, told, end)
    return Attempt(name, end is not None and end.signal == SIGSYS, f"ended by {end}")


def _needed(sandbox: Probeable, job: dict[str, object]) -> list[Attempt]:
    names = ("compute",) if sandbox.tier is Tier.SECCOMP_STRICT else NEEDED
    told, end = _ask(sandbox, job, names)
    return [_expect("done", name, told, end) for name in names]


def _expect(wanted: str, name: str, told: dict[str, list[str]], end: Exit | None) -> Attempt:
    what, detail = told.get(name, ["nothing", f"ended by {end}"])
    return Attempt(name, what == wanted, f"{what}: {detail}")


def _ask(
    sandbox: Probeable, job: dict[str, object], names: tuple[str, ...]
) -> tuple[dict[str, list[str]], Exit | None]:
    """What a child tells of each attempt, as far as it gets, and how it ended."""
    child = sandbox.launch_entry(LIMITS, PROBE)
    try:
        os.write(child.job_fd, json.dumps({**job, "attempts": names}).encode() + b"\n")
        deadline = time.monotonic() + PROBE_S
        told = b""
        while chunk := _read(child.answer_fd, deadline):
            told += chunk
        lines = [json.loads(line) for line in told.splitlines()]
        return {name: [what, detail] for name, what, detail in lines}, _end(child, deadline)
    finally:
        child.close()


def _read(descriptor: int, deadline: float) -> bytes:
    _wait(descriptor, deadline)
    return os.read(descriptor, 1 << 16)


def _end(child: Child, deadline: float) -> Exit | None:
    _wait(child.exit_fd, deadline)
    return child.exit()


def _wait(descriptor: int, deadline: float) -> None:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise SandboxFailed(f"a probe of the sandbox did not end within {PROBE_S:g} s")
