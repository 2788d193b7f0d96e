"""Without isolation, too, nothing of a program survives it, also where there is no Linux."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from judged import FAST, case, method, only, problem
from textgrad_code.judge import Judge
from textgrad_code.sandbox import ChildLimits
from textgrad_code.sandbox.plain import PlainSandbox
from textgrad_code.verdict import Verdict

if sys.platform != "linux":
    pytest.skip("platform: processes are looked for in /proc", allow_module_level=True)

LIMITS = ChildLimits(memory_mib=256, cpu_s=10)
PATIENCE_S = 30.0


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge(sandbox=PlainSandbox()) as opened:
        yield opened


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_gone(process: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(process)


LEAVES = """
import os, signal, time
reads, writes = os.pipe()
if os.fork() == 0:
    {daemon}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.write(writes, str(os.getpid()).encode())
    os.close(1); os.close(2); os.close(3); os.close(4)
    time.sleep(1000)
    os._exit(0)
left = int(os.read(reads, 100))
"""
DAEMONS = {
    "child": "pass",
    "orphan": "os.fork() and os._exit(0)",
    "daemon": "os.setsid(); os.fork() and os._exit(0)",
    "own group": "os.setpgid(0, 0)",
}


@pytest.mark.parametrize("daemon", DAEMONS.values(), ids=DAEMONS)
@pytest.mark.parametrize("then", ["return left", "print(left, flush=True); os._exit(0)",
                                  "print(left, flush=True); time.sleep(1000)"])  # fmt: skip
def test_no_process_survives_its_program(judge: Judge, daemon: str, then: str) -> None:
    program = method("import os, time", then, before=LEAVES.format(daemon=daemon))
    result = only(judge, program, problem(limits=FAST), case(1, expected=0))
    left = int(str(result.answer if result.verdict is Verdict.WA else result.output))
    assert left > 1
    assert is_gone(left)


JUDGES = """
from judged import *
judge = Judge(sandbox=PlainSandbox())
only(judge, PROGRAM, problem(), case(1, expected=0))
"""


def test_nothing_survives_the_judge() -> None:
    reads, writes = os.pipe()
    program = LEAVES.format(daemon=DAEMONS["daemon"])
    program += method(
        f"with open('/proc/{os.getpid()}/fd/{writes}', 'w') as told:",
        "    told.write(f'{os.getpid()} {left}')",
        "time.sleep(1000)",
    )
    with subprocess.Popen(
        [sys.executable, "-c", JUDGES.replace("PROGRAM", repr(program))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        processes = [int(word) for word in os.read(reads, 100).split()]
        os.close(reads)
        os.close(writes)
        alive = [is_alive(process) for process in processes]
        parent.kill()
    assert alive == [True, True]
    assert all(map(is_gone, processes))


def test_the_end_is_told_as_it_was() -> None:
    sandbox = PlainSandbox()
    child = sandbox.launch(LIMITS)
    assert child.exit() is None
    child.kill()
    child.close()
    child.close()
    ended = child.exit()
    assert ended is not None
    assert ended.signal in (signal.SIGKILL, signal.SIGTERM)  # itself, or its keeper at its start


def test_a_keeper_that_is_killed_is_missed(judge: Judge) -> None:
    program = method("import os, time", "os.kill(os.getppid(), 9)", "time.sleep(1000)")
    result = only(judge, program, problem(), case(1))
    assert (result.verdict, "SIGKILL" in result.message) == (Verdict.RE, True)


POORER = """
import json, sys
from hostile_programs import GROUPS, take_away
GROUPS.update(poor=["prctl", "pidfd_open", "close_range"])
take_away({"poor": "ENOSYS"})
import os
del os.pidfd_open, os.memfd_create
from judged import *
program = method("import os", "return os.getpid() and x")
judge = Judge(sandbox=PlainSandbox())
tests = [case(n, expected=n) for n in range(3)]
verdicts = [str(one.verdict) for one in judged(judge, program, problem(), tests).results]
script = judged(judge, "print(input())", problem("", kind="stdin"), [case("5", expected="5")])
late = only(judge, method("while True: pass"), problem(limits=FAST), case(1))
print(json.dumps([verdicts, str(script.verdict), str(late.verdict)]))
"""


def test_systems_without_the_calls_of_linux_judge_too() -> None:
    """No process descriptors, no adoption, no files in memory: as on macOS."""
    done = subprocess.run(
        [sys.executable, "-c", POORER],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["AC"] * 3, "AC", "TLE"]
