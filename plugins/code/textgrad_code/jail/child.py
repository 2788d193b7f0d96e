"""From a fork of the fork server to a jailed process: what is given up, and in which order."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from textgrad_code.jail import counting, landlock, limits, seccomp
from textgrad_code.jail.libc import call
from textgrad_code.jail.privileges import die_with
from textgrad_code.jail.wire import NOT_BEGUN, NOT_BEGUN_BYTES, Order

INPUT, PRINTED, OUTPUT, JOB, ANSWERS = 0, 1, 2, 3, 4
_END, _RULES, _FIRST_FREE = 5, 6, 7
_OUT_OF_THE_WAY = 20
_DESCRIPTORS_OF_OLD_KERNELS = 4096

Drive = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What every child of one fork server is held to.

    Args:
        filters: The system calls its children may make.
        rules: Descriptor of a Landlock rule set; None without Landlock.
        landlock_version: The kernel's.
        own_user: Whether nothing else runs as this user.
        own_count: Whether the threads of each program can be counted by themselves.
        base_bytes: Address space the interpreter itself takes.
    """

    filters: seccomp.FilterTemplate
    rules: int | None
    landlock_version: int
    own_user: bool
    own_count: bool
    base_bytes: int


def live(
    order: Order, descriptors: list[int], held: Confinement, server: int, drive: Drive
) -> None:
    """Be the child: get jailed, run the program, and end. Does not return.

    Args:
        order: Its limits.
        descriptors: Read end of the job, write ends of answers, output and what is printed, the
            file that is standard input, write end of the end.
        held: The jail.
        server: Process id of the fork server, as this process sees it.
        drive: Called with `JOB` and `ANSWERS` once the jail is closed.
    """
    end = descriptors[-1]
    try:
        end = arrange(descriptors, held)
        _confine(order, held, server)
    except BaseException as error:  # told to whoever ordered this run
        os.write(end, not_begun(error))
        os._exit(1)
    os.close(_END)  # from here on nothing that this process says about its end is believed
    try:
        drive(JOB, ANSWERS)
    finally:
        os._exit(0)


def not_begun(error: BaseException) -> bytes:
    """The record that says why a program could not be started."""
    text = f"{type(error).__name__}: {error}".encode(errors="replace")
    return (NOT_BEGUN + text)[:NOT_BEGUN_BYTES]


def arrange(descriptors: list[int], held: Confinement) -> int:
    """Put the descriptors where they belong and close all others.

    They are first moved up, because those received may sit where others have to go.

    Args:
        descriptors: As received: job, answers, output, printed, input, end.
        held: Where the rule set is.

    Returns:
        The number that the end's pipe has now.
    """
    job, answers, output, printed, text, end = descriptors
    places = {INPUT: text, PRINTED: printed, OUTPUT: output, JOB: job, ANSWERS: answers}
    places[_END] = end
    if held.rules is not None:
        places[_RULES] = held.rules
    moved = {
        place: fcntl.fcntl(source, fcntl.F_DUPFD, _OUT_OF_THE_WAY)
        for place, source in places.items()
    }
    for place, source in moved.items():
        os.dup2(source, place)
    first = _FIRST_FREE if held.rules is not None else _RULES
    try:
        call("close_range", first, 0xFFFFFFFF, 0)
    except OSError:  # Linux < 5.9, or an old container's filter
        os.closerange(first, _DESCRIPTORS_OF_OLD_KERNELS)
    return _END


def _confine(order: Order, held: Confinement, server: int) -> None:
    """Give up everything that is left; the filter last, since it forbids the other steps."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    fcntl.fcntl(JOB, fcntl.F_SETOWN, os.getpid())  # tells the sandbox which process it is
    most = limits.OF_ALL_PROGRAMS if held.own_user else None
    if held.own_count and counting.begin():
        most = limits.MOST_THREADS
    die_with(server)
    if held.rules is not None:
        landlock.restrict(_RULES, held.landlock_version)
        os.close(_RULES)
    limits.apply(
        memory_bytes=held.base_bytes + (order.memory_mib << 20),
        cpu_s=order.cpu_s,
        most_processes=most,
    )
    seccomp.install(held.filters.of(os.getpid()))
