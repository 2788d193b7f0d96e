"""The fork server: enters the jail once, then forks a confined child for every order.

It never reads a program, an input or an answer: those pass through descriptors that only the
child uses, so a child inherits nothing worth stealing.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from textgrad_code.jail import counting, landlock, limits, namespaces, preload, privileges, seccomp
from textgrad_code.jail.child import Confinement, Drive, live, not_begun
from textgrad_code.jail.libc import this_architecture
from textgrad_code.jail.missing import MissingPrimitive, MissingPrimitives
from textgrad_code.jail.syscalls import Architecture
from textgrad_code.jail.wire import (
    DRIVER,
    GREETING_BYTES,
    LAUNCH,
    ORDER_BYTES,
    PROBE,
    READY,
    REFUSED,
    SPARE,
    End,
    Order,
)

PROBES = "textgrad_code.jail.probes:drive"
_DESCRIPTORS = 6
_OPEN_FILES = 4096


def main(control: int) -> None:
    """Serve orders that arrive on a socket until its other end is closed.

    Args:
        control: Descriptor of the socket. The first datagram holds the settings: ``tier``,
            ``driver`` (``module:function``) and ``packages`` (pairs of name and folder).
    """
    with socket.socket(fileno=control) as orders:
        settings = json.loads(orders.recv(GREETING_BYTES))
        try:
            server = _prepare(settings, orders)
        except MissingPrimitives as error:
            _refuse(orders, [[m.primitive, m.detail] for m in error.missing])
            return
        except Exception as error:  # told to whoever started this process
            _refuse(orders, [["interpreter", f"{type(error).__name__}: {error}"]])
            return
        server.serve()


def _refuse(orders: socket.socket, missing: list[list[str]]) -> None:
    orders.send(REFUSED + json.dumps({"missing": missing}).encode()[: GREETING_BYTES // 2])


def _prepare(settings: dict[str, Any], orders: socket.socket) -> Server:
    """Load what programs need, then close the jail around this process.

    Raises:
        MissingPrimitives: All that this machine lacks of what the tier is made of.
    """
    tier = settings["tier"]
    architecture = _check_primitives(tier)
    preload.load_modules()
    packages = preload.load_packages(settings["packages"])
    drives = {**_drives(settings["driver"]), PROBE: _function(PROBES)}
    os.environ.clear()
    limits.small_thread_stacks()
    base_bytes, nothing = limits.mapped_bytes(), os.open(os.devnull, os.O_RDONLY)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    library, files = preload.standard_library(), tier != "seccomp-strict"
    preload.import_from(library if files else None)
    own_user = _close_in(tier, library)
    held = Confinement(
        filters=seccomp.FilterTemplate(architecture, files=files),
        rules=landlock.readable(library, preload.HIDDEN) if files else None,
        landlock_version=landlock.version() if files else 0,
        own_user=own_user,
        own_count=counting.is_offered(),
        base_bytes=base_bytes,
    )
    greeting = {
        "python": sys.version.split()[0],
        "packages": packages,
        "own_count": held.own_count,
    }
    return Server(orders, held, drives, greeting)


def _check_primitives(tier: str) -> Architecture:
    """Ask for what can be asked for; if something lacks, try the rest to name that too.

    Raises:
        MissingPrimitives: What lacks.
    """
    missing = []
    architecture = this_architecture()
    if architecture is None or not seccomp.is_available():
        missing.append(
            MissingPrimitive(
                "seccomp", f"not offered to this process, or {os.uname().machine} is not known"
            )
        )
    if tier != "seccomp-strict" and landlock.version() < 1:
        missing.append(MissingPrimitive("landlock", "not offered to this process"))
    if architecture is not None and not missing:
        return architecture
    if tier == "full" and architecture is not None:
        try:
            namespaces.enter(preload.standard_library(), preload.HIDDEN)
        except MissingPrimitive as error:
            missing.append(error)
    raise MissingPrimitives(missing)


def _function(name: str) -> Drive:
    module, _, function = name.partition(":")
    found: Drive = getattr(importlib.import_module(module), function)
    return found


def _drives(name: str) -> dict[int, Drive]:
    """A driver and, if its module has one, its like for spares.

    The module's ``prepare``, if any, is run now: what it leaves behind is ready in every child.
    """
    drive = _function(name)
    module = sys.modules[name.partition(":")[0]]
    if hasattr(module, "prepare"):
        module.prepare()
    return {DRIVER: drive, SPARE: getattr(module, f"{drive.__name__}_spare", drive)}


def _close_in(tier: str, library: Path) -> bool:
    """Enter the namespaces, if the tier has them, and give up every right.

    Returns:
        Whether only sandboxes run as this user now.
    """
    nobody_reads = tier == "full" or privileges.readable_by_all(library)
    first = 0
    if tier == "full":
        try:
            namespaces.enter(library, preload.HIDDEN)
        except MissingPrimitive as error:
            raise MissingPrimitives([error]) from error
        first = os.fork()  # the first process of the new namespace goes on
    own_user = tier == "full"
    if os.geteuid() == 0 and (nobody_reads or tier == "seccomp-strict"):
        own_user = privileges.become_nobody()
    privileges.drop_capabilities()
    seccomp.no_new_privileges()
    privileges.hide_memory()
    if first:
        _wait_for(first)
    if tier == "full":
        privileges.die_with(0)
    return own_user


def _wait_for(first: int) -> None:
    """Be what whoever started this can wait for and kill; each of the two ends with the other."""
    os.closerange(3, _OPEN_FILES)
    os.waitpid(first, 0)
    os._exit(0)


class Server:
    """The loop of the fork server.

    Args:
        orders: Socket that orders arrive on.
        held: What children are held to.
        drives: What a child runs, by the order's entry.
        greeting: Sent once everything is ready.
    """

    def __init__(
        self,
        orders: socket.socket,
        held: Confinement,
        drives: dict[int, Drive],
        greeting: dict[str, Any],
    ) -> None:
        self.orders, self.held, self.drives, self.greeting = orders, held, drives, greeting
        self.running: dict[int, tuple[int, int]] = {}  # process id to run, pipe for its end

    def serve(self) -> None:
        """Fork children until the other end of the socket is closed."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        gc.collect()
        gc.freeze()  # children then do not copy the pages of what is loaded
        self.orders.send(READY + json.dumps(self.greeting).encode())
        waiting = select.poll()
        waiting.register(self.orders, select.POLLIN)
        waiting.register(woken, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in waiting.poll()]
            if woken in ready:
                os.read(woken, 4096)
                self._collect()
            if self.orders.fileno() in ready and not self._obey():
                os._exit(0)  # ends the children too: they die with this process

    def _obey(self) -> bool:
        """Carry out one order; False if there will be no more."""
        datagram, descriptors, _, _ = socket.recv_fds(self.orders, ORDER_BYTES, _DESCRIPTORS)
        if not datagram:
            return False
        order = Order.unpack(datagram)
        if order.kind == LAUNCH and len(descriptors) == _DESCRIPTORS:
            self._launch(order, descriptors)
        elif order.kind == LAUNCH:  # out of descriptors: closing the pipes tells it
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            for process, (run, _) in self.running.items():
                if run == order.run:
                    os.kill(process, signal.SIGKILL)
        return True

    def _launch(self, order: Order, descriptors: list[int]) -> None:
        server = os.getpid()
        *given, end = descriptors
        try:
            process = os.fork()
        except OSError as error:
            os.write(end, not_begun(error))
            for descriptor in descriptors:
                os.close(descriptor)
            return
        if process == 0:
            live(order, descriptors, self.held, server, self.drives[order.entry])
        self.running[process] = order.run, end
        for descriptor in given:
            os.close(descriptor)

    def _collect(self) -> None:
        """Tell the ends of all children that have ended."""
        while self.running:
            process, status, used = os.wait4(-1, os.WNOHANG)
            if process == 0:
                return
            _, end = self.running.pop(process)
            record = End(
                status=status, cpu_s=used.ru_utime + used.ru_stime, peak_kib=used.ru_maxrss
            )
            try:
                os.write(end, record.pack())
            except BrokenPipeError:
                pass  # nobody waits for it any more
            finally:
                os.close(end)
