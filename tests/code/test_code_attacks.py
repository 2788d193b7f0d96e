"""Hostile and odd programs: none gets a verdict it has not earned, none touches the host.

The programs, the verdicts they may get and why are in ``attacks/*.toml``, by what they try.
"""

from __future__ import annotations

import inspect
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("platform: sandboxes need Linux", allow_module_level=True)

from attacks import Arena, Attack, read_attacks
from canaries import Canaries
from machines import NOBODY, public_machine
from textgrad_code.sandbox import probe
from textgrad_code.verdict import Verdict

ATTACKS = read_attacks(Path(__file__).parent / "attacks")
PROBED = {probed.tier: probed for probed in probe()}


@pytest.fixture(scope="module")
def canaries() -> Iterator[Canaries]:
    with Canaries() as placed:
        yield placed


@pytest.fixture(scope="module", params=list(PROBED))
def arena(request: pytest.FixtureRequest, canaries: Canaries) -> Iterator[Arena]:
    probed = PROBED[request.param]
    if not probed.works:
        pytest.skip(f"platform: no {probed.tier}: {'; '.join(probed.missing)}")
    opened = Arena(canaries, probed.tier)
    yield opened
    assert opened.left() == []


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nothing_is_forged_and_nothing_touched(arena: Arena, attack: Attack) -> None:
    assert arena.faults(attack) == []


def test_forged_traces_hold_no_number_that_cannot_be_shown(arena: Arena) -> None:
    pairs = "[[1, 9], [2, -5], [0, 3], [3, 1e2], [4, True], ['5', 5], [6], 7, [8, 10 ** 4000]]"
    forged = Attack(
        group="a",
        name="trace",
        why="counts are the program's word",
        verdicts=["WA"],
        before="@FORGE@",
        call=f"reply({{'answer': 0, 'mutated': [], 'trace': {{'lines': {pairs}}}}})",
    )
    (trace, *_) = arena.judge.trace(forged.source(arena.names), forged.problem())
    assert (dict(trace.lines), trace.steps) == ({1: 9}, 9)


def test_long_answers_to_many_tests_are_not_all_kept(arena: Arena) -> None:
    """Three bytes of a frame become eighty of an object, for every test anew."""
    long = Attack(
        group="f",
        name="long answers",
        why="the judge has no more memory than others",
        verdicts=["WA"],
        call="return 'x' * 3_000_000",
        tests=8,
    )
    judgement = arena.judge.judge(long.source(arena.names), long.problem())
    assert {result.verdict for result in judgement.results} == {Verdict.WA}
    lengths = [len(str(result.answer)) for result in judgement.results]
    assert lengths[0] == 3_000_000
    assert lengths[-1] < 100
    assert sum(lengths) < 20_000_000


def test_a_deep_answer_meets_a_caller_whose_stack_is_deep(arena: Arena) -> None:
    deep = Attack(
        group="g",
        name="deep",
        why="the two together are too deep for Python",
        verdicts=["RE", "WA"],
        call="value = []\nfor _ in range(95): value = [value]\nreturn value",
        checker="nested-any-order",
        expected=[[1]],
        tests=1,
    )

    def called_at(depth: int) -> list[str]:
        return called_at(depth - 1) if depth else arena.faults(deep)

    for depth in range(sys.getrecursionlimit() - 340, 300, -60):
        assert called_at(depth - len(inspect.stack())) == []


def test_threads_of_others_stop_nobodys(arena: Arena) -> None:
    """Eight threads start while other programs start as many as their memory allows.

    Where the kernel counts the threads of all programs together, on a busy machine, these bombs
    have started too many before they are counted from outside.
    """
    if not PROBED[arena.tier].counts_each_program:
        pytest.skip("platform: no user namespace for a program of its own")
    bomb = ATTACKS["f_limits: threads that need no memory"]
    innocent = replace(
        bomb,
        name="eight threads",
        verdicts=["AC"],
        before="import threading",
        call=(
            "done = []\n"
            "barrier = threading.Barrier(9)\n"
            "def work(k): barrier.wait(); done.append(k)\n"
            "threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]\n"
            "for one in threads: one.start()\n"
            "barrier.wait()\n"
            "for one in threads: one.join()\n"
            "return n * n + len(done) - 7"
        ),
        tests=30,
    )

    def verdict(attack: Attack) -> str:
        judged = arena.judge.judge(attack.source(arena.names), attack.problem())
        return f"{judged.verdict} {judged.message}"

    with ThreadPoolExecutor(8) as threads:
        bombs = [threads.submit(verdict, bomb) for _ in range(4)]
        others = [threads.submit(verdict, innocent) for _ in range(8)]
        assert {one.result() for one in others} == {"AC "}
        assert all(one.result().startswith(("RE ", "TLE ")) for one in bombs)


def test_an_ordinary_user_is_as_safe() -> None:
    """All of them in all tiers once more, judged by a user without rights."""
    if os.geteuid() != 0:
        pytest.skip("platform: only root can become another user")
    with public_machine() as machine:
        folder = machine.helpers.parent / "attacks"
        folder.mkdir()
        for path in (Path(__file__).parent / "attacks").glob("*.toml"):
            (folder / path.name).write_bytes(path.read_bytes())
        report: dict[str, Any] = machine.run("attacks.py", str(folder), user=NOBODY)
    assert report["user"] == NOBODY
    assert report["programs"] == len(ATTACKS)
    assert report["judged"], "no tier works for an ordinary user here"
    assert report["wrong"] == {}, json.dumps(report["wrong"], indent=1)


def test_the_suite_covers_every_kind() -> None:
    groups = {attack.group[0] for attack in ATTACKS.values()}
    assert groups == set("abcdefghij")
    assert len(ATTACKS) >= 90
    demanded = {Verdict(word) for attack in ATTACKS.values() for word in attack.verdicts}
    assert demanded == set(Verdict) - {Verdict.SE}


def test_the_canaries_sing_when_they_are_touched(canaries: Canaries) -> None:
    """The checks from outside find what they are there for."""

    def found(said: str = "", most: int = 1000) -> list[str]:
        return canaries.breaches(said, most, settle_s=0.0)

    assert found() == []
    assert found(f"said {canaries.token}") == ["the secret was told"]
    (canaries.folder / "escaped").write_text("out", encoding="utf-8")
    assert found() == ["a file changed"]
    for address, family in (
        (("127.0.0.1", int(canaries.names()["TCP"])), socket.AF_INET),
        (canaries.local, socket.AF_UNIX),
        (f"\0{canaries.abstract}", socket.AF_UNIX),
    ):
        with socket.socket(family) as caller:
            caller.connect(address)
            assert [one.endswith("socket was reached") for one in found()] == [True]
    before = os.getpriority(os.PRIO_PROCESS, canaries.victim.pid)
    os.setpriority(os.PRIO_PROCESS, canaries.victim.pid, before - 1 if before > 0 else 19)
    assert found() == ["the victim changed"]
    with subprocess.Popen(["sleep", "3600"]) as left:
        assert canaries.processes(1000) > 0
        assert [one.endswith("processes are left of 0") for one in found(most=0)] == [True]
        left.kill()
