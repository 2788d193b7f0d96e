"""The seam between who isolates a process and who talks to the program in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from textgrad_core.errors import UsageError


class Tier(StrEnum):
    """How a program is isolated, best first.

    ``full``: namespaces with an empty read-only root, Landlock, seccomp.
    ``landlock``: Landlock and seccomp. ``seccomp-strict``: seccomp, no file can be opened.
    ``none``: resource limits only; on explicit request.
    """

    FULL = "full"
    LANDLOCK = "landlock"
    SECCOMP_STRICT = "seccomp-strict"
    NONE = "none"

    @property
    def rank(self) -> int:
        """Larger is safer."""
        return len(Tier) - list(Tier).index(self)


def tier_named(name: str) -> Tier:
    """The tier of a name.

    Raises:
        UsageError: If there is none.
    """
    try:
        return Tier(name)
    except ValueError:
        known = ", ".join(t for t in Tier if t is not Tier.NONE)
        raise UsageError(f"no isolation is called {name!r}; there are: {known}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """Limits the kernel holds a child to.

    Args:
        memory_mib: Address space beyond what the interpreter itself has mapped.
        cpu_s: CPU seconds over its whole life, rounded up to whole ones.
    """

    memory_mib: int = 256
    cpu_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a child ended; measured outside of it.

    Args:
        code: Exit code; None if a signal ended it.
        signal: Signal that ended it; None if it exited.
        cpu_s: User and system time.
        peak_memory_mib: Largest resident size.
    """

    code: int | None
    signal: int | None
    cpu_s: float
    peak_memory_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a child has used so far; measured outside of it.

    Args:
        cpu_s: User and system time.
        peak_memory_mib: Largest resident size.
    """

    cpu_s: float
    peak_memory_mib: float


class Child(Protocol):
    """One process that runs one program. Used by one thread at a time.

    Attributes:
        job_fd: Frames to the child are written here (non-blocking).
        answer_fd: Frames from the child are read here.
        input_fd: A file; what is written here is the program's standard input.
        output_fd: What the program prints, stdout and stderr together, is read here;
        printed_fd: but here what a script writes to descriptor 1.
        exit_fd: Readable once the child has ended and `exit` has something to say.
        heard: What was read from ``answer_fd`` before anybody asked.
        at_rest: What `waited_s` and `cpu_s` were when it began to wait for its first frame; None
            if nobody has looked.
        no_greeting: Set by its user if it never spoke: what started it may be stuck.
    """

    job_fd: int
    answer_fd: int
    input_fd: int
    output_fd: int
    printed_fd: int
    exit_fd: int
    heard: bytes
    at_rest: tuple[float, float] | None
    no_greeting: bool

    def exit(self) -> Exit | None:
        """How it ended; None while it runs. Does not block.

        Raises:
            SandboxFailed: If the sandbox itself broke: the program is not to blame.
        """
        ...

    def usage(self) -> Usage | None:
        """What it has used, while it waits for a frame; None if only its end will tell."""
        ...

    def waited_s(self) -> float:
        """How long it could have run so far, had a processor been free; 0 where unknown."""
        ...

    def cpu_s(self) -> float:
        """CPU time of all its threads so far; 0 where unknown."""
        ...

    def threads(self) -> int | None:
        """How many it has now, counted from outside; None if that cannot be known."""
        ...

    def kill(self) -> None:
        """End it at once; harmless if it has ended."""
        ...

    def leave(self) -> None:
        """Close it, at once or soon; nothing is asked of it any more."""
        ...

    def close(self) -> None:
        """Kill it if it still runs and close the descriptors."""
        ...


class Sandbox(Protocol):
    """Starts children. Safe to share between threads."""

    tier: Tier

    def launch(self, limits: ChildLimits) -> Child:
        """A jailed process that runs ``textgrad_code.jail.driver.drive(job_fd, answer_fd)``.

        Raises:
            SandboxFailed: If none could be started.
        """
        ...

    def close(self) -> None:
        """End every process the sandbox has; idempotent."""
        ...
