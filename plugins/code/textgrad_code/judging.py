"""One judgement under way: sessions are started, asked test by test, replaced when they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from textgrad_code.answers import Violation
from textgrad_code.assessing import assess, read_compile_error
from textgrad_code.grading import Grader
from textgrad_code.problem import Problem, TestCase
from textgrad_code.sandbox.protocol import ChildLimits, Exit, Sandbox
from textgrad_code.sandbox.protocol import Usage as UsedSoFar
from textgrad_code.session import MOST_PATIENCE, Ended, Reply, Session
from textgrad_code.verdict import CompileError, Judgement, TestResult, Verdict

GRACE = 0.2  # of the limit: an answer this late is asked for once more
LONGEST_GRACE_S = 0.25
GOODBYE_S = 0.5
MOST_LATE_RERUNS = 3
MOST_ALONE_RERUNS = 2
SPARE_CPU_S = 1.0
TRACING_SLOWDOWN = 5.0  # a traced program gets so many times its limits
KEPT_ANSWERS_BYTES = 16 << 20  # of all tests together; as objects they take many times more
VIOLATION = "protocol violation"
ENDING = (Verdict.TLE, Verdict.MLE, Verdict.OLE, Verdict.SV)


@dataclass(slots=True)
class Usage:
    """What the processes of a judgement used, added up as they end."""

    cpu_s: float = 0.0
    peak_memory_mib: float = 0.0
    python: str = ""


class DoesNotCompile(Exception):
    """The program is no Python program."""

    def __init__(self, error: CompileError) -> None:
        super().__init__(error.message)
        self.error = error


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
    ) -> None:
        self.sandbox, self.program, self.problem, self.tests = sandbox, program, problem, tests
        self.limits, self.grader = problem.limits, Grader(problem)
        reruns = (MOST_LATE_RERUNS, MOST_ALONE_RERUNS)
        if most_steps:
            slow = TRACING_SLOWDOWN
            self.limits = replace(
                self.limits, test_s=slow * self.limits.test_s, total_s=slow * self.limits.total_s
            )
            reruns = 0, 0
        self.stop_at_first, self.most_steps, self.on_reply = stop_at_first, most_steps, on_reply
        self.used, self.notes = Usage(), list[str]()
        self.session: Session | None = None
        self.first_in_session, self.answers_bytes = 0, 0
        self.load_failure: Reply | Ended | None = None
        self.late_reruns, self.alone_reruns = reruns
        self.cpu_s = TRACING_SLOWDOWN * problem.limits.total_s + SPARE_CPU_S  # same for all tests:
        self.most_s = MOST_PATIENCE * self.limits.total_s  # the sandbox keeps children of a kind
        if total_s is not None:
            total_s = max(min(total_s, self.limits.total_s), 0.0)
            self.limits, self.most_s = replace(self.limits, total_s=total_s), total_s

    def judgement(self) -> Judgement:
        """Run it all.

        Raises:
            SandboxFailed: If the sandbox broke.
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
        return self._summary(results, error, monotonic() - started)

    def _run(self, results: list[TestResult]) -> None:
        for index in range(len(self.tests)):
            result = self._result(index)
            results.append(result)
            if self.stop_at_first and result.verdict is not Verdict.AC:
                return
        if self.session is not None and results:
            results[-1] = self._goodbye(results[-1])

    def _result(self, index: int) -> TestResult:
        if self.load_failure is not None:
            return self._assessed(index, replace(self.load_failure, seconds=0.0, output=b""))
        if monotonic() >= self.deadline:
            message = f"not run: the tests together may take {self.limits.total_s:g} s"
            return TestResult(index=index, verdict=Verdict.TLE, message=message)
        told = self._ask(index)
        result = self._assessed(index, told)
        if self.load_failure is not None:
            return result
        if result.verdict is Verdict.TLE and isinstance(told, Reply) and "limit" not in told.frame:
            return self._once_more(index, result)
        if result.verdict in (Verdict.WA, Verdict.RE) and index > self.first_in_session:
            return self._alone(index, result)
        return result

    def _ask(self, index: int) -> Reply | Ended:
        """Send one test to the current session, or to a new one if there is none."""
        if self.session is None:
            self.first_in_session = index
            failed = self._start()
            if failed is not None:
                self.load_failure = failed
                self._close()
                return failed
        patience = min(self._patience_s(), max(self.deadline - monotonic(), 0.0))
        told = self._told({"arguments": list(self.tests[index].arguments)}, patience)
        if self.on_reply is not None:
            self.on_reply(index, told)
        return told

    def _told(self, frame: dict[str, Any], patience: float) -> Reply | Ended:
        """Ask; time that the child waits for a processor counts for no limit."""
        assert self.session is not None  # noqa: S101 - narrows the type
        most_s = min(MOST_PATIENCE * patience, max(self.latest - monotonic(), 0.0))
        told = self.session.ask(frame, patience, most_s)
        self.deadline = min(self.deadline + told.waited_s, self.latest)
        return told

    def _assessed(self, index: int, told: Reply | Ended) -> TestResult:
        """What it means; the session ends with a child that cannot be trusted to go on."""
        limits, test = self.limits, self.tests[index]
        result = assess(told, index, test, self.grader, self.program, limits.test_s)
        if isinstance(told, Reply) and result.answered:
            self.answers_bytes += told.size
            if self.answers_bytes > KEPT_ANSWERS_BYTES:
                result = replace(result, answer=f"an answer of {told.size} bytes, not kept")
        violated = result.message.startswith(VIOLATION)
        if isinstance(told, Ended) or result.verdict in ENDING or violated:
            self._close()
        return result

    def _once_more(self, index: int, late: TestResult) -> TestResult:
        """A test that was nearly in time gets a second try alone; the machine may be busy."""
        if not self.late_reruns:
            return late
        self.late_reruns -= 1
        result = self._assessed(index, self._ask(index))
        self.notes.append(
            f"{self._name(index)} took {late.seconds:.2f} s and was run again alone: "
            f"{result.seconds:.2f} s, {result.verdict.words}"
        )
        return result

    def _alone(self, index: int, failed: TestResult) -> TestResult:
        """See whether a test that failed after others passes alone."""
        if not self.alone_reruns or monotonic() >= self.deadline:
            return failed
        self.alone_reruns -= 1
        session, first, self.session = self.session, self.first_in_session, None
        try:
            passes = self._assessed(index, self._ask(index)).verdict is Verdict.AC
        finally:
            self._close()
            self.session, self.first_in_session, self.load_failure = session, first, None
        if passes:
            note = "passes alone: what earlier tests leave behind makes it fail"
            self.notes.append(f"{self._name(index)} {note}")
        return replace(failed, passes_alone=passes)

    def _start(self) -> Reply | Ended | None:
        """Begin a session with the program loaded; None, or why it does not load."""
        limits = ChildLimits(memory_mib=self.limits.memory_mib, cpu_s=self.cpu_s)
        self.session = Session(self.sandbox.launch(limits), self.limits, self.cpu_s)
        self.used.python = self.session.greet()
        told = self._told(self._job(), self._patience_s())
        if isinstance(told, Ended):
            return replace(told, message=f"{told.message} while the program was loaded")
        if told.frame.get("ready") is True:
            return None
        if "answer" in told.frame:  # no test was sent that it could answer
            message = f"{VIOLATION}: an answer while the program was loaded"
            return Ended(verdict=Verdict.RE, message=message, seconds=told.seconds, output=b"")
        if "compile_error" in told.frame:
            try:
                error = read_compile_error(told.frame["compile_error"], self.program)
            except Violation as violation:
                message = f"{VIOLATION}: {violation}"
                return Ended(verdict=Verdict.RE, message=message, seconds=0.0, output=b"")
            raise DoesNotCompile(error)
        return told

    def _job(self) -> dict[str, Any]:
        signature = self.problem.signature
        return {
            "program": self.program,
            "kind": signature.kind,
            "name": signature.name,
            "class_name": signature.class_name,
            "parameters": [one.type for one in signature.parameters],
            "returns": signature.returns,
            "in_place": signature.in_place,
            "memory_mib": self.limits.memory_mib,
            "answer_bytes": self.limits.answer_bytes,
            "most_steps": self.most_steps,
        }

    def _goodbye(self, last: TestResult) -> TestResult:
        """See that nothing follows the last answer."""
        assert self.session is not None  # noqa: S101 - narrows the type
        used = self.session.child.usage()
        told = self.session.ask({"end": True}, GOODBYE_S)
        if isinstance(told, Ended) and told.message.startswith(VIOLATION):
            return replace(last, verdict=Verdict.RE, message=told.message)
        if isinstance(told, Reply) and used is not None:  # no need to wait for its end
            session, self.session = self.session, None
            self._add(used)
            session.child.close()
        return last

    def _close(self) -> None:
        session, self.session = self.session, None
        if session is None:
            return
        try:
            ended = session.finish()
        finally:
            session.child.close()
        if ended is not None:
            self._add(ended)

    def _add(self, used: Exit | UsedSoFar) -> None:
        self.used.cpu_s += used.cpu_s
        self.used.peak_memory_mib = max(self.used.peak_memory_mib, used.peak_memory_mib)

    def _summary(
        self, results: list[TestResult], error: CompileError | None, wall_s: float
    ) -> Judgement:
        verdict, message = Verdict.AC, ""
        failed = next((one for one in results if one.verdict is not Verdict.AC), None)
        if error is not None:
            place = "" if error.line is None else f"line {error.line}: "
            verdict, message = Verdict.CE, f"{place}{error.message}"
        elif failed is not None:
            verdict, name = failed.verdict, self._name(failed.index)
            message = f"{name}: {verdict.words}: {failed.message}"
        weight = sum(test.weight for test in self.tests)
        passed = sum(self.tests[one.index].weight for one in results if one.verdict is Verdict.AC)
        return Judgement(
            verdict=verdict,
            tests=len(self.tests),
            tier=str(self.sandbox.tier),
            results=tuple(results),
            pass_fraction=passed / weight if weight else 0.0,
            compile_error=error,
            message=message,
            wall_s=wall_s,
            cpu_s=self.used.cpu_s,
            peak_memory_mib=self.used.peak_memory_mib,
            python=self.used.python,
            notes=tuple(self.notes),
        )

    def _patience_s(self) -> float:
        return self.limits.test_s + min(GRACE * self.limits.test_s, LONGEST_GRACE_S)

    def _name(self, index: int) -> str:
        return f"test {self.tests[index].name or index + 1}"
