"""Verdicts on programs, in every tier this machine offers and in none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from judged import FAST, PATIENT, TIERS, case, judged, method, only, opened, problem
from textgrad_code.judge import Judge
from textgrad_code.problem import Limits, TestCase
from textgrad_code.sandbox import Tier
from textgrad_code.verdict import Verdict

LIST = problem("f", "List[int]")
TESTS = [case([1, 2], expected=[2, 3]), case([5], expected=[6]), case([], expected=[])]
RIGHT = "return [one + 1 for one in x]"


@pytest.fixture(scope="module", params=TIERS)
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    sandbox = opened(request.param)
    yield Judge(sandbox=sandbox)
    sandbox.close()


def verdicts(judge: Judge, program: str, asked: Any = LIST, tests: Any = TESTS) -> str:
    return " ".join(one.verdict for one in judged(judge, program, asked, tests).results)


def test_a_right_program(judge: Judge) -> None:
    judgement = judged(judge, method("print(len(x))", RIGHT), LIST, TESTS)
    assert judgement.verdict is Verdict.AC
    assert (judgement.passed, judgement.tests, judgement.pass_fraction) == (3, 3, 1.0)
    assert (judgement.message, judgement.notes, judgement.compile_error) == ("", (), None)
    assert [one.answer for one in judgement.results] == [[2, 3], [6], []]
    assert [one.output for one in judgement.results] == ["2\n", "1\n", "0\n"]
    assert all(one.answered and one.seconds > 0 for one in judgement.results)
    assert judgement.tier == judge.sandbox.tier
    assert judgement.python.startswith("3.")
    assert judgement.wall_s > 0
    assert judgement.cpu_s > 0
    assert 1 < judgement.peak_memory_mib < 500


def test_it_goes_on_after_failures_and_weighs_tests(judge: Judge) -> None:
    program = method("if not x: raise KeyError('none')", "return [one + 1 for one in x][:1]")
    tests = [
        TestCase(arguments=one.arguments, expected=one.expected, weight=w)
        for one, w in zip([*TESTS, TESTS[1]], (1.0, 2.0, 4.0, 8.0), strict=True)
    ]
    judgement = judged(judge, program, LIST, tests)
    assert [one.verdict for one in judgement.results] == ["WA", "AC", "RE", "AC"]
    assert judgement.verdict is Verdict.WA
    assert judgement.pass_fraction == 10 / 15
    difference = "expected 2 items, got 1 item; the first is equal"
    assert judgement.message == f"test 1: wrong answer: {difference}"
    assert judgement.results[2].message == "KeyError: 'none'"


def test_it_may_stop_at_the_first_failure(judge: Judge) -> None:
    judgement = judge.judge(method("return [2, 3]"), LIST, TESTS, stop_at_first=True)
    assert [one.verdict for one in judgement.results] == ["AC", "WA"]
    assert judgement.tests == 3
    assert judgement.pass_fraction == 1 / 3


def test_an_exception_comes_with_the_lines_of_the_program(judge: Judge) -> None:
    program = method(
        "import functools",
        "return functools.reduce(g, [1, 2], 3)",
        before="def g(a, b):\n    return json.loads('{' * b)  # here",
    )
    result = only(judge, program, LIST, TESTS[0])
    assert (result.verdict, result.exception) == (Verdict.RE, "JSONDecodeError")
    assert [(line.line, line.function) for line in result.trace] == [(6, "f"), (2, "g")]
    assert result.trace[1].text == "    return json.loads('{' * b)  # here"


@pytest.mark.parametrize(
    ("program", "message", "line", "column"),
    [
        ("class Solution:\n  def f(self, x)\n    pass", "SyntaxError: expected ':'", 2, 17),
        ("x = (1\n", "SyntaxError: '(' was never closed", 1, 5),
        ("def f():\n    a = 1\n      b = 2\n", "IndentationError: unexpected indent", 3, None),
        ("a = 1\nb = 2\0\n", "null bytes", 2, None),
        ("return 1", "SyntaxError: 'return' outside function", 1, 1),
        ("x = " + "-" * 100_000 + "1", "nested too deeply", None, None),
        ("x = '\ud800'", "UnicodeEncodeError", None, None),
        ("if 1:\n\tx = 1\n        y = 2\n", "TabError", 3, None),
    ],
)
def test_compile_errors(
    judge: Judge, program: str, message: str, line: int | None, column: int | None
) -> None:
    judgement = judged(judge, program, LIST, TESTS)
    error = judgement.compile_error
    assert judgement.verdict is Verdict.CE
    assert judgement.results == ()
    assert error is not None
    assert message in error.message
    assert error.line == line
    assert column in (None, error.column)
    assert error.text == ("" if line is None else program.splitlines()[line - 1].strip("\0"))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1", "the program defines no class 'Solution'; it defines nothing"),
        ("def f(x): pass", "the program defines no class 'Solution'; it defines f"),
        (method("pass", name="g"), "class Solution has no method 'f'; it defines g"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_program_that_does_not_load_fails_every_test(
    judge: Judge, program: str, message: str
) -> None:
    judgement = judged(judge, program, LIST, TESTS)
    assert [one.verdict for one in judgement.results] == ["RE", "RE", "RE"]
    assert all(message in one.message for one in judgement.results)


REQUIRED = {
    "os._exit": ("import os; os._exit(0)", "RE", "ended before returning (exit 0)"),
    "sys.exit": ("sys.exit(0)", "RE", "ended before returning (exit 0)"),
    "exit text": ("sys.exit('passed')", "RE", "ended before returning (exit 1)"),
    "prints passed": (
        "print('passed', flush=True); import os; os._exit(0)", "RE", "ended before returning"),
    "unknown type": (
        "class E:\n    def __eq__(self, other): return True\nreturn E()", "RE",
        "cannot serialise a value of type E"),
    "lying list": (
        "class E(list):\n    def __eq__(self, other): return True\nreturn E([9])", "WA", ""),
    "lying text": (
        "class E(str):\n    def __eq__(self, other): return True\nreturn E('9')", "WA", ""),
    "patched builtins": (
        "import builtins\nbuiltins.any = builtins.sorted = lambda *a, **k: True\nreturn [9]",
        "WA", ""),
    "skip test": ("import unittest; raise unittest.SkipTest('x')", "RE", "SkipTest: x"),
    "keyboard interrupt": ("raise KeyboardInterrupt", "RE", "KeyboardInterrupt"),
    "swallowed memory error": (
        f"try: bytearray(1500 << 20)\nexcept MemoryError: pass\n{RIGHT}", "AC", ""),
    "memory": ("return len(bytearray(1500 << 20))", "MLE", "ran out of memory"),
    "slow memory": ("a = []\nwhile True: a.append('x' * 100000 + str(len(a)))", "MLE", ""),
    "prints 64 MB": ("print('x' * (64 << 20))", "OLE", "printed more than 1048576 bytes"),
    "prints for ever": ("while True: print('x' * 1000, file=sys.stderr)", "OLE", ""),
    "large answer": ("return [0] * 10**7", "OLE", "the answer is too large"),
    "long answer": ("return 'x' * (5 << 20)", "OLE", "the answer is too large"),
    "many digits": ("return 1 << 3_000_000", "WA", "an integer of 3000001 bits"),
    "nesting": ("x = []\nfor _ in range(10**5): x = [x]\nreturn x", "RE", "nested deeper"),
    "cycle": ("x.append(x); return x", "RE", "contains itself"),
    "nan": ("return [float('nan')]", "WA", ""),
    "surrogate": ("return '\\ud800'", "WA", ""),
    "generator": (
        "yield 1", "RE",
        "cannot serialise a value of type generator; a list of its items can be",
    ),
    "recursion": ("return self.f(x)", "RE", "RecursionError: maximum recursion depth"),
    "recursion through C": (
        "g = lambda n: sorted([n], key=lambda _: g(n))\nreturn g(1)", "RE", "RecursionError"),
    "recursion through a cache": (
        "@cache\ndef g(n): return g(n + 1)\nreturn g(1)", "RE", "RecursionError"),
    "null pointer": ("import ctypes; ctypes.string_at(0)", "RE", "killed by SIGSEGV"),
    "abort": ("import os; os.abort()", "RE", "killed by SIGABRT"),
    "stack overflow": (  # the stack ends where memory does: SIGSEGV, or an error of Python's own
        "sys.setrecursionlimit(10**9)\ng = lambda n: sorted([n], key=lambda _: g(n))\n"
        "return g(1)", "RE", ""),
    "atexit loop": (
        f"import atexit\ndef loop():\n    while True: pass\natexit.register(loop)\n{RIGHT}",
        "AC", ""),
    "thread left": (
        "import threading, time\n"
        f"threading.Thread(target=time.sleep, args=(99,)).start()\n{RIGHT}",
        "AC", ""),
    "patched clock": (
        f"import time\ntime.monotonic = time.time = lambda: 0\n{RIGHT}", "AC", ""),
    "three-argument pow": (f"assert pow(3, 5, 7) == 5\n{RIGHT}", "AC", ""),
    "environment": ("import os; return os.environ['HOME']", "RE", "KeyError: 'HOME'"),
    "input": ("return input()", "RE", "EOFError"),
    "trace function": (f"sys.settrace(lambda *a: None)\n{RIGHT}", "AC", ""),
    "exception without text": (
        "class X(Exception):\n    def __str__(self): raise self\nraise X", "RE", "X"),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUIRED)
def test_required_verdicts(judge: Judge, name: str) -> None:
    body, verdict, message = REQUIRED[name]
    result = only(judge, method(body), LIST, TESTS[0])
    assert result.verdict == verdict, result
    assert message in result.message


LOOPS = {
    "loop": "while True: pass",
    "swallows": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "sleep": "import time; time.sleep(99)",
    "one C call": "return sum(range(10**12))",
    "signals blocked": (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass"
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_stopped_and_the_rest_is_run(judge: Judge, name: str) -> None:
    program = method("if len(x) == 1:", *(f"    {one}" for one in LOOPS[name].splitlines()), RIGHT)
    judgement = judged(judge, program, problem("f", "List[int]", limits=FAST), TESTS)
    assert [one.verdict for one in judgement.results] == ["AC", "TLE", "AC"]
    assert "the limit is 1 s" in judgement.results[1].message


def test_a_loop_at_import_fails_every_test_once(judge: Judge) -> None:
    asked = problem("f", "List[int]", limits=FAST)
    judgement = judged(judge, "while True: pass", asked, TESTS)
    assert [one.verdict for one in judgement.results] == ["TLE"] * 3
    assert [one.seconds > 0 for one in judgement.results] == [True, False, False]  # once


def test_after_a_crash_the_rest_is_run(judge: Judge) -> None:
    program = method("if len(x) == 1: import os; os.abort()", RIGHT)
    assert verdicts(judge, program) == "AC RE AC"


def test_tests_beyond_the_total_are_not_run(judge: Judge) -> None:
    limits = Limits(test_s=5.0, total_s=0.6)
    program = method("import time; time.sleep(0.4)", RIGHT)
    judgement = judged(judge, program, problem("f", "List[int]", limits=limits), TESTS * 2)
    assert [one.verdict for one in judgement.results[1:]] == ["TLE"] * 5
    assert judgement.results[-1].message == "not run: the tests together may take 0.6 s"


def test_state_left_by_earlier_tests_is_found(judge: Judge) -> None:
    program = method("seen.append(1)", "return [one + 1 for one in x][:1 + 1 // len(seen)]",
                     before="seen = []")  # fmt: skip
    judgement = judged(judge, program, LIST, [TESTS[0], TESTS[0]])
    assert [one.verdict for one in judgement.results] == ["AC", "WA"]
    assert [one.passes_alone for one in judgement.results] == [None, True]
    assert judgement.notes == (
        "test 2 passes alone: what earlier tests leave behind makes it fail",
    )
    judgement = judged(judge, method("return x"), LIST, [case([1], expected=[1]), TESTS[0]])
    assert judgement.results[1].passes_alone is False


def test_tests_do_not_see_what_others_did_to_arguments(judge: Judge) -> None:
    program = method("x.append(1)", "return x")
    tests = [case([1], expected=[1, 1]), case([1], expected=[1, 1])]
    judgement = judged(judge, program, LIST, tests)
    assert judgement.verdict is Verdict.AC
    assert [one.mutated for one in judgement.results] == [(0,), (0,)]


FORGERIES = {
    "frames on every descriptor": """
import os
frame = b'{"answer":[2,3],"mutated":[],"nonce":"0"}'
for fd in range(3, 64):
    try: os.write(fd, len(frame).to_bytes(4, 'little') + frame)
    except OSError: pass
""",
    "garbage on every descriptor": """
import os
for fd in range(3, 64):
    try: os.write(fd, b'\\xff' * 100)
    except OSError: pass
""",
    "the driver's own nonce": """
import gc
for one in gc.get_objects():
    if type(one).__name__ == 'Driver':
        one.tell({'answer': [2, 3], 'mutated': []})
""",
    "an unknown tag": """
import gc
for one in gc.get_objects():
    if type(one).__name__ == 'Driver':
        one.tell({'answer': {'$pickle': 'gASV'}, 'mutated': []})
""",
    "no answer at all": """
import gc
for one in gc.get_objects():
    if type(one).__name__ == 'Driver':
        one.tell({'ready': True})
""",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_frames_are_violations(judge: Judge, name: str) -> None:
    result = only(judge, method(FORGERIES[name], RIGHT), LIST, TESTS[0])
    assert result.verdict is Verdict.RE
    assert "protocol violation" in result.message
    after = method(f"if len(x) == 1:\n    pass\n    {FORGERIES[name].strip()!r}\n{RIGHT}")
    assert verdicts(judge, after) == "AC AC AC"


def test_an_answer_sent_late_is_no_answer_to_the_next_test(judge: Judge) -> None:
    program = method(
        "import gc, threading, time",
        "(driver,) = [one for one in gc.get_objects() if type(one).__name__ == 'Driver']",
        "from textgrad_code.jail.frames import write_frame",
        "forged = {'answer': [6], 'mutated': [], 'nonce': driver.nonce}",
        "def forge():",
        "    time.sleep(0.2)",
        "    write_frame(driver.answer_fd, forged)",
        "if len(x) == 2: threading.Thread(target=forge).start()",
        "else: time.sleep(9)",
        RIGHT,
    )
    judgement = judged(judge, program, LIST, TESTS[:2])
    assert judgement.results[1].verdict is Verdict.RE
    assert "protocol violation" in judgement.results[1].message


def test_closing_the_channel_is_no_success(judge: Judge) -> None:
    result = only(judge, method("import os; os.closerange(3, 64)", RIGHT), LIST, TESTS[0])
    assert result.verdict is Verdict.RE


def test_expected_answers_are_not_in_the_sandbox(judge: Judge) -> None:
    program = method(
        "import gc, sys",
        "found, frame = [], sys._getframe()",
        "while frame: found.append(repr(frame.f_locals)); frame = frame.f_back",
        "found += [repr(one) for one in gc.get_objects() if type(one) in (dict, list, tuple)]",
        "return any(''.join(['73', '31'] * 4) in one for one in found)",
    )
    test = TestCase(arguments=([1],), expected=7331733173317331)
    asked = problem("f", "List[int]", limits=Limits(test_s=30.0, memory_mib=1024))
    assert only(judge, program, asked, test).answer is False


def test_texts_of_the_program_are_cleaned_and_cut(judge: Judge) -> None:
    program = method("raise ValueError('\\x1b[2J\\x1b]0;t\\x07a\\u202eb\\u200b\\0' + 'c' * 9999)")
    result = only(judge, program, LIST, TESTS[0])
    assert result.message.startswith("ValueError: abccc")
    assert len(result.message) < 600
    result = only(judge, method("print('\\x1b[31mred', 'x' * 99999)", RIGHT), LIST, TESTS[0])
    assert result.output.startswith("red xxx")
    assert len(result.output) <= 4000


def test_sets_come_in_the_same_order_every_time(judge: Judge) -> None:
    program = method("return list({'a', 'b', 'c', 'd', 'e', 'f', 'g'})")
    orders = [only(judge, program, LIST, TESTS[0]).answer for _ in range(3)]
    assert orders[0] == orders[1] == orders[2]


def test_isolation_is_in_every_result(judge: Judge) -> None:
    judgement = judged(judge, "(", LIST, TESTS)
    assert Tier(judgement.tier) is judge.sandbox.tier
    assert PATIENT.test_s > 1
