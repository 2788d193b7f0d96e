"""The numbers of system calls, against the kernel's own headers and a table of our own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from textgrad_code.jail.syscalls import (
    AARCH64,
    ALLOWED,
    ARCHITECTURES,
    KILLED,
    X86_64,
    Architecture,
    architecture_of,
)

HEADERS = {
    "x86_64": (
        "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "/usr/include/asm/unistd_64.h",
    ),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
DEFINED = re.compile(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", re.MULTILINE)
OTHER_NAMES = {"fstatat": "newfstatat"}  # as 64-bit machines call it


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_numbers_are_those_of_the_kernels_headers(architecture: Architecture) -> None:
    header = next((Path(p) for p in HEADERS[architecture.name] if Path(p).exists()), None)
    if header is None:
        pytest.skip(f"platform: no kernel headers for {architecture.name} here")
    defined = {
        OTHER_NAMES.get(name, name): int(number)
        for name, number in DEFINED.findall(header.read_text())
    }
    known = {name: defined.get(name, number) for name, number in architecture.numbers.items()}
    assert dict(architecture.numbers) == known
    assert len(set(known) & set(defined)) > 100


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_no_number_is_used_twice(architecture: Architecture) -> None:
    assert len(set(architecture.numbers.values())) == len(architecture.numbers)


def test_nothing_is_both_allowed_and_fatal() -> None:
    assert not ALLOWED & KILLED


def test_every_name_of_the_sets_exists_on_a_machine() -> None:
    assert set(X86_64.numbers) | set(AARCH64.numbers) >= ALLOWED | KILLED


@pytest.mark.parametrize(
    ("machine", "found"), [("x86_64", X86_64), ("aarch64", AARCH64), ("riscv64", None), ("", None)]
)
def test_machines_are_known_by_name(machine: str, found: Architecture | None) -> None:
    assert architecture_of(machine) is found
