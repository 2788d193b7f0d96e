"""The filter's program, run by an interpreter of our own."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_code.jail import bpf
from textgrad_code.jail.seccomp import FilterTemplate, seccomp_filter
from textgrad_code.jail.syscalls import (
    AARCH64,
    ALLOWED,
    ARCHITECTURES,
    KILLED,
    X86_64,
    Architecture,
)

X86, ARM, I386 = 0xC000003E, 0xC00000B7, 0x40000003
ALLOW, KILL = "allow", "kill"
PID = 4321
NULL = 0
POINTER = 0x7F00_0000_0000  # its lower half is zero


def interpret(program: bytes, machine: int, number: int, arguments: tuple[int, ...]) -> str | int:
    """What a classic BPF program says about a call: allow, kill, or the error number."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, machine, 0, *[a & (1 << 64) - 1 for a in padded])
    instructions = list(struct.iter_unpack("<HBBI", program))
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, constant = instructions[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, constant)
            case 0x54:
                accumulator &= constant
            case 0x05:
                at += constant
            case 0x15:
                at += if_true if accumulator == constant else if_false
            case 0x35:
                at += if_true if accumulator >= constant else if_false
            case 0x45:
                at += if_true if accumulator & constant else if_false
            case 0x06:
                return verdict(constant)
            case _:
                raise AssertionError(f"instruction {code:#x}")


def verdict(action: int) -> str | int:
    if action == 0x7FFF0000:
        return ALLOW
    if action == 0x80000000:
        return KILL
    assert action & 0xFFFF0000 == 0x00050000
    return action & 0xFFFF


FILTERS = {
    (X86, True): seccomp_filter(X86_64, process=PID, files=True),
    (X86, False): seccomp_filter(X86_64, process=PID, files=False),
    (ARM, True): seccomp_filter(AARCH64, process=PID, files=True),
    (ARM, False): seccomp_filter(AARCH64, process=PID, files=False),
}
THREAD = 0x3D0F00  # what the C library passes to start a thread

# (call, number on x86-64, number on aarch64, arguments, what must happen)
TABLE: list[tuple[str, int | None, int | None, tuple[int, ...], str | int]] = [
    ("read", 0, 63, (3,), ALLOW),
    ("write", 1, 64, (4,), ALLOW),
    ("futex", 202, 98, (), ALLOW),
    ("exit_group", 231, 94, (), ALLOW),
    ("newfstatat", 262, 79, (), ALLOW),
    ("clock_nanosleep", 230, 115, (), ALLOW),
    ("restart_syscall", 219, 128, (), ALLOW),
    ("mmap, data", 9, 222, (0, 4096, 3), ALLOW),
    ("mmap, code", 9, 222, (0, 4096, 5), errno.EPERM),
    ("mmap, all", 9, 222, (0, 4096, 7), errno.EPERM),
    ("mprotect, data", 10, 226, (0, 4096, 3), ALLOW),
    ("mprotect, code", 10, 226, (0, 4096, 4), errno.EPERM),
    ("clone, thread", 56, 220, (THREAD,), ALLOW),
    ("clone, thread with own descriptors", 56, 220, (THREAD & ~0x400,), errno.EPERM),
    ("clone, thread with own folder", 56, 220, (THREAD & ~0x200,), errno.EPERM),
    ("clone, fork", 56, 220, (17,), errno.EPERM),
    ("clone, vfork", 56, 220, (0x4111,), errno.EPERM),
    ("clone, thread in new user namespace", 56, 220, (THREAD | 0x10000000,), errno.EPERM),
    ("clone, thread in new network", 56, 220, (THREAD | 0x40000000,), errno.EPERM),
    ("clone, new mounts", 56, 220, (0x20011,), errno.EPERM),
    ("clone3", 435, 435, (), errno.ENOSYS),
    ("fork", 57, None, (), errno.EPERM),
    ("vfork", 58, None, (), errno.EPERM),
    ("execve", 59, 221, (), errno.EPERM),
    ("execveat", 322, 281, (), errno.EPERM),
    ("kill", 62, 129, (PID, 9), errno.EPERM),
    ("tkill", 200, 130, (PID, 9), errno.EPERM),
    ("tgkill, itself", 234, 131, (PID, PID, 6), ALLOW),
    ("tgkill, another", 234, 131, (1, 1, 9), errno.EPERM),
    ("tgkill, all", 234, 131, (-1, 1, 9), errno.EPERM),
    ("ioctl, is it a terminal", 16, 29, (1, 0x5401), ALLOW),
    ("ioctl, type into the terminal", 16, 29, (0, 0x5412), errno.ENOTTY),
    ("fcntl, read flags", 72, 25, (1, 3), ALLOW),
    ("fcntl, set flags", 72, 25, (1, 4), errno.EPERM),
    ("fcntl, own signals", 72, 25, (1, 8), errno.EPERM),
    ("prctl, name a thread", 157, 167, (15,), ALLOW),
    ("prctl, dumpable", 157, 167, (4, 1), errno.EPERM),
    ("prctl, filter", 157, 167, (22, 2), errno.EPERM),
    ("prlimit, read", 302, 261, (0, 7, NULL), ALLOW),
    ("prlimit, set", 302, 261, (0, 7, 0x1234), errno.EPERM),
    ("prlimit, set from an address with a zero half", 302, 261, (0, 7, POINTER), errno.EPERM),
    ("prlimit, of another", 302, 261, (1, 7, NULL), errno.EPERM),
    ("setrlimit", 160, 164, (), errno.EPERM),
    ("socket", 41, 198, (2, 1, 0), errno.EPERM),
    ("socketpair", 53, 199, (), errno.EPERM),
    ("epoll_create1", 291, 20, (), errno.EPERM),
    ("eventfd2", 290, 19, (), errno.EPERM),
    ("pipe", 22, None, (), errno.EPERM),
    ("pipe2", 293, 59, (0, 0), ALLOW),
    ("pipe2, that does not block", 293, 59, (0, 0o2004000), ALLOW),
    ("pipe2, of packets", 293, 59, (0, 0o40000), errno.EPERM),
    ("pipe2, of notifications", 293, 59, (0, 0o200), errno.EPERM),
    ("splice", 275, 76, (), errno.EPERM),
    ("vmsplice", 278, 75, (), errno.EPERM),
    ("tee", 276, 77, (), errno.EPERM),
    ("recvmsg", 47, 212, (), errno.EPERM),
    ("memfd_create", 319, 279, (), errno.EPERM),
    ("unlinkat", 263, 35, (), errno.EPERM),
    ("readlinkat", 267, 78, (), errno.EPERM),
    ("setuid", 105, 146, (0,), errno.EPERM),
    ("openat2", 437, 437, (), errno.ENOSYS),
    ("ptrace", 101, 117, (), KILL),
    ("process_vm_readv", 310, 270, (), KILL),
    ("process_vm_writev", 311, 271, (), KILL),
    ("bpf", 321, 280, (), KILL),
    ("userfaultfd", 323, 282, (), KILL),
    ("io_uring_setup", 425, 425, (), KILL),
    ("io_uring_enter", 426, 426, (), KILL),
    ("keyctl", 250, 219, (), KILL),
    ("perf_event_open", 298, 241, (), KILL),
    ("unshare", 272, 97, (), KILL),
    ("setns", 308, 268, (), KILL),
    ("mount", 165, 40, (), KILL),
    ("umount2", 166, 39, (), KILL),
    ("pivot_root", 155, 41, (), KILL),
    ("open_by_handle_at", 304, 265, (), KILL),
    ("pidfd_open", 434, 434, (), KILL),
    ("init_module", 175, 105, (), KILL),
    ("kexec_load", 246, 104, (), KILL),
    ("personality", 135, 92, (), KILL),
    ("seccomp", 317, 277, (), KILL),
    ("memfd_secret", 447, 447, (), KILL),
    ("a call of the future", 999, 999, (), errno.EPERM),
]


@pytest.mark.parametrize("files", [True, False])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_each_call_has_the_action_it_must(
    row: tuple[str, int | None, int | None, tuple[int, ...], str | int], files: bool
) -> None:
    _, on_x86, on_arm, arguments, expected = row
    for machine, number in ((X86, on_x86), (ARM, on_arm)):
        if number is not None:
            said = interpret(FILTERS[machine, files], machine, number, arguments)
            assert said == expected


O_TMPFILE = 0o20000000
OPENING: list[tuple[int, str | int]] = [
    (0, ALLOW),
    (0o2000000, ALLOW),  # close on exec
    (0o200000, ALLOW),  # a folder
    (0o1, errno.EROFS),
    (0o2, errno.EROFS),
    (0o100, errno.EROFS),
    (0o1000, errno.EROFS),
    (O_TMPFILE, errno.EROFS),
    (0o10000000, errno.EROFS),  # O_PATH
]


@pytest.mark.parametrize(("flags", "expected"), OPENING)
def test_files_are_opened_for_reading_or_not_at_all(flags: int, expected: str | int) -> None:
    for machine, number, at in ((X86, 257, 2), (ARM, 56, 2), (X86, 2, 1)):
        arguments = (*(0,) * at, flags)
        assert interpret(FILTERS[machine, True], machine, number, arguments) == expected
        assert interpret(FILTERS[machine, False], machine, number, arguments) == errno.EACCES


@pytest.mark.parametrize(
    ("filtered", "machine", "number"),
    [
        (X86, I386, 3),
        (X86, ARM, 63),
        (ARM, X86, 0),
        (X86, X86, 0x40000000),  # x32
        (X86, X86, 0x40000000 + 1),
        (X86, X86, -1),
    ],
)
def test_other_interfaces_of_the_machine_are_fatal(
    filtered: int, machine: int, number: int
) -> None:
    assert interpret(FILTERS[filtered, True], machine, number, ()) == KILL


@given(
    number=st.integers(0, 0x3FFFFFFF),
    arguments=st.tuples(*[st.integers(0, (1 << 64) - 1)] * 6),
    files=st.booleans(),
    index=st.integers(0, 1),
)
def test_the_program_always_ends_and_allows_nothing_unnamed(
    number: int, arguments: tuple[int, ...], files: bool, index: int
) -> None:
    architecture = ARCHITECTURES[index]
    said = interpret(FILTERS[architecture.audit, files], architecture.audit, number, arguments)
    if number not in architecture.numbers.values():
        assert said == errno.EPERM


@pytest.mark.parametrize("files", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_names_have_the_action_of_their_set(architecture: object, files: bool) -> None:
    assert architecture in (X86_64, AARCH64)
    found = X86_64 if architecture is X86_64 else AARCH64
    for names, action in ((ALLOWED, ALLOW), (KILLED, KILL)):
        for name in names & set(found.numbers):
            program = FILTERS[found.audit, files]
            assert interpret(program, found.audit, found.numbers[name], ()) == action, name


def test_no_program_is_longer_than_the_kernel_takes() -> None:
    assert all(len(program) % 8 == 0 for program in FILTERS.values())
    assert max(len(program) // 8 for program in FILTERS.values()) <= 4096


def test_a_jump_that_cannot_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="256 numbers"):
        bpf.any_of(range(256), bpf.ALLOW)
    with pytest.raises(ValueError, match="256 instructions"):
        bpf.only_for(1, [bpf.result(bpf.ALLOW)] * 256)


@pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=["x86-64", "aarch64"])
@pytest.mark.parametrize("files", [True, False])
@pytest.mark.parametrize("process", [1, 2, 255, 256, 65_537, 4_194_304])
def test_the_template_gives_the_filter_of_every_process(
    architecture: Architecture, files: bool, process: int
) -> None:
    template = FilterTemplate(architecture, files=files)
    assert template.of(process) == seccomp_filter(architecture, process=process, files=files)
