"""What the sandbox and its fork server say to each other: fixed records, never a program."""

from __future__ import annotations

import struct
from dataclasses import dataclass

# One datagram each, to the fork server. A launch carries six descriptors: the job's read end,
# the write ends of answers, of output and of what is printed, the file that is standard input, and
# the pipe that its end is told on.
LAUNCH, KILL = b"L", b"K"
_ORDER = struct.Struct("=cBQQQ")
ORDER_BYTES = _ORDER.size

# One datagram at its start, from the fork server: JSON follows the letter.
READY, REFUSED = b"R", b"N"
GREETING_BYTES = 1 << 16

# On the pipe that a launch brought: how the process ended, or why it never began.
ENDED, NOT_BEGUN = b"X", b"F"
_END = struct.Struct("=cidq")
END_BYTES = _END.size
NOT_BEGUN_BYTES = 512  # shorter than PIPE_BUF, so it is written whole


# What a launched process runs once it is jailed: the driver; the probes; the driver, by one that
# is to wait for its program.
DRIVER, PROBE, SPARE = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order to the fork server.

    Args:
        kind: `LAUNCH` or `KILL`.
        run: The run it is about, chosen by the sandbox, never used twice.
        entry: `DRIVER`, `PROBE` or `SPARE`.
        memory_mib: Address space beyond the interpreter's own.
        cpu_s: CPU seconds.
    """

    kind: bytes
    run: int
    entry: int = DRIVER
    memory_mib: int = 0
    cpu_s: int = 0

    def pack(self) -> bytes:
        """As one datagram."""
        return _ORDER.pack(self.kind, self.entry, self.run, self.memory_mib, self.cpu_s)

    @classmethod
    def unpack(cls, datagram: bytes) -> Order:
        """Read it back."""
        kind, entry, run, memory_mib, cpu_s = _ORDER.unpack(datagram)
        return cls(kind=kind, run=run, entry=entry, memory_mib=memory_mib, cpu_s=cpu_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a process ended, as the kernel tells its parent.

    Args:
        status: Wait status.
        cpu_s: User and system time.
        peak_kib: Largest resident size.
    """

    status: int
    cpu_s: float
    peak_kib: int

    def pack(self) -> bytes:
        """As it goes through the pipe."""
        return _END.pack(ENDED, self.status, self.cpu_s, self.peak_kib)

    @classmethod
    def unpack(cls, record: bytes) -> End:
        """Read it back."""
        _, status, cpu_s, peak_kib = _END.unpack(record)
        return cls(status=status, cpu_s=cpu_s, peak_kib=peak_kib)
