"""Judgements as data, in threads and processes, with late answers and broken sandboxes."""

from __future__ import annotations

import json
import os
import pickle
import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judged import FAST, JAILED, PATIENT, case, judged, method, only, opened, problem
from textgrad_code.endings import verdict_of_exit
from textgrad_code.errors import SandboxFailed
from textgrad_code.judge import Judge, judge_job
from textgrad_code.problem import Limits, Problem
from textgrad_code.problem_json import problem_to_json
from textgrad_code.sandbox import ChildLimits, Exit, Sandbox, Tier
from textgrad_code.sandbox.plain import PlainSandbox
from textgrad_code.sandbox.protocol import Child
from textgrad_code.untrusted import clean
from textgrad_code.verdict import Judgement, Verdict
from textgrad_core.errors import UsageError

LIST = problem("f", "List[int]")


@pytest.fixture(scope="module", params=[*JAILED[:1], Tier.NONE])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    sandbox = opened(request.param)
    yield Judge(sandbox=sandbox)
    sandbox.close()


def summing() -> Problem:
    return Problem(
        name="sums",
        signature=LIST.signature,
        visible=(case([1, 2], expected=3),),
        hidden=(case([5], expected=5), case([], expected=0)),
        limits=PATIENT,
    )


def test_a_judgement_is_json(judge: Judge) -> None:
    for program in (method("1 // len(x)\nprint(1)\nreturn sum(x)"), "(", "import os; os.abort()"):
        judgement = judge.judge(program, summing())
        data = json.loads(json.dumps(judgement.to_json()))
        assert Judgement.from_json(data) == judgement


def test_jobs_are_json_in_and_out() -> None:
    job: dict[str, Any] = {
        "program": method("return sum(x) if x else None"),
        "problem": problem_to_json(summing()),
        "min_tier": "none" if not JAILED else "seccomp-strict",
        "allow_unsafe": not JAILED,
    }
    job = json.loads(json.dumps(job))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        told = processes.submit(judge_job, job).result()
    judgement = Judgement.from_json(json.loads(json.dumps(told)))
    assert [one.verdict for one in judgement.results] == ["AC", "AC", "WA"]
    assert judge_job({**job, "tests": "visible"})["tests"] == 1
    assert len(judge_job({**job, "tests": "hidden", "stop_at_first": True})["results"]) == 2  # type: ignore[arg-type]  # a list
    for broken in ({**job, "tests": "some"}, {**job, "test": "all"}, {"program": ""}):
        with pytest.raises(UsageError):
            judge_job(broken)


def test_many_at_once(judge: Judge) -> None:
    programs = [method(f"return sum(x) + {n % 2}\nprint({n})") for n in range(24)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda program: judge.judge(program, summing()), programs))
    assert [one.verdict for one in found] == ["AC", "WA"] * 12


def test_a_judge_travels_as_settings(judge: Judge) -> None:
    copied = pickle.loads(pickle.dumps(Judge(min_tier=Tier.LANDLOCK, allow_unsafe=True)))  # noqa: S301 - our own
    assert (copied.min_tier, copied.allow_unsafe) == (Tier.LANDLOCK, True)
    with pytest.raises(UsageError, match="min_tier"):
        pickle.dumps(judge)


def test_an_opened_sandbox_is_closed_and_opened_again() -> None:
    if not JAILED:
        pytest.skip("platform: no isolation here")
    with Judge() as judge:
        assert judge.judge(method("return sum(x)"), summing()).verdict is Verdict.AC
        first = judge.sandbox
        assert first is judge.sandbox
        judge.close()
        assert judge.judge(method("return 0"), summing()).verdict is Verdict.WA
        assert judge.sandbox is not first


def test_a_program_without_tests_is_not_judged(judge: Judge) -> None:
    with pytest.raises(UsageError, match="no tests"):
        judge.judge("", LIST)


@pytest.mark.parametrize("python", ["/bin/false", "/no/such/python", "/bin/echo", "/bin/cat"])
def test_a_broken_sandbox_is_not_blamed_on_the_program(python: str) -> None:
    with pytest.raises(SandboxFailed):
        Judge(sandbox=PlainSandbox(python)).judge(method("return sum(x)"), summing())


def test_an_answer_that_is_nearly_in_time_is_asked_for_again(tmp_path: Path) -> None:
    mark = str(tmp_path / "ran")
    program = method(
        "import os, time",
        f"try: os.mkdir({mark!r} + str(len(x)))",
        "except FileExistsError: return 1",
        "time.sleep(2.15)",
        "return 1",
    )
    asked = problem("f", "List[int]", limits=Limits(test_s=2.0))
    judgement = judged(
        Judge(sandbox=PlainSandbox()),
        program,
        asked,
        [case([1], expected=1), case([], expected=1)],
    )
    assert [one.verdict for one in judgement.results] == ["AC", "AC"]
    assert len(judgement.notes) == 2
    assert judgement.notes[0].startswith("test 1 took 2.1")
    assert "was run again alone" in judgement.notes[0]


def test_an_answer_that_is_late_again_is_late() -> None:
    program = method("import time; time.sleep(1.1)", "return 1")
    asked = problem("f", "List[int]", limits=Limits(test_s=1.0))
    result = only(Judge(sandbox=PlainSandbox()), program, asked, case([1], expected=1))
    assert result.verdict is Verdict.TLE
    assert "the limit is 1 s" in result.message
    assert result.answered


def test_traces_count_lines(judge: Judge) -> None:
    program = method("for one in x:", "    one", "return 0")
    tests = [case([1, 2, 3], expected=0), case([], expected=1)]
    traces = judge.trace(program, LIST, tests)
    assert [one.verdict for one in traces] == ["AC", "WA"]
    assert traces[0].lines == {4: 4, 5: 3, 6: 1}
    assert traces[0].steps == 8
    assert traces[1].lines == {4: 1, 6: 1}
    assert judge.trace(program, LIST, tests) == traces


def test_traces_of_programs_that_fail(judge: Judge) -> None:
    tests = [case([1], expected=0), case([], expected=0)]
    raising = judge.trace(method("y = 1", "1 / 0"), LIST, tests)
    assert [dict(one.lines) for one in raising] == [{4: 1, 5: 1}] * 2
    looping = judge.trace(method("while True:", "    x = 1"), LIST, tests, most_steps=1000)
    assert [(one.verdict, one.steps) for one in looping] == [("TLE", 1000)] * 2
    stubborn = method(
        "while True:",
        "    try:",
        "        while x: pass",
        "        return 0",
        "    except BaseException: x = 0",
    )
    first, second = judge.trace(stubborn, LIST, tests, most_steps=1000)
    assert (first.steps, second.verdict) == (1000, "AC")
    assert judge.trace("(", LIST, tests) == ()


def test_steps_grow_with_the_input(judge: Judge) -> None:
    program = method("n = 0", "for a in x:", "    for b in x:", "        n += 1", "return n")
    sizes = (10, 20, 40)
    traces = judge.trace(program, LIST, [case([0] * n, expected=n * n) for n in sizes])
    assert [one.steps for one in traces] == [2 * n * n + 2 * n + 3 for n in sizes]


def test_answers_of_many_values_are_not_all_kept(judge: Judge) -> None:
    asked = problem("f", "int", limits=PATIENT)
    tests = [case(n, expected=[n] * 50_000) for n in (1111, 1112, 1113, 1114)]
    judgement = judged(judge, method("return [x] * (50_000 if x < 1114 else 1)"), asked, tests)
    assert [one.verdict for one in judgement.results] == ["AC", "AC", "AC", "WA"]
    kept = [one.answer for one in judgement.results]
    assert kept[0] == tests[0].expected
    assert sum(isinstance(one, str) and one.endswith("not kept") for one in kept) == 1
    assert kept[3] == [1114]


def test_a_late_program_is_told_which_limit_it_broke(judge: Judge) -> None:
    program = method("import time", "time.sleep(x)", "return x")
    asked = problem("f", "float", limits=Limits(test_s=6.0, total_s=2.0))
    judgement = judged(judge, program, asked, [case(0.0, expected=0.0), case(60.0)])
    assert [one.verdict for one in judgement.results] == ["AC", "TLE"]
    message = judgement.results[1].message
    assert re.fullmatch(r"no answer after [\d.]+ s; the tests together may take 2 s", message)
    asked = problem("f", "float", limits=Limits(test_s=0.2, total_s=20.0))
    loading = f"import time\ntime.sleep(60)\n{program}"
    judgement = judged(judge, loading, asked, [case(0.0), case(1.0)])
    told = "no answer after 0.24 s while the program was loaded; the limit is 0.2 s"
    assert [one.message for one in judgement.results] == [told, told]


@pytest.mark.parametrize(
    ("ended", "verdict", "message"),
    [
        (Exit(code=0, signal=None, cpu_s=0, peak_memory_mib=1), "RE", "(exit 0)"),
        (Exit(code=97, signal=None, cpu_s=0, peak_memory_mib=1), "RE", "(exit 97)"),
        (Exit(code=None, signal=31, cpu_s=0, peak_memory_mib=1), "SV", "or its own signal"),
        (Exit(code=None, signal=24, cpu_s=5, peak_memory_mib=1), "TLE", "5 s of CPU"),
        (Exit(code=None, signal=24, cpu_s=0.1, peak_memory_mib=1), "RE", "killed by SIGXCPU"),
        (Exit(code=None, signal=9, cpu_s=5.1, peak_memory_mib=1), "TLE", "5 s of CPU"),
        (Exit(code=None, signal=9, cpu_s=4, peak_memory_mib=1), "RE", "SIGKILL"),
        (Exit(code=None, signal=11, cpu_s=9, peak_memory_mib=1), "RE", "killed by SIGSEGV"),
        (Exit(code=None, signal=99, cpu_s=9, peak_memory_mib=1), "RE", "signal 99"),
    ],
)
def test_ends_of_processes(ended: Exit, verdict: str, message: str) -> None:
    found, told = verdict_of_exit(ended, 5.0)
    assert found == verdict
    assert message in told


def test_cpu_time_is_limited_over_all_tests(judge: Judge) -> None:
    program = method(
        "import threading, time", "if x:",
        "    def burn():\n        while True: pass",
        "    threading.Thread(target=burn, daemon=True).start()",
        "    return 0",
        "time.sleep(30)",
    )  # fmt: skip
    asked = problem("f", "List[int]", limits=Limits(test_s=20.0, total_s=1.5))
    started = time.monotonic()
    judgement = judged(judge, program, asked, [case([1], expected=0), case([], expected=0)])
    assert [one.verdict for one in judgement.results] == ["AC", "TLE"]
    assert time.monotonic() - started < 15


def test_waiting_for_a_processor_is_not_the_programs_time() -> None:
    if not JAILED:
        pytest.skip("platform: no isolation here")
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})  # of one judge; what it starts inherits it
    sandbox = opened(JAILED[0])
    busy = method("import time", "while time.process_time() < 0.2: pass", "return 0")
    idle = method("import time; time.sleep(30)")
    asked = problem("f", "List[int]", limits=replace(FAST, test_s=0.5))
    tests, judge = [case([1], expected=0)], Judge(sandbox=sandbox)
    try:
        with ThreadPoolExecutor(5) as threads:
            programs = [busy] * 4 + [idle]
            found = list(
                threads.map(lambda program: judged(judge, program, asked, tests), programs)
            )
    finally:
        sandbox.close()
        os.sched_setaffinity(0, processors)
    assert [one.verdict for one in found] == ["AC"] * 4 + ["TLE"], [one.message for one in found]
    assert sum(one.wall_s for one in found[:4]) > 4 * 0.5  # they did wait


def test_what_is_printed_counts_for_its_test_alone(judge: Judge) -> None:
    limits = replace(PATIENT, output_bytes=1000)
    asked = problem("f", "List[int]", limits=limits)
    tests = [case([n], expected=n) for n in range(5)]
    program = method("print('x' * 600)", "return x[0]")
    assert judged(judge, program, asked, tests).verdict is Verdict.AC
    assert judged(judge, method("print('x' * 1200)"), asked, tests).verdict is Verdict.OLE


class Counted:
    """A sandbox that notes what is asked of it, and fails as often as it is told to."""

    def __init__(self, inner: Sandbox, failures: int = 0) -> None:
        self.inner, self.tier, self.failures = inner, inner.tier, failures
        self.asked: list[ChildLimits] = []

    def launch(self, limits: ChildLimits) -> Child:
        self.asked.append(limits)
        if len(self.asked) <= self.failures:
            raise SandboxFailed("as told")
        return self.inner.launch(limits)

    def close(self) -> None:
        self.inner.close()


def test_judging_and_tracing_ask_for_the_same_children() -> None:
    counted = Counted(PlainSandbox())
    judge, program = Judge(sandbox=counted), method("return sum(x)")
    for tests in (summing().visible, summing().hidden, None):
        judge.judge(program, summing(), tests)
        judge.trace(program, summing(), tests, total_s=20.0)
    assert len(counted.asked) == 6
    assert len(set(counted.asked)) == 1  # so that every spare fits


def test_a_sandbox_that_fails_once_is_asked_again() -> None:
    once = Judge(sandbox=Counted(PlainSandbox(), failures=1))
    assert once.judge(method("return sum(x)"), summing()).verdict is Verdict.AC
    with pytest.raises(SandboxFailed, match="as told"):
        Judge(sandbox=Counted(PlainSandbox(), failures=2)).judge("", summing())


def test_tracing_ends_in_the_time_it_is_given(judge: Judge) -> None:
    tests = [case([n], expected=0) for n in range(3)]
    traces = judge.trace(method("import time; time.sleep(100)"), LIST, tests, total_s=0.5)
    assert [one.verdict for one in traces] == ["TLE"] * 3


@pytest.mark.filterwarnings("ignore:This process .* multi-threaded:DeprecationWarning")
def test_a_lock_held_while_forking_is_free_in_the_fork(judge: Judge) -> None:
    with judge._lock:
        forked = os.fork()
        if forked == 0:
            os._exit(0 if judge._lock.acquire(blocking=False) else 1)
    assert os.waitpid(forked, 0)[1] == 0


@given(st.text(max_size=400), st.integers(40, 200))
def test_cleaned_texts_are_short_and_harmless(text: str, most: int) -> None:
    cleaned = clean(text + "\x1b[31m\u202e\x00" + text, most)
    assert len(cleaned) <= most
    assert all(one in "\n\t" or one.isprintable() or one.isspace() for one in cleaned)
    assert cleaned == clean(cleaned, most) or len(cleaned) == most


def test_ordinary_texts_stay_as_they_are() -> None:
    text = "Zeile 1: größer als 5 → 😀\n\tx = 'y'\n"
    assert clean(text, 100) == text
    assert clean("a" * 300, 60) == f"{'a' * 24} ...(300 characters)... {'a' * 12}"
