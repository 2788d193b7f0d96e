"""Which system calls a jailed program may make: the filter, and how it is installed.

Everything not named is refused with ``EPERM``, which Python turns into an exception with a line
number. What a program cannot reach by accident ends it at once (``SIGSYS``).
"""

from __future__ import annotations

import ctypes
import errno
import struct

from textgrad_code.jail import bpf
from textgrad_code.jail.bpf import ALLOW, KILL_PROCESS, Instruction, errno_action
from textgrad_code.jail.libc import call, prctl
from textgrad_code.jail.syscalls import ALLOWED, KILLED, Architecture

DENIED = errno_action(errno.EPERM)

_PROT_EXEC = 4
_CLONE_THREAD = 0x10000
_CLONE_SHARED = 0x600  # CLONE_FS | CLONE_FILES: one table of descriptors for all threads
_CLONE_NEW = 0x7E020000  # any new namespace
# O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_PATH | the bit of O_TMPFILE: the same on both machines
_NOT_JUST_READING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o10000000 | 0o20000000
_NOT_OF_A_PLAIN_PIPE = 0xFFFFFFFF & ~(0o2000000 | 0o4000)  # O_CLOEXEC | O_NONBLOCK
_TCGETS, _FIOCLEX, _FIONREAD = 0x5401, 0x5451, 0x541B
_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030
_PR_SET_NAME = 15

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_WORD = struct.Struct("<I")


def seccomp_filter(architecture: Architecture, *, process: int, files: bool) -> bytes:
    """The filter of one jailed process.

    Args:
        architecture: Whose numbers are used.
        process: The process's own id, to which alone it may send signals.
        files: Whether anything may be opened, for reading.

    Returns:
        A classic BPF program, 8 bytes an instruction.
    """
    numbers = architecture.numbers
    program = [
        bpf.load(bpf.MACHINE_OFFSET),
        Instruction(bpf.EQUAL, 1, 0, architecture.audit),
        bpf.result(KILL_PROCESS),
        bpf.load(bpf.NUMBER_OFFSET),
    ]
    if architecture.foreign_bit is not None:
        program += [
            Instruction(bpf.AT_LEAST, 0, 1, architecture.foreign_bit),
            bpf.result(KILL_PROCESS),
        ]
    program += bpf.any_of((numbers[n] for n in ALLOWED if n in numbers), ALLOW)
    program += bpf.any_of((numbers[n] for n in KILLED if n in numbers), KILL_PROCESS)
    for name, body in _by_argument(process, files=files).items():
        if name in numbers:
            program += bpf.only_for(numbers[name], body)
    return bpf.assemble([*program, bpf.result(DENIED)])


def _by_argument(process: int, *, files: bool) -> dict[str, list[Instruction]]:
    """The calls whose arguments decide."""
    executable = [bpf.argument(2), *bpf.test(bpf.ANY_BIT, _PROT_EXEC, DENIED, ALLOW)]
    absent = [bpf.result(errno_action(errno.ENOSYS))]  # the C library then uses the older call
    return {
        "mmap": executable,
        "mprotect": executable,
        "clone": [
            bpf.argument(0),
            bpf.masked(_CLONE_THREAD | _CLONE_SHARED | _CLONE_NEW),
            *bpf.test(bpf.EQUAL, _CLONE_THREAD | _CLONE_SHARED, ALLOW, DENIED),
        ],
        "clone3": absent,
        "openat": _opening(2, files=files),
        "open": _opening(1, files=files),
        "openat2": absent,
        # For event loops, which would want sockets. What pipes hold counts for no limit, but there
        # are descriptors for eight at most, of sixteen pages each: `fcntl` makes none larger, and
        # `clone` no thread with descriptors of its own. One that waits in `poll` keeps as many.
        "pipe2": [bpf.argument(1), *bpf.test(bpf.ANY_BIT, _NOT_OF_A_PLAIN_PIPE, DENIED, ALLOW)],
        "tgkill": [bpf.argument(0), *bpf.test(bpf.EQUAL, process, ALLOW, DENIED)],
        "prctl": [bpf.argument(0), *bpf.test(bpf.EQUAL, _PR_SET_NAME, ALLOW, DENIED)],
        "ioctl": _one_of(1, (_TCGETS, _FIOCLEX, _FIONREAD), errno_action(errno.ENOTTY)),
        "fcntl": _one_of(1, (_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC), DENIED),
        "prlimit64": _reading_own_limits(),
    }


def _opening(flags: int, *, files: bool) -> list[Instruction]:
    if not files:
        return [bpf.result(errno_action(errno.EACCES))]
    read_only = errno_action(errno.EROFS)
    return [bpf.argument(flags), *bpf.test(bpf.ANY_BIT, _NOT_JUST_READING, read_only, ALLOW)]


def _one_of(index: int, values: tuple[int, ...], otherwise: int) -> list[Instruction]:
    return [bpf.argument(index), *bpf.any_of(values, ALLOW), bpf.result(otherwise)]


def _reading_own_limits() -> list[Instruction]:
    """Process 0 and a null pointer, of which both halves count, for the new limit."""
    program: list[Instruction] = []
    for half in (bpf.argument(0), bpf.argument(2), bpf.argument(2, high=True)):
        program += [half, Instruction(bpf.EQUAL, 1, 0, 0), bpf.result(DENIED)]
    return [*program, bpf.result(ALLOW)]


class FilterTemplate:
    """A filter built once, of which every process gets its own: its id is filled in.

    Args:
        architecture: As for `seccomp_filter`.
        files: As for `seccomp_filter`.
    """

    def __init__(self, architecture: Architecture, *, files: bool) -> None:
        first, second = (
            seccomp_filter(architecture, process=process, files=files) for process in (1, 2)
        )
        differing = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
        (place,) = differing  # the lowest byte of the one constant that is the process's id
        self._before, self._after = first[:place], first[place + _WORD.size :]

    def of(self, process: int) -> bytes:
        """The filter of a process; what `seccomp_filter` gives."""
        return self._before + _WORD.pack(process) + self._after


class _Program(ctypes.Structure):
    """The kernel's ``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_available() -> bool:
    """Whether the kernel can filter and can end a whole process for a forbidden call."""
    action = ctypes.create_string_buffer(KILL_PROCESS.to_bytes(4, "little"), 4)
    try:
        call("seccomp", _GET_ACTION_AVAIL, 0, action)
    except OSError:
        return False
    return True


def no_new_privileges() -> None:
    """Give up, for ever, to gain rights by starting a program; filters need it.

    Raises:
        OSError: If the kernel refuses.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def install(program: bytes) -> None:
    """Put the filter on this process, for ever.

    Raises:
        OSError: If the kernel refuses it.
    """
    prog = _Program(len(program) // 8, program)
    passed = (ctypes.c_char * ctypes.sizeof(prog)).from_buffer(prog)
    call("seccomp", _SET_MODE_FILTER, 0, passed)
