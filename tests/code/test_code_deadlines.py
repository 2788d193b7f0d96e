"""A judgement keeps to its deadline, and its verdict stands whatever the closer look does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

import textgrad_core as tg
from judged import PATIENT, case, method, problem
from textgrad_code.domain import Programs
from textgrad_code.errors import DeadlinePassed, SandboxFailed
from textgrad_code.feedback import feedback
from textgrad_code.judge import Judge
from textgrad_code.observing import observed
from textgrad_code.problem import Limits, Parameter, Problem, Signature, TestCase
from textgrad_code.sandbox import ChildLimits, Tier
from textgrad_code.sandbox.plain import PlainChild, PlainSandbox
from textgrad_code.scaling import measured_growth
from textgrad_code.verdict import Verdict

SLEEPER = "import time\ndef f(x):\n    time.sleep(100)\n"
LEAKY = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)\n"
ONES = Problem(
    name="ones",
    signature=Signature(kind="function", name="f", parameters=(Parameter(name="x"),)),
    visible=(TestCase(arguments=(1,), expected=1), TestCase(arguments=(2,), expected=1)),
    limits=PATIENT,
    scaling="def arguments(n): return [n]",
)


class Starved(PlainSandbox):
    """Children that never get a processor, if one believes what they say."""

    def launch(self, limits: ChildLimits) -> PlainChild:
        child, started = super().launch(limits), monotonic()
        vars(child)["waited_s"] = lambda: monotonic() - started
        return child


class Crowded(Starved):
    """Children whose first thread never gets a processor, for their other threads have them."""

    def launch(self, limits: ChildLimits) -> PlainChild:
        child = super().launch(limits)
        vars(child)["cpu_s"] = child.waited_s
        return child


class Stalled(PlainSandbox):
    """Whoever looks at its children is kept from it, for longer than a program may take."""

    def launch(self, limits: ChildLimits) -> PlainChild:
        child = super().launch(limits)
        vars(child)["threads"] = lambda: sleep(0.7)
        return child


class Paused(PlainSandbox):
    """A machine that stands still for longer than a limit, when a file is named as a process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def launch(self, limits: ChildLimits) -> PlainChild:
        child = super().launch(limits)

        def pause() -> None:
            for named in self.folder.iterdir():
                named.unlink()
                os.kill(int(named.name), signal.SIGSTOP)
                sleep(0.7)
                os.kill(int(named.name), signal.SIGCONT)

        vars(child)["threads"] = pause
        return child


class Slowing(PlainSandbox):
    """Launches one child, and the next ones when no deadline of these tests is left."""

    launched = 0

    def launch(self, limits: ChildLimits) -> PlainChild:
        sleep(2.5 * min(self.launched, 1))
        self.launched += 1
        return super().launch(limits)


class Failing(PlainSandbox):
    """Launches so many children and then no more."""

    def __init__(self, launches: int) -> None:
        super().__init__()
        self.left = launches

    def launch(self, limits: ChildLimits) -> PlainChild:
        self.left -= 1
        if self.left < 0:
            raise SandboxFailed("as told")
        return super().launch(limits)


def test_a_program_that_takes_the_time_is_late() -> None:
    judgement = Judge(sandbox=PlainSandbox()).judge(SLEEPER, ONES, deadline_s=2.0)
    assert [one.verdict for one in judgement.results] == ["TLE", "TLE"]
    assert judgement.results[1].message.startswith("not run")


def test_a_program_that_hardly_ran_is_not_blamed() -> None:
    with pytest.raises(DeadlinePassed, match=r"no verdict within 0.\d+ s; the program ran for"):
        Judge(sandbox=Starved()).judge(SLEEPER, ONES, deadline_s=0.7)


def test_a_program_that_keeps_itself_waiting_is_late() -> None:
    judgement = Judge(sandbox=Crowded()).judge(SLEEPER, ONES, deadline_s=0.7)
    assert [one.verdict for one in judgement.results] == ["TLE", "TLE"]
    asked = problem("f", kind="function", limits=Limits(test_s=0.2, total_s=30.0))
    (result,) = Judge(sandbox=Crowded()).judge(SLEEPER, asked, [case(1)]).results
    assert result.verdict is Verdict.TLE
    assert result.seconds >= 0.24


@pytest.mark.parametrize("slept_s", [1.7, 100])
def test_no_time_for_another_process_saves_no_late_program(slept_s: float) -> None:
    program = f"import time\ndef f(x):\n    time.sleep({slept_s})\n    return x"
    asked = problem("f", kind="function", limits=Limits(test_s=1.6, total_s=30.0))
    judgement = Judge(sandbox=Slowing()).judge(program, asked, [case(1), case(1)], deadline_s=3.0)
    assert [one.verdict for one in judgement.results] == ["TLE", "TLE"]
    assert judgement.results[1].message == "not run: the tests together may take 3 s"


def test_a_judge_that_was_kept_from_looking_blames_nobody() -> None:
    asked = problem("f", kind="function", limits=Limits(test_s=0.4, total_s=30.0))
    napper = "import time\ndef f(x):\n    time.sleep(0.1)\n    return x"
    judge = Judge(sandbox=Stalled())
    judgement = judge.judge(napper, asked, [case(1, expected=1)])
    assert (judgement.verdict, judgement.notes) == ("AC", ())
    late = judge.judge(SLEEPER, asked, [case(1)])
    assert late.verdict is Verdict.TLE


def test_a_machine_that_stood_still_blames_nobody(tmp_path: Path) -> None:
    asked = problem("f", kind="function", limits=Limits(test_s=0.4, total_s=30.0))
    naps = (
        "import os, time\n"
        "def f(x):\n"
        f"    open({str(tmp_path)!r} + f'/{{os.getpid()}}', 'w').close()\n"
        "    for _ in range(5): time.sleep(0.04)\n"
        "    return x"
    )
    judge = Judge(sandbox=Paused(tmp_path))
    (result,) = judge.judge(naps, asked, [case(1, expected=1)]).results
    assert (result.verdict, result.message) == ("AC", "")


def test_the_domain_gives_up_at_its_deadline() -> None:
    programs = Programs(problem=ONES)
    object.__setattr__(programs, "judge", Judge(sandbox=Starved()))
    outcome = programs.evaluate(SLEEPER, tg.EvaluationContext(tier="screen", deadline_s=0.7))
    assert isinstance(outcome, tg.Unmeasured)


def test_without_time_for_a_closer_look_the_feedback_says_so() -> None:
    judge = Judge(sandbox=PlainSandbox())
    program = LEAKY.replace("len(seen)", "2")
    judgement = judge.judge(program, ONES)
    data = observed(judge, program, ONES, judgement, until=monotonic())
    told = feedback(ONES, program, data)
    assert "Verdict WA" in told
    assert "there was no time left to count the lines that each test runs" in told
    assert "no time" not in feedback(ONES, program, observed(judge, program, ONES, judgement))


@pytest.mark.parametrize("more", [0, 1])
def test_a_sandbox_that_fails_while_tracing_changes_no_verdict(more: int) -> None:
    program = LEAKY.replace("len(seen)", "2")
    judgement = Judge(sandbox=PlainSandbox()).judge(program, ONES)
    data: dict[str, Any] = observed(Judge(sandbox=Failing(more)), program, ONES, judgement)
    assert data["verdict"] == "WA"
    assert bool(data["lines"]) == bool(more)  # traced, but its growth was not measured
    assert any("the sandbox failed" in note and "as told" in note for note in data["notes"])


def test_a_sandbox_that_fails_while_a_test_runs_alone_changes_no_verdict() -> None:
    judgement = Judge(sandbox=Failing(1)).judge(LEAKY, ONES)
    assert [one.verdict for one in judgement.results] == ["AC", "WA"]
    assert judgement.results[1].passes_alone is None
    assert judgement.notes == ("it was not seen if test 2 passes alone: as told",)


def test_growth_keeps_to_its_time() -> None:
    judge = Judge(sandbox=PlainSandbox())
    assert measured_growth(judge, SLEEPER, ONES, total_s=0.5) is None


def test_late_programs_show_how_their_work_grows() -> None:
    slow = method("n = 0", "for a in x:", "    for b in x: n += 1", "return n")
    asked = problem("f", "List[int]", limits=Limits(test_s=1.0))
    asked = Problem(
        name="late",
        signature=asked.signature,
        visible=(case(list(range(30_000)), expected=0),),
        limits=asked.limits,
        scaling="def arguments(n): return [list(range(n))]",
    )
    with Judge(sandbox=PlainSandbox()) as judge:
        judgement = judge.judge(slow, asked)
        assert judgement.verdict is Verdict.TLE
        told = feedback(asked, slow, observed(judge, slow, asked, judgement))
    assert "Work grows like n^2" in told


def test_work_hidden_in_one_line_is_seen_in_the_time() -> None:
    hidden = method("return sum(1 for a in x if -1 in x * len(x))")  # n^3 in n steps
    asked = problem("f", "List[int]")
    asked = Problem(
        name="hidden-work",
        signature=asked.signature,
        limits=PATIENT,
        scaling="def arguments(n): return [list(range(n))]",
    )
    growth = measured_growth(Judge(sandbox=PlainSandbox()), hidden, asked)
    assert growth is not None
    assert growth.order == "n"
    assert growth.time_exponent is not None
    assert growth.time_exponent > 1.4


def test_a_sleeper_is_ended_at_its_limit_and_a_grace() -> None:
    limits = Limits(test_s=0.5, total_s=30.0)
    asked = problem("f", kind="function", limits=limits)
    (result,) = Judge(sandbox=PlainSandbox()).judge(SLEEPER, asked, [case(1)]).results
    assert result.verdict is Verdict.TLE
    assert result.message == "no answer after 0.60 s; the limit is 0.5 s"
    assert result.seconds >= 0.6


def test_the_python_is_the_one_that_ran() -> None:
    other = Path("/usr/bin/python3")
    if not other.exists():
        pytest.skip("platform: no other Python here")
    sandbox = PlainSandbox(str(other))
    command = [str(other), "-c", "import sys; print(sys.version.split()[0])"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    judgement = Judge(sandbox=sandbox).judge("def f(x): return x", ONES)
    assert (judgement.python, Judge(sandbox=sandbox).python()) == (version, version)
    own = Judge(sandbox=PlainSandbox(sys.executable)).python()
    assert own == sys.version.split()[0]
    assert sandbox.tier is Tier.NONE
