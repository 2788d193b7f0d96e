"""How fast a program computes inside the sandbox and outside, by its own processor clock."""

from __future__ import annotations

import subprocess

from textgrad_code.judge import Judge
from textgrad_code.problem import Limits, Parameter, Problem, Signature, TestCase

LOOPS = {
    "arithmetic": """
    total = 0
    for i in range(1_500_000):
        total = (total * 31 + i) % 1_000_003
""",
    "allocation": """
    kept = []
    for i in range(400_000):
        kept.append([i, str(i)])
        if len(kept) > 1000:
            kept = []
""",
    "dict": """
    seen = {}
    for i in range(900_000):
        key = i * 7919 % 50_021
        seen[key] = seen.get(key, 0) + 1
""",
}
PROBLEM = Problem(
    name="speed",
    signature=Signature(kind="function", name="run", parameters=(Parameter(name="n"),)),
    limits=Limits(test_s=60.0),
    visible=(TestCase(arguments=(0,), expected=None),),
)


def source(loop: str) -> str:
    """A function that gives the seconds of processor time of a loop."""
    return (
        "import time\ndef run(n):\n    started = time.process_time()\n"
        f"{LOOPS[loop]}\n    return time.process_time() - started\n"
    )


def inside(judge: Judge, loop: str) -> float:
    """Seconds in the sandbox."""
    (result,) = judge.judge(source(loop), PROBLEM).results
    assert isinstance(result.answer, float), result.message
    return result.answer


def outside(python: str, loop: str) -> float:
    """Seconds in a process of the same interpreter."""
    command = [python, "-I", "-S", "-E", "-c", f"{source(loop)}\nprint(run(0))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)
