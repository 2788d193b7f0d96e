"""One judgement under way: sessions are started, asked test by test, replaced when they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from textgrad_code.assessing import DoesNotCompile, assess, load_failure, with_limit
from textgrad_code.errors import DeadlinePassed, SandboxFailed
from textgrad_code.grading import grader_of
from textgrad_code.jobs import job_frame
from textgrad_code.problem import Problem, TestCase
from textgrad_code.replies import VIOLATION, Ended, Reply
from textgrad_code.sandbox.protocol import ChildLimits, Sandbox
from textgrad_code.session import MOST_PATIENCE, START_S, Session
from textgrad_code.tally import Tally, judgement_of, name_of
from textgrad_code.verdict import Judgement, TestResult, Verdict

GRACE = 0.2  # of the limit: an answer this late is asked for once more
LONGEST_GRACE_S = 0.25
FAIR_SHARE = 0.5  # of a deadline: a program that ran for less is not to blame for it
MOST_LATE_RERUNS = 3
MOST_ALONE_RERUNS = 2
SPARE_CPU_S = 1.0
TRACING_SLOWDOWN = 5.0  # a traced program gets so many times its limits
KEPT_ANSWERS_BYTES = 16 << 20  # of memory, of all tests together
OBJECTS = 30  # times the bytes of a frame: the most that its values take as objects
ENDING = (Verdict.TLE, Verdict.MLE, Verdict.OLE, Verdict.SV)


class Judging:
    """One program on one list of tests. Used once, by one thread.

    Args:
        sandbox: Where it runs.
        program: Its text.
        problem: How it is called, judged and limited.
        tests: The tests.
        stop_at_first: Whether to end at the first test that is not accepted.
        most_steps: Steps a traced test may take; 0 does not trace.
        on_reply: Called with every reply to a test.
        total_s: Wall seconds for everything, however busy the machine; None for the limits'.
        blameless: Whether to raise `DeadlinePassed` where those end a program that itself ran
            for less than half of them; otherwise its tests are late, as by any other limit.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        program: str,
        problem: Problem,
        tests: Sequence[TestCase],
        *,
        stop_at_first: bool = False,
        most_steps: int = 0,
        on_reply: Callable[[int, Reply | Ended], None] | None = None,
        total_s: float | None = None,
        blameless: bool = False,
    ) -> None:
        self.sandbox, self.program, self.problem, self.tests = sandbox, program, problem, tests
        self.limits, self.grader = problem.limits, grader_of(problem)
        self.is_script = problem.signature.kind == "stdin"
        self.late_reruns = 0 if most_steps else MOST_LATE_RERUNS
        if most_steps:
            slow = TRACING_SLOWDOWN
            self.limits = replace(
                self.limits, test_s=slow * self.limits.test_s, total_s=slow * self.limits.total_s
            )
        self.stop_at_first, self.most_steps, self.on_reply = stop_at_first, most_steps, on_reply
        self.used = Tally()
        self.session: Session | None = None
        self.first_in_session, self.answers_bytes = 0, 0
        self.load_failure: Reply | Ended | None = None
        self.own_s, self.not_alone = 0.0, list[int]()
        self.cpu_s = TRACING_SLOWDOWN * problem.limits.total_s + SPARE_CPU_S  # same for all tests:
        self.most_s = MOST_PATIENCE * self.limits.total_s  # the sandbox keeps children of a kind
        self.total_s = total_s if blameless else None
        if total_s is not None:
            total_s = max(total_s, 0.0)
            own_s, self.most_s = min(total_s, self.limits.total_s), min(total_s, self.most_s)
            self.limits = replace(self.limits, total_s=own_s)

    def judgement(self) -> Judgement:
        """Run it all.

        Raises:
            SandboxFailed: If the sandbox broke.
            DeadlinePassed: If there was no time, by no fault of the program.
            ProblemError: If the problem's own checker is broken.
        """
        started = monotonic()
        self.deadline, self.latest = started + self.limits.total_s, started + self.most_s
        results: list[TestResult] = []
        error = None
        try:
            self._run(results)
        except DoesNotCompile as stopped:
            error, results = stopped.error, []
        finally:
            self._close()
        return judgement_of(
            self.tests,
            results,
            error,
            used=self.used,
            tier=str(self.sandbox.tier),
            wall_s=monotonic() - started,
        )

    def _run(self, results: list[TestResult]) -> None:
        for index in range(len(self.tests)):
            result = self._result(index)
            results.append(result)
            if self.stop_at_first and result.verdict is not Verdict.AC:
                break
        else:
            if self.session is not None:
                self._leave(self.session)
        self._see_that_time_sufficed()
        self._close()
        for index in self.not_alone[:MOST_ALONE_RERUNS]:
            if not self._alone(index, results):
                return

    def _see_that_time_sufficed(self) -> None:
        """Nobody else's deadline is blamed on a program that hardly ran."""
        if self.total_s is None or monotonic() < self.latest:
            return
        if self.own_s < FAIR_SHARE * self.total_s:
            raise DeadlinePassed(
                f"no verdict within {self.total_s:.3g} s; the program ran for {self.own_s:.3g} s"
            )

    def _result(self, index: int) -> TestResult:
        if self.load_failure is not None:
            return self._assessed(index, replace(self.load_failure, seconds=0.0, output=b""))
        if monotonic() >= self.deadline:
            return self._not_run(index)
        try:
            told = self._ask(index)
        except DeadlinePassed:
            if self.total_s is None or self.own_s < FAIR_SHARE * self.total_s:
                raise
            self._close()
            return self._not_run(index)
        result = self._assessed(index, told)
        if self.load_failure is not None:
            return result
        if result.verdict is Verdict.TLE and isinstance(told, Reply) and "limit" not in told.frame:
            return self._once_more(index, result)
        failed = result.verdict in (Verdict.WA, Verdict.RE)
        if failed and index > self.first_in_session and not self.most_steps:
            self.not_alone.append(index)
        return result

    def _not_run(self, index: int) -> TestResult:
        message = f"not run: the tests together may take {self.limits.total_s:.3g} s"
        return TestResult(index=index, verdict=Verdict.TLE, message=message)

    def _ask(self, index: int) -> Reply | Ended:
        """Send one test to the current session, or to a new one if there is none."""
        session = self.session
        if session is None:
            self.first_in_session = index
            begun = self._start()
            if not isinstance(begun, Session):
                self.load_failure = with_limit(begun, self.limits)
                self._close()
                return self.load_failure
            session = begun
        patience = min(self._patience_s(), max(self.deadline - monotonic(), 0.0))
        test = self.tests[index]
        room = 2 * len(self.program) if self.most_steps else 0  # for a trace of its lines

        def most_values() -> int:
            return self.grader.most_values(test) + room

        frame = {"arguments": list(test.arguments)}
        last = index == len(self.tests) - 1 and not self.is_script
        told = self._told(session, frame, patience, most_values, last=last)
        if self.on_reply is not None:
            self.on_reply(index, told)
        return with_limit(told, self.limits)

    def _told(
        self,
        session: Session,
        frame: dict[str, Any],
        patience: float,
        most_values: Callable[[], int] = lambda: 0,
        *,
        last: bool = False,
    ) -> Reply | Ended:
        """Ask; time that the child waits for a processor counts for no limit."""
        most_s = min(MOST_PATIENCE * patience, max(self.latest - monotonic(), 0.0))
        told = session.ask(frame, patience, most_s, most_values, last=last)
        self.own_s += told.seconds
        self.deadline = min(self.deadline + told.waited_s, self.latest)
        return told

    def _assessed(self, index: int, told: Reply | Ended) -> TestResult:
        """What it means; the session ends with a child that cannot go on, or not be trusted to.

        A script is one process for every input, as where its author has run it.
        """
        test = self.tests[index]
        result = assess(told, index, test, self.grader, self.program, self.limits.test_s)
        if isinstance(told, Reply) and result.answered:
            bytes_kept = told.size * (1 if isinstance(result.answer, str) else OBJECTS)
            if self.answers_bytes + bytes_kept > KEPT_ANSWERS_BYTES:
                result = replace(result, answer=f"an answer of {told.size} bytes, not kept")
            else:
                self.answers_bytes += bytes_kept
        violated = result.message.startswith(VIOLATION)
        if self.is_script or isinstance(told, Ended) or result.verdict in ENDING or violated:
            self._close()
        return result

    def _once_more(self, index: int, late: TestResult) -> TestResult:
        """A test that was nearly in time gets a second try alone; the machine may be busy."""
        if not self.late_reruns or monotonic() >= self.deadline:
            return late
        self.late_reruns -= 1
        try:
            result = self._assessed(index, self._ask(index))
        except DeadlinePassed:
            self._close()
            return late
        note = (
            f"{name_of(index, self.tests)} took {late.seconds:.2f} s and was run again alone: "
            f"{result.seconds:.2f} s, {result.verdict.words}"
        )
        return replace(result, note=note)

    def _alone(self, index: int, results: list[TestResult]) -> bool:
        """See if a test that failed after others passes alone; False if that is no longer seen."""
        name, told, self.load_failure = name_of(index, self.tests), None, None
        try:
            told = self._ask(index) if monotonic() < self.deadline else None
        except SandboxFailed as error:  # the verdict is known already
            self._close()
            if not isinstance(error, DeadlinePassed):
                note = f"it was not seen if {name} passes alone: {error}"
                results[index] = replace(results[index], note=note)
                return False
        late = isinstance(told, Ended) and told.verdict is Verdict.TLE
        if told is None or (late and monotonic() >= self.deadline):
            note = f"there was no time to see if {name} passes alone"
            results[index] = replace(results[index], note=note)
            return False
        passes = self._assessed(index, told).verdict is Verdict.AC
        self._close()
        note = f"{name} passes alone: what earlier tests leave behind makes it fail"
        results[index] = replace(results[index], passes_alone=passes, note=note if passes else "")
        return True

    def _start(self) -> Session | Reply | Ended:
        """Begin a session with the program loaded; or why it does not load."""
        limits = ChildLimits(memory_mib=self.limits.memory_mib, cpu_s=self.cpu_s)
        before = monotonic()
        session = Session(self.sandbox.launch(limits), self.limits, self.cpu_s)
        self.session = session
        job = job_frame(self.program, self.problem, self.limits, self.most_steps)
        self.used.python = session.greet(max(min(START_S, self.latest - monotonic()), 0.0))
        self.deadline = min(self.deadline + monotonic() - before, self.latest)
        told = self._told(session, job, self._patience_s())
        failure = load_failure(told, self.program)
        return session if failure is None else failure

    def _leave(self, session: Session) -> None:
        """Take what it has used, and do not wait for its end."""
        used = session.child.usage()
        if used is not None:
            self.session = None
            self.used.add(used)
            session.child.leave()

    def _close(self) -> None:
        session, self.session = self.session, None
        if session is None:
            return
        try:
            ended = session.finish()
        finally:
            session.child.close()
        if ended is not None:
            self.used.add(ended)

    def _patience_s(self) -> float:
        return self.limits.test_s + min(GRACE * self.limits.test_s, LONGEST_GRACE_S)
