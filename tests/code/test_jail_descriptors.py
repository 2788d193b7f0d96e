"""How a child's descriptors are put in their places, whatever numbers they arrive with."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("platform: sandboxes need Linux", allow_module_level=True)

from textgrad_code.jail.child import Confinement, arrange
from textgrad_code.jail.seccomp import FilterTemplate
from textgrad_code.jail.syscalls import X86_64

NAMES = ("job", "answers", "output", "printed", "input", "end")


def arranged_in_a_fork(numbers: tuple[int, ...], *, rules: bool) -> dict[str, list[int]]:
    """Which numbers lead to which file after arranging, tried in a process of its own.

    It tells the result through the file that became its output.
    """
    result = os.memfd_create("output")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            places = arranged(numbers, result, rules=rules)
            os.write(2, json.dumps(places).encode())
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    os.lseek(result, 0, os.SEEK_SET)
    with os.fdopen(result) as file:
        found: dict[str, list[int]] = json.loads(file.read())
    return found


def arranged(numbers: tuple[int, ...], output: int, *, rules: bool) -> dict[str, list[int]]:
    names = (*NAMES, "rules")
    files = {name: os.memfd_create(name) if name != "output" else output for name in names}
    inodes = {os.fstat(file).st_ino: name for name, file in files.items()}
    away = {name: fcntl.fcntl(file, fcntl.F_DUPFD, 100) for name, file in files.items()}
    os.closerange(3, 100)
    for name, number in zip(names, (*numbers, 41), strict=True):
        os.dup2(away[name], number)
    held = Confinement(
        filters=FilterTemplate(X86_64, files=True),
        rules=41 if rules else None,
        landlock_version=0,
        own_user=False,
        own_count=False,
        base_bytes=0,
    )
    arrange(list(numbers), held)
    places: dict[str, list[int]] = {}
    for number in range(3000):
        try:
            inode = os.fstat(number).st_ino
        except OSError:
            continue
        places.setdefault(inodes.get(inode, "something else"), []).append(number)
    return places


@pytest.mark.parametrize("rules", [True, False])
@pytest.mark.parametrize(
    "numbers",
    [*itertools.islice(itertools.permutations(range(3, 9)), 0, None, 5), tuple(range(19, 25))],
)
def test_received_numbers_do_not_matter(numbers: tuple[int, ...], rules: bool) -> None:
    expected = {"input": [0], "printed": [1], "output": [2], "job": [3], "answers": [4]}
    expected["end"] = [5]
    if rules:
        expected["rules"] = [6]
    assert arranged_in_a_fork(numbers, rules=rules) == expected
