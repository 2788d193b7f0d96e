"""The judge: a program and tests in, verdicts out. Expected answers never leave this process."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from time import monotonic
from types import TracebackType
from typing import Any

from textgrad_code.errors import DeadlinePassed, SandboxFailed
from textgrad_code.jail.failures import source_lines
from textgrad_code.judging import Judging
from textgrad_code.plain_data import refuse_other_data
from textgrad_code.problem import Limits, Problem, TestCase
from textgrad_code.problem_json import problem_from_json
from textgrad_code.replies import Ended, Reply
from textgrad_code.sandbox import open_sandbox
from textgrad_code.sandbox.protocol import ChildLimits, Sandbox, Tier
from textgrad_code.session import Session
from textgrad_code.tally import name_of
from textgrad_code.traces import test_trace
from textgrad_code.verdict import Judgement, TestTrace
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON

TRACED_STEPS = 2_000_000


class Judge:
    """Judges programs. Threads may share one; a copy sent to another process starts anew there.

    Args:
        sandbox: Where programs run; it stays its owner's to close. None opens the best one of
            this machine when the first program comes, and closes it with the judge.
        min_tier: Weakest isolation that will do.
        allow_unsafe: Whether to run without any isolation, where there is none.
    """

    def __init__(
        self,
        *,
        sandbox: Sandbox | None = None,
        min_tier: Tier = Tier.SECCOMP_STRICT,
        allow_unsafe: bool = False,
    ) -> None:
        self.min_tier, self.allow_unsafe = min_tier, allow_unsafe
        self._sandbox, self._owned = sandbox, sandbox is None
        self._lock = threading.Lock()
        _JUDGES.add(self)

    def judge(
        self,
        program: str,
        problem: Problem,
        tests: Sequence[TestCase] | None = None,
        *,
        stop_at_first: bool = False,
        deadline_s: float | None = None,
    ) -> Judgement:
        """Run a program on tests.

        Args:
            program: Its text.
            problem: How it is called, judged and limited.
            tests: The tests; None for the problem's visible, then its hidden ones.
            stop_at_first: Whether to end at the first test that is not accepted.
            deadline_s: Wall seconds for all of it, however busy the machine; a shorter limit of
                the problem's holds too. None waits for a busy machine, up to ten times those.

        Raises:
            SandboxFailed: If the sandbox broke, which is never the program's fault.
            DeadlinePassed: If the deadline left no time for a verdict. A program that itself ran
                for at least half of it is TLE.
            SandboxUnavailable: If this machine has no isolation as good as asked for.
            ProblemError: If the problem's own checker is broken, or an input cannot be sent.
        """
        chosen = chosen_tests(problem, tests)
        until = None if deadline_s is None else monotonic() + deadline_s
        sandbox = self.sandbox

        def once() -> Judgement:
            return Judging(
                sandbox,
                program,
                problem,
                chosen,
                stop_at_first=stop_at_first,
                total_s=None if until is None else until - monotonic(),
                blameless=True,
            ).judgement()

        return twice(once, chosen)

    def trace(
        self,
        program: str,
        problem: Problem,
        tests: Sequence[TestCase] | None = None,
        *,
        most_steps: int = TRACED_STEPS,
        total_s: float | None = None,
    ) -> tuple[TestTrace, ...]:
        """Which lines every test executes, and how many steps that makes; much slower.

        A test that gives no answer within its time has no lines, one that takes too many steps
        has them; both are TLE. Empty if the program does not compile.

        Args:
            program: Its text.
            problem: How it is called, judged and limited.
            tests: As for `judge`.
            most_steps: Steps after which a test is stopped.
            total_s: Wall seconds for all of it; None for several times the problem's limits.

        Raises:
            SandboxFailed, SandboxUnavailable, ProblemError: As for `judge`.
        """
        replies: dict[int, Reply | Ended] = {}
        chosen, sandbox = chosen_tests(problem, tests), self.sandbox
        until = None if total_s is None else monotonic() + total_s

        def traced() -> Judgement:
            replies.clear()
            return Judging(
                sandbox,
                program,
                problem,
                chosen,
                most_steps=most_steps,
                on_reply=replies.__setitem__,
                total_s=None if until is None else until - monotonic(),
            ).judgement()

        results = twice(traced, chosen).results
        count = len(source_lines(program))
        return tuple(
            test_trace(one.index, one.verdict, replies.get(one.index), count) for one in results
        )

    def python(self) -> str:
        """Version of the Python that programs run on, as a child of the sandbox says it.

        Raises:
            SandboxFailed, SandboxUnavailable: As for `judge`.
        """
        limits = Limits()
        child = self.sandbox.launch(ChildLimits(memory_mib=limits.memory_mib))
        try:
            return Session(child, limits, 0.0).greet()
        finally:
            child.close()

    @property
    def sandbox(self) -> Sandbox:
        """Where programs run; opened on first use."""
        with self._lock:
            if self._sandbox is None:
                opened = open_sandbox(min_tier=self.min_tier, allow_unsafe=self.allow_unsafe)
                self._forget = weakref.finalize(self, opened.close)
                self._sandbox = opened
            return self._sandbox

    def close(self) -> None:
        """Close the sandbox, if the judge opened it; the next program opens another."""
        if self._owned:
            with self._lock:
                sandbox, self._sandbox = self._sandbox, None
            if sandbox is not None:
                self._forget()

    def __enter__(self) -> Judge:
        """Nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as settings; a sandbox given by the caller cannot travel."""
        if not self._owned:
            raise UsageError(
                "a Judge with a sandbox of its own cannot be sent to another process: "
                "give min_tier and allow_unsafe instead of sandbox"
            )
        return judge_with, (self.min_tier, self.allow_unsafe)


def twice(judged: Callable[[], Judgement], tests: Sequence[TestCase]) -> Judgement:
    """A judgement; once more if the sandbox fails, which then has another fork server."""
    try:
        return judged()
    except DeadlinePassed:
        raise
    except SandboxFailed:
        return judged()
    except (ValueError, TypeError):
        for index, test in enumerate(tests):  # it may be one that cannot be sent
            name = name_of(index, tests)
            refuse_other_data(test.arguments, f"the input of {name}")
            refuse_other_data(test.expected, f"what is expected of {name}")
        raise


_JUDGES: weakref.WeakSet[Judge] = weakref.WeakSet()


def _renew_locks() -> None:
    """In a fork of this process: a lock that another thread held is never released."""
    for judge in list(_JUDGES):
        judge._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def judge_with(min_tier: Tier, allow_unsafe: bool) -> Judge:
    """A judge with these settings."""
    return Judge(min_tier=min_tier, allow_unsafe=allow_unsafe)


def judge_job(job: Mapping[str, Any]) -> dict[str, JSON]:
    """A judgement as JSON in and JSON out, for any executor: threads, processes, other hosts.

    Args:
        job: ``program``; ``problem`` as from `problem_to_json`; optionally ``tests`` ("visible",
            "hidden" or "all", the default), ``stop_at_first``, ``min_tier``, ``allow_unsafe``.

    Returns:
        What `Judgement.from_json` reads.

    Raises:
        UsageError: If the job is not as described.
        SandboxFailed, SandboxUnavailable, ProblemError: As for `Judge.judge`.
    """
    unknown = set(job) - JOB_FIELDS
    if unknown or not {"program", "problem"} <= set(job):
        raise UsageError(
            f"a job has the fields {sorted(job)}: give program and problem, and no others than "
            f"{', '.join(sorted(JOB_FIELDS))}"
        )
    problem = problem_from_json(job["problem"])
    which = job.get("tests", "all")
    choices = {"visible": problem.visible, "hidden": problem.hidden, "all": None}
    if which not in choices:
        raise UsageError(f"tests is {which!r}: say one of {', '.join(choices)}")
    judge = shared_judge(
        Tier(job.get("min_tier", Tier.SECCOMP_STRICT)), bool(job.get("allow_unsafe", False))
    )
    stop = bool(job.get("stop_at_first", False))
    return judge.judge(job["program"], problem, choices[which], stop_at_first=stop).to_json()


JOB_FIELDS = {"program", "problem", "tests", "stop_at_first", "min_tier", "allow_unsafe"}


@lru_cache(maxsize=4)
def shared_judge(min_tier: Tier, allow_unsafe: bool) -> Judge:
    """The one judge of this process with these settings."""
    return judge_with(min_tier, allow_unsafe)


def chosen_tests(problem: Problem, tests: Sequence[TestCase] | None) -> tuple[TestCase, ...]:
    """The tests to run.

    Raises:
        UsageError: If there are none.
    """
    chosen = (*problem.visible, *problem.hidden) if tests is None else tuple(tests)
    if not chosen:
        raise UsageError(f"no tests for {problem.name}: a program cannot be judged by none")
    return chosen
