"""Programs that read standard input: every way to read it and to print, in every tier."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from judged import JAILED, case, judged, only, opened, problem
from textgrad_code.judge import Judge
from textgrad_code.sandbox import Tier, inputs
from textgrad_code.verdict import Verdict

SCRIPT = problem("", kind="stdin")


@pytest.fixture(scope="module", params=[*JAILED, Tier.NONE])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    sandbox = opened(request.param)
    yield Judge(sandbox=sandbox)
    sandbox.close()


WHOLE_INPUT = [
    "sys.stdin.read()",
    "sys.__stdin__.read()",
    "''.join(sys.stdin)",
    "''.join(sys.stdin.readlines())",
    "''.join(iter(sys.stdin.readline, ''))",
    "sys.stdin.buffer.read().decode()",
    "sys.stdin.buffer.raw.read().decode()",
    "open(0).read()",
    "open(0, 'rb').read().decode()",
    "open(sys.stdin.fileno()).read()",
    "open('/dev/stdin').read()",
    "open('/dev/fd/0').read()",
    "io.open(0).read()",
    "io.open('/dev/stdin', 'rb').read().decode()",
    "io.FileIO(0).read().decode()",
    "io.BytesIO(os.read(0, os.fstat(0).st_size)).read().decode()",
    "os.read(sys.stdin.fileno(), 10 ** 6).decode()",
    "os.read(os.open('/dev/stdin', os.O_RDONLY), 10 ** 6).decode()",
    "b''.join(iter(lambda: os.read(0, 1000), b'')).decode()",
    "os.fdopen(0).read()",
    "os.fdopen(os.dup(0), 'rb').read().decode()",
    "Path('/dev/stdin').read_text()",
    "Path('/dev/stdin').read_bytes().decode()",
    "Path('/dev/stdin').open().read()",
    "mmap.mmap(0, 0, access=mmap.ACCESS_READ)[:].decode()",
    "codecs.open('/dev/stdin', encoding='utf-8').read()",
    "''.join(fileinput.input())",
    "''.join(fileinput.input('/dev/stdin'))",
    "'\\n'.join(lines()) + '\\n'",
]
READS = """
import codecs, fileinput, io, mmap, os, sys
from pathlib import Path
def lines():
    while True:
        try: yield input()
        except EOFError: return
text = {expression}
print(len(text.split()), text.split()[-1], text.count("\\n"))
"""


@pytest.mark.parametrize("expression", WHOLE_INPUT)
def test_the_whole_input_is_read(judge: Judge, expression: str) -> None:
    """By three tests, of which none sees another's input."""
    tests = [
        case("1 2\n3 ä\n", expected="4 ä 2"),
        case("x\n" * 20_000, expected="20000 x 20000"),
        case("last\n", expected="1 last 1"),
    ]
    results = judged(judge, READS.format(expression=expression), SCRIPT, tests).results
    assert [one.verdict for one in results] == ["AC"] * 3, results


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("try: input()\nexcept EOFError: print('end')", "end"),
        ("import os; print(os.read(0, 10))", "b''"),
        ("import sys; print(repr(sys.stdin.readline()), sys.stdin.isatty())", "'' False"),
        ("import select; print(len(select.select([0], [], [], 0)[0]))", "1"),
    ],
)
def test_an_empty_input(judge: Judge, program: str, expected: str) -> None:
    assert only(judge, program, SCRIPT, case("", expected=expected)).verdict is Verdict.AC


@pytest.mark.parametrize(
    "spoil",
    [
        "import os; os.close(0)",
        "import sys; sys.stdin.close()",
        "import sys; sys.stdin = None",
        "import os; kept = os.fdopen(0); kept.loop = kept",
        "import io; kept = [io.FileIO(0)]; kept.append(kept)",
        "import fileinput; next(fileinput.input())",
        "import os; os.lseek(0, 0, 2)",
    ],
)
def test_what_a_run_does_to_its_input_is_gone_with_it(judge: Judge, spoil: str) -> None:
    program = f"print(input())\n{spoil}"
    tests = [case(f"{n}\nmore\n", expected=str(n)) for n in range(3)]
    results = judged(judge, program, SCRIPT, tests).results
    assert [one.verdict for one in results] == ["AC"] * 3, results


@pytest.mark.parametrize(
    "writes",
    [
        "print(number)",
        "sys.stdout.write(text)",
        "sys.stdout.buffer.write(text.encode())",
        "os.write(1, text.encode())",
        "os.write(sys.stdout.fileno(), text.encode())",
        "os.writev(1, [text.encode()])",
        "open(1, 'w').write(text)",
        "io.open('/dev/stdout', 'wb').write(text.encode())",
        "Path('/dev/stdout').write_text(text)",
        "os.fdopen(1, 'wb').write(text.encode())",
        "atexit.register(print, number)",
        "atexit.register(lambda: os.write(1, text.encode()))",
        "threading.Thread(target=lambda: (time.sleep(0.05), print(number))).start()",
        "concurrent.futures.ThreadPoolExecutor().submit(print, number).result()",
        "def late(): time.sleep(0.05); print(number)\n"
        "concurrent.futures.ThreadPoolExecutor().submit(late)",
        "sys.__stdout__.write(text)",
        "sys.stdout = io.StringIO(); sys.stdout = sys.__stdout__; print(number)",
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8'); print(number)",
        "sys.stdout = io.TextIOWrapper(io.BufferedWriter(sys.stdout.buffer)); print(number)",
        "sys.stdout = open(1, 'w'); print(number)",
        "sys.stdout = open(sys.stdout.fileno(), 'w', closefd=False); print(number)",
        "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8'); print(number)",
        "out = open(1, 'w'); out.write(text)",
        "out = open(1, 'w'); out.write(text); sys.modules[__name__].out = out",
        "out = open(1, 'wb')\ndef write(): out.write(text.encode())\nwrite()",
        "out = open(sys.stdout.fileno(), 'w', closefd=False)\ndef f(): pass\nout.write(text)",
        "out = os.fdopen(os.dup(1), 'w')\nclass C: pass\nprint(number, file=out)",
        "out = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, 'w')))\n"
        "def f(): pass\nout.write(text)",
        "class Out(io.TextIOWrapper): pass\nout = Out(open(1, 'wb')); out.write(text)",
        "sys.stdout.detach().write(text.encode())",
        "sys.stdout.buffer.raw.write(text.encode())",
        "sys.stdout.reconfigure(line_buffering=True); print(number); os.close(1)",
        "io.FileIO(1, 'w').write(text.encode())",
        "out = os.fdopen(os.dup(1), 'w'); out.write(text)",
        "os.dup2(1, 9); os.write(9, text.encode())",
        "os.dup2(2, 9); os.dup2(1, 2); print(number, file=sys.stderr)",
        "os.write(os.open('/dev/stdout', os.O_WRONLY), text.encode())",
        "ctypes.CDLL(None).write(1, text.encode(), len(text))",
        "Last = type('Last', (), {'__del__': lambda self: print(number)}); last = Last()",
        "class Last:\n  def __del__(self): print(number)\nlast = Last(); last.itself = last",
        "last = weakref.finalize(os, print, number)",
        "atexit.register(lambda: print(sys.modules['__main__'].number))",
        "print(text, end=''); sys.exit()",
    ],
)
def test_every_way_to_print_is_the_answer(judge: Judge, writes: str) -> None:
    program = (
        "import atexit, concurrent.futures, ctypes, io, os, sys, threading, time, weakref\n"
        "from pathlib import Path\n"
        f"number = int(input()) + 1\ntext = f'{{number}}\\n'\n{writes}"
    )
    tests = [case("6", expected="7"), case("8", expected="9")]
    results = judged(judge, program, SCRIPT, tests).results
    assert [one.verdict for one in results] == ["AC", "AC"], results


@pytest.mark.parametrize(
    "tidies",
    [
        "del sys.modules['__main__']",
        "sys.modules.clear()",
        "del sys.stdout",
        "del sys.stderr",
        "json.JSONEncoder.encode = None",
    ],
)
def test_what_a_script_tidies_up_is_not_missed(judge: Judge, tidies: str) -> None:
    program = f"import json, sys\nprint(int(input()) + 1)\n{tidies}"
    tests = [case("6", expected="7"), case("8", expected="9")]
    results = judged(judge, program, SCRIPT, tests).results
    assert [one.verdict for one in results] == ["AC", "AC"], results


FAST_IO = """
import os, sys
from io import BytesIO, IOBase
class Stream(IOBase):
    newlines = 0
    def __init__(self, file):
        self.fd, self.buffer = file.fileno(), BytesIO()
        self.writable = "x" in file.mode or "r" not in file.mode
        self.write = self.buffer.write if self.writable else None
    def readline(self):
        while self.newlines == 0:
            block = os.read(self.fd, max(os.fstat(self.fd).st_size, 8192))
            self.newlines = block.count(b"\\n") + (not block)
            at = self.buffer.tell()
            self.buffer.seek(0, 2), self.buffer.write(block), self.buffer.seek(at)
        self.newlines -= 1
        return self.buffer.readline()
    def flush(self):
        if self.writable:
            os.write(self.fd, self.buffer.getvalue())
            self.buffer.truncate(0), self.buffer.seek(0)
fast, out = Stream(sys.stdin), Stream(sys.stdout)
for _ in range(int(fast.readline())):
    out.write(b"%d\\n" % sum(map(int, fast.readline().split())))
"""
CLOSING = {
    "flush": "out.flush()",
    "nothing": "sys.stdout = out",
    "exit": "sys.stdout = out\nexit()",
}


@pytest.mark.parametrize(
    "program",
    [
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout, format='%(message)s')\n"
        "logging.warning(int(input()) + 1)",
        "import decimal\nassert decimal.getcontext().prec == 28\ndecimal.getcontext().prec = 5\n"
        "print(int(input()) + 1)",
        "import sys\nassert sys.getrecursionlimit() < 99_999\nsys.setrecursionlimit(99_999)\n"
        "print(int(input()) + 1)",
        "import builtins\nprint(int(input()) + 1)\nbuiltins.input = None",
    ],
)
def test_every_input_has_a_process_of_its_own(judge: Judge, program: str) -> None:
    tests = [case(str(n), expected=str(n + 1)) for n in range(3)]
    judgement = judged(judge, program, SCRIPT, tests)
    assert [one.verdict for one in judgement.results] == ["AC"] * 3, judgement
    assert (judgement.notes, judgement.cpu_s > 0) == ((), True)


def test_long_output_is_read_while_it_is_printed(judge: Judge) -> None:
    program = "import sys\nn = int(input())\nsys.stdout.write('x' * n)\nprint('y', end='')"
    asked = replace(SCRIPT, limits=replace(SCRIPT.limits, answer_bytes=1 << 20))
    results = judged(
        judge, program, asked, [case(str((1 << 20) + n), expected="") for n in (-1, 0, 1 << 20)]
    ).results
    assert [one.verdict for one in results] == ["WA", "OLE", "OLE"]
    assert str(results[0].answer) == "x" * ((1 << 20) - 1) + "y"


def test_a_trace_of_a_script_holds_what_runs_at_its_end(judge: Judge) -> None:
    program = "import atexit\n@atexit.register\ndef last():\n    print(int(input()))\n"
    traces = judge.trace(program, SCRIPT, [case("5", expected="5"), case("6", expected="6")])
    assert [(one.lines[4], one.verdict) for one in traces] == [(1, "AC")] * 2


@pytest.mark.parametrize("end", CLOSING.values(), ids=CLOSING)
def test_templates_of_contests_that_read_descriptors(judge: Judge, end: str) -> None:
    tests = [case("2\n1 2\n3 4\n", expected="3\n7"), case("1\n5 5", expected="10")]
    assert [r.verdict for r in judged(judge, FAST_IO + end, SCRIPT, tests).results] == ["AC", "AC"]


def test_no_test_sees_the_input_of_the_next(judge: Judge) -> None:
    """Also not if a thread of the first one goes on reading; the file holds one input at most."""
    program = (
        "import os, sys\nwhole = os.pread(0, 100, 0)\n"
        "print(whole == sys.stdin.buffer.read(), len(whole))"
    )
    tests = [case("a" * n, expected=f"True {n}") for n in (9, 3, 5)]
    assert [r.verdict for r in judged(judge, program, SCRIPT, tests).results] == ["AC"] * 3


def test_the_input_cannot_be_written(judge: Judge) -> None:
    program = "import os\nprint(input())\nos.{}"
    for call in ("write(0, b'x')", "ftruncate(0, 0)", "pwrite(0, b'x', 0)"):
        result = only(judge, program.format(call), SCRIPT, case("5", expected="5"))
        assert (result.verdict, "Error" in result.message) == (Verdict.RE, True), result


@pytest.mark.parametrize("missing", ["memfd_create", "/proc"])
def test_an_input_where_memory_has_no_descriptors(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """As on other systems than Linux, or without /proc."""
    if missing == "/proc":
        really = os.open

        def refuse(path: str, flags: int, *rest: int) -> int:
            if str(path).startswith("/proc"):
                raise FileNotFoundError(path)
            return really(path, flags, *rest)

        monkeypatch.setattr(os, "open", refuse)
    else:
        monkeypatch.delattr(os, missing)
    writes, reads = inputs.input_file()
    try:
        for text in ("a long text", "ä"):
            inputs.give(writes, text)
            os.lseek(reads, 0, os.SEEK_SET)
            assert os.read(reads, 100).decode() == text
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(reads, b"x")
        assert os.fstat(reads).st_nlink == 0
    finally:
        os.close(writes)
        os.close(reads)
