"""How fast a program computes inside the sandbox and outside, by its own processor clock.

Outside, it is measured twice: as it is, and after the imports that a program in the sandbox need
not make. Which modules an interpreter has loaded changes where its objects lie, and with that the
time of one loop by a tenth or two, either way.
"""

from __future__ import annotations

import subprocess

from textgrad_code.jail import prelude
from textgrad_code.judge import Judge
from textgrad_code.problem import Limits, Parameter, Problem, Signature, TestCase

IMPORTS = prelude.SOURCE
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
    "calls": """
    def ways(steps):
        return 1 if steps < 2 else ways(steps - 1) + ways(steps - 2)
    ways(29)
""",
    "sorting": """
    values = [(i * 7919 % 100_003, i) for i in range(60_000)]
    values.sort()
    values.sort(key=lambda pair: -pair[1])
""",
    "text": """
    words = [str(i) for i in range(300_000)]
    joined = " ".join(words)
    sum(len(word) for word in joined.upper().split())
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


def outside(python: str, loop: str, before: str = "") -> float:
    """Seconds in a process of the same interpreter.

    Args:
        python: The interpreter.
        loop: Which loop.
        before: Text of the program before it.
    """
    text = f"{before}\n{source(loop)}\nprint(run(0))"
    command = [python, "-I", "-S", "-E", "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)
