"""Runs a program's tests inside the sandbox: one frame in, one frame out.

The judge sends a job (program and signature), then one test at a time; expected answers never
come here. Every frame carries a nonce that its answer repeats:

    -> {"nonce", "program", "kind", "name", "class_name", "parameters", "returns", "in_place",
        "memory_mib", "answer_bytes", "most_steps"}
    <- {"nonce", "ready": true} | {"nonce", "compile_error": {...}} | {"nonce", "error": {...}}
    -> {"arguments": [...], "nonce"}
    <- {"nonce", "answer": ..., "mutated": [...]} | {"nonce", "error": {...}}
       | {"nonce", "unserialisable": text} | {"nonce", "limit": "memory" | "answer"}

The frame of the last test ends in "last": true; after its answer comes {"nonce", "bye": true}.

Before all of them goes {"hello": version of Python}, when no line of the program has been seen.
What a script reads and prints is no part of a frame: the judge has filled descriptor 0, a file,
before it asks, and reads descriptor 1, a pipe, while the script runs; the answer in the frame says
only that it has ended. With that frame its process ends, too: a script gets one test. With
``most_steps`` the answer to a test holds ``trace`` too: {"steps", "lines": [[line, count]]}.
"""

from __future__ import annotations

import contextlib
import gc
import linecache
import os
import resource
import sys
import warnings
from types import ModuleType
from typing import Any

from textgrad_code.jail.calls import Called, call
from textgrad_code.jail.failures import compile_failure, exit_code, failure
from textgrad_code.jail.frames import (
    framed,
    nonce_of,
    packed,
    read_body,
    send,
    unpacked,
    write_frame,
)
from textgrad_code.jail.limits import small_thread_stacks
from textgrad_code.jail.loading import (
    Missing,
    compiled,
    run_as_main,
    run_top_level,
    signature_of,
    solution_module,
    target,
)
from textgrad_code.jail.nodes import AnswerTooLarge, NotSerialisable
from textgrad_code.jail.streams import (
    end_script,
    flush_streams,
    name_devices,
    own_streams,
    use_streams,
)
from textgrad_code.jail.tracing import LineTrace, StepsUsedUp

VERSION = sys.version.split()[0]
DEEPEST_RECURSION = 50_000
# Measured: recursion through sorted(key=...) takes 2.3 KiB of C stack per counted level.
STACK_BYTES_PER_LEVEL = 2560
RESERVE_BYTES = 1 << 16
REHEARSALS = 2  # the first one leaves other memory free than it found
REHEARSED = """
class Solution:
    def f(self, n: int) -> int:
        print("", end="")
        return [x for x in range(n)][0] + len({n: n}) - 1
"""
REHEARSED_JOB = {
    "nonce": "",
    "program": REHEARSED,
    "kind": "method",
    "name": "f",
    "class_name": "Solution",
    "parameters": ["int"],
    "returns": "int",
    "in_place": None,
    "operations": [],
    "memory_mib": 256,
    "answer_bytes": 1 << 20,
    "most_steps": 0,
}
REHEARSED_TEST = {"arguments": [1], "nonce": "", "last": True}
PRINTED, OUTPUT = 1, 2
LAST = b',"last":true}'
MEMORY: dict[str, Any] = {"limit": "memory"}
ANSWER: dict[str, Any] = {"limit": "answer"}
READY: list[ModuleType] = []  # a module for a program; building one touches many pages


def drive(job_fd: int, answer_fd: int) -> None:
    """Answer frames until the judge closes."""
    answer_frames(Driver(answer_fd), job_fd)


def drive_spare(job_fd: int, answer_fd: int) -> None:
    """The same, by a process that waits for its program, with what can be done before."""
    driver = Driver(answer_fd)
    for _ in range(REHEARSALS):
        rehearse(driver)
    gc.collect()
    answer_frames(driver, job_fd)


def answer_frames(driver: Driver, job_fd: int) -> None:
    """Say hello, take a job, then answer tests."""
    write_frame(driver.answer_fd, {"hello": VERSION})
    body = read_body(job_fd)
    if body is None:
        return
    job = unpacked(body)
    if job["kind"] == "stdin":
        name_devices()
    else:
        os.dup2(OUTPUT, driver.print_fd)  # what it prints is no answer
    if not driver.load(job):
        return
    while (body := read_body(job_fd)) is not None and driver.test(body):
        pass


def prepare() -> None:
    """In a fork server, before any fork: children inherit an empty module and filled caches."""
    driver = Driver(OUTPUT)
    rehearse(driver)
    READY.append(driver.module)


class Driver:
    """One program and its signature.

    Args:
        answer_fd: Where answers go.
    """

    def __init__(self, answer_fd: int) -> None:
        self.answer_fd, self.print_fd = answer_fd, PRINTED
        self.reserve: bytearray | None = None
        self.streams = own_streams()
        self.module = READY.pop() if READY else solution_module()
        small_thread_stacks()
        warnings.simplefilter("ignore")

    def load(self, job: dict[str, Any]) -> bool:
        """Compile a program and run its top level; whether tests can follow."""
        self.job, self.most_bytes = job, job["answer_bytes"]
        self.signature = signature_of(job)
        self.expect(job["nonce"])
        sys.setrecursionlimit(recursion_limit(job["memory_mib"]))
        try:
            self.code = compiled(job["program"])
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            self.tell({"compile_error": compile_failure(error)})
            return False
        told: dict[str, Any] = {"ready": True}
        if self.signature.kind != "stdin":
            told = self.guarded(self._run_top_level)
        self.tell(told)
        return "ready" in told

    def _run_top_level(self) -> dict[str, Any]:
        run_top_level(self.code, self.module, self.signature)
        self.target = target(vars(self.module), self.signature)
        return {"ready": True}

    def test(self, body: bytes) -> bool:
        """Answer one frame; whether more may follow."""
        last = body.endswith(LAST)
        self.expect(nonce_of(body), last=last)
        script = self.signature.kind == "stdin"
        work, most_steps = self._script if script else self._call, self.job["most_steps"]
        if not most_steps:
            told = self.guarded(work, body)
        else:
            trace = LineTrace(most_steps)
            with trace:
                told = self.guarded(work, body)
            with contextlib.suppress(MemoryError):  # of the program; then there is no trace
                told["trace"] = trace.told()
        self.tell(told, last=last)
        return not script

    def _call(self, body: bytes) -> dict[str, Any]:
        called: Called = call(self.signature, self.target, body, self.most_bytes // 2)
        return {"answer": called.answer, "mutated": called.mutated}

    def _script(self, _body: bytes) -> dict[str, Any]:
        try:
            run_as_main(self.code)
        except SystemExit as ended:
            if exit_code(ended):
                raise
        end_script(self.streams)
        return {"answer": None, "mutated": []}

    def guarded(self, work: Any, *arguments: Any) -> dict[str, Any]:
        """What work gives, or what ended it; a program that leaves no memory has run out of it.

        While the program runs, some memory is held back, so that there is enough to answer.
        """
        memory = dict(MEMORY)
        try:
            told = self._outcome(work, *arguments)
        except MemoryError:
            told = memory
        self.reserve = None
        try:
            flush_streams(self.streams)
            use_streams(self.streams)
        except MemoryError:
            told = memory
        return told

    def _outcome(self, work: Any, *arguments: Any) -> dict[str, Any]:
        """The same, but for memory. The program may raise anything at all."""
        self.reserve = bytearray(RESERVE_BYTES)
        try:
            told: dict[str, Any] = work(*arguments)
        except MemoryError:
            raise
        except Missing as error:
            told = {"error": {"type": "", "message": str(error), "trace": []}}
        except NotSerialisable as error:
            told = {"unserialisable": str(error)}
        except AnswerTooLarge:
            told = dict(ANSWER)
        except StepsUsedUp:
            told = {"limit": "steps"}
        except BaseException as error:  # the border with the judged program
            self.reserve = None
            told = {"error": failure(error)}
        return told

    def expect(self, nonce: str, *, last: bool = False) -> None:
        """Note what the next answer belongs to, and make the one for which no memory is needed."""
        self.nonce = nonce
        told = nonce.encode("ascii")
        self.goodbye = framed(b'{"bye":true,"nonce":"%b"}' % told) if last else b""
        self.out_of_memory = framed(b'{"limit":"memory","nonce":"%b"}' % told) + self.goodbye

    def tell(self, told: dict[str, Any], *, last: bool = False) -> None:
        """Send an answer."""
        try:
            data = self.framed(told, last=last)
        except MemoryError:
            data = self.out_of_memory
        send(self.answer_fd, data)

    def framed(self, told: dict[str, Any], *, last: bool) -> bytes:
        """An answer with the nonce it belongs to, and what follows it."""
        told["nonce"] = self.nonce
        data = packed(told)
        if len(data) > self.most_bytes + RESERVE_BYTES or (
            "answer" in told and len(data) > self.most_bytes
        ):
            data = packed({**ANSWER, "nonce": self.nonce})
        return data + self.goodbye if last else data


def rehearse(driver: Driver) -> None:
    """Have it do once, with our own text, what every program needs, and leave nothing behind.

    A fork server does it so that its children inherit filled caches, a spare so that it has its
    own copy of the pages that change.
    """
    before, answers = sys.getrecursionlimit(), driver.answer_fd
    asked, ask = os.pipe()
    answered, driver.answer_fd = os.pipe()
    driver.print_fd = os.dup(ask)
    for frame in (REHEARSED_JOB, REHEARSED_TEST):
        write_frame(ask, frame)
    os.close(ask)
    answer_frames(driver, asked)
    for descriptor in (asked, answered, driver.answer_fd, driver.print_fd):
        os.close(descriptor)
    driver.answer_fd, driver.print_fd = answers, PRINTED
    del vars(driver.module)["Solution"], driver.target
    linecache.clearcache()
    sys.setrecursionlimit(before)


def recursion_limit(memory_mib: int) -> int:
    """Levels at which recursion ends in RecursionError before the C stack is used up."""
    stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    if stack == resource.RLIM_INFINITY:
        stack = 1 << 40
    room = min(stack, (memory_mib << 20) // 2)
    return min(DEEPEST_RECURSION, max(1000, room // STACK_BYTES_PER_LEVEL))
