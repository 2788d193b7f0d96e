"""An assembler for the few classic BPF instructions a seccomp filter needs.

A filter sees ``struct seccomp_data``: the call's number, the machine, the instruction pointer
and six 64-bit arguments (Linux, `include/uapi/linux/seccomp.h`). Jumps are relative to the next
instruction; a conditional one reaches at most 255 further.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

LOAD, AND, JUMP, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x45, 0x06

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000

NUMBER_OFFSET, MACHINE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16


class Instruction(NamedTuple):
    """One instruction: operation, jump if true, jump if false, constant."""

    code: int
    if_true: int
    if_false: int
    constant: int


def errno_action(number: int) -> int:
    """The action that makes a call fail with this error number."""
    return _ERRNO | number


def load(offset: int) -> Instruction:
    """Read 32 bits of the call's description."""
    return Instruction(LOAD, 0, 0, offset)


def argument(index: int, *, high: bool = False) -> Instruction:
    """Read one half of an argument; both machines are little-endian."""
    return load(_ARGUMENTS_OFFSET + 8 * index + 4 * high)


def masked(bits: int) -> Instruction:
    """Keep only these bits."""
    return Instruction(AND, 0, 0, bits)


def result(action: int) -> Instruction:
    """End with an action."""
    return Instruction(RETURN, 0, 0, action)


def test(code: int, constant: int, then: int, otherwise: int) -> list[Instruction]:
    """End with ``then`` if the comparison holds, else with ``otherwise``."""
    return [Instruction(code, 0, 1, constant), result(then), result(otherwise)]


def only_for(number: int, body: Sequence[Instruction]) -> list[Instruction]:
    """Run ``body``, which must end with a result, for one system call and skip it otherwise.

    Raises:
        ValueError: If the body is too long for one jump.
    """
    if len(body) > 255:
        raise ValueError(f"{len(body)} instructions; a jump reaches 255")
    return [Instruction(EQUAL, 0, len(body), number), *body]


def any_of(numbers: Iterable[int], action: int) -> list[Instruction]:
    """End with ``action`` if the number read last is one of these.

    Raises:
        ValueError: If they are too many for one jump.
    """
    ordered = sorted(set(numbers))
    if len(ordered) > 255:
        raise ValueError(f"{len(ordered)} numbers; a jump reaches 255")
    checks = [
        Instruction(EQUAL, len(ordered) - index, 0, number) for index, number in enumerate(ordered)
    ]
    return [*checks, Instruction(JUMP, 0, 0, 1), result(action)]


def assemble(program: Iterable[Instruction]) -> bytes:
    """The bytes the kernel wants: ``struct sock_filter`` one after another."""
    return b"".join(
        struct.pack("<HBBI", i.code, i.if_true, i.if_false, i.constant) for i in program
    )
