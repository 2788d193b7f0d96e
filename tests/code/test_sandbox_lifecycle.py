"""Fork servers and children: how they start, are shared, replaced and ended."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jailed_programs import HELPERS, LIMITS, jailed, run, send, wait_for, wait_for_exit
from machines import NOBODY
from textgrad_code.errors import SandboxFailed
from textgrad_code.sandbox import ChildLimits, Tier, probe
from textgrad_code.sandbox.jailed import JailedSandbox
from textgrad_code.sandbox.zygote import CannotStart

if sys.platform != "linux":
    pytest.skip("platform: sandboxes need Linux", allow_module_level=True)

PATIENCE_S = 30.0
TIERS = [p.tier for p in probe() if p.works]
if not TIERS:
    pytest.skip("platform: no tier works here", allow_module_level=True)


@pytest.fixture(params=TIERS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[JailedSandbox]:
    opened = jailed(request.param)
    yield opened
    opened.close()


@contextmanager
def one(**kwargs: Any) -> Iterator[JailedSandbox]:
    opened = jailed(TIERS[0], **kwargs)
    try:
        yield opened
    finally:
        opened.close()


def eventually(happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def descendants(process: int) -> set[tuple[int, str]]:
    """Process ids with start times of all that a process has started, directly or not."""
    parents: dict[int, list[tuple[int, str]]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text().rpartition(")")
        except OSError:
            continue  # it has ended meanwhile
        fields = rest.split()
        parents.setdefault(int(fields[1]), []).append((int(name.split()[0]), fields[19]))
    found: set[tuple[int, str]] = set()
    waiting = [process]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found |= set(children)
        waiting += [pid for pid, _ in children]
    return found


def is_alive(process: tuple[int, str]) -> bool:
    try:
        fields = Path(f"/proc/{process[0]}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == process[1] and fields[0] != "Z"


def test_programs_run_one_after_another(sandbox: JailedSandbox) -> None:
    assert [run(sandbox, f"answer({n} ** 2)").value for n in range(10)] == [
        n**2 for n in range(10)
    ]


def test_programs_share_nothing(sandbox: JailedSandbox) -> None:
    run(sandbox, "import math\nmath.left = 'secret'")
    assert run(sandbox, "import math\nanswer(hasattr(math, 'left'))").value is False


def test_the_end_is_told_as_the_kernel_saw_it(sandbox: JailedSandbox) -> None:
    assert run(sandbox, "pass").exit.code == 0
    assert run(sandbox, "import os\nos._exit(7)").exit.code == 7
    aborted = run(sandbox, "import os\nos.abort()").exit
    assert (aborted.code, aborted.signal) == (None, signal.SIGABRT)
    crashed = run(sandbox, "import ctypes\nctypes.string_at(0)").exit
    assert crashed.signal == signal.SIGSEGV
    busy = run(sandbox, "sum(range(3 * 10**6))\nlist(range(10**6))").exit
    assert busy.cpu_s > 0.02
    assert busy.peak_memory_mib > 30


def test_output_is_kept_apart_from_answers(sandbox: JailedSandbox) -> None:
    outcome = run(sandbox, "import sys\nprint('out')\nprint('err', file=sys.stderr)\nanswer(1)")
    assert sorted(outcome.output.split()) == ["err", "out"]
    assert outcome.answers == [{"answer": 1}]


def test_a_child_is_killed_on_demand(sandbox: JailedSandbox) -> None:
    child = sandbox.launch(LIMITS)
    send(child, "while True: pass")
    assert child.exit() is None
    child.kill()
    assert wait_for_exit(child).signal == signal.SIGKILL
    child.kill()
    child.close()
    child.close()


@pytest.mark.parametrize("tier", TIERS)
def test_closing_a_child_ends_it(tier: Tier) -> None:
    sandbox = jailed(tier, spares=0)
    server = sandbox.start().process.pid
    before = descendants(server)
    child = sandbox.launch(LIMITS)
    send(child, "import time\nanswer(1)\ntime.sleep(1000)")
    os.read(child.answer_fd, 100)
    (busy,) = descendants(server) - before
    assert is_alive(busy)
    child.close()
    assert eventually(lambda: not is_alive(busy))
    sandbox.close()


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def has_no_rights(pid: int) -> bool:
    status = status_of(pid)
    capabilities = {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Amb")}
    return capabilities == {0} and status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("tier", TIERS)
def test_the_kernel_agrees_that_every_right_is_gone(tier: Tier) -> None:
    """Seen from outside: no capability in any process, a filter on the child."""
    sandbox = jailed(tier, spares=0)
    outer = sandbox.start().process.pid
    servers = {outer} | {pid for pid, _ in descendants(outer)}
    child = sandbox.launch(LIMITS)
    send(child, "import time\nanswer(1)\ntime.sleep(1000)")
    os.read(child.answer_fd, 100)
    (busy,) = {pid for pid, _ in descendants(outer)} - servers
    for pid in (*servers, busy):
        assert eventually(partial(has_no_rights, pid))
    filters = int(status_of(busy)["Seccomp_filters"]) - int(status_of(outer)["Seccomp_filters"])
    assert (status_of(busy)["Seccomp"], filters) == ("2", 1)
    assert status_of(busy)["Threads"] == "1"
    if os.getuid() == 0 and tier is not Tier.LANDLOCK:
        assert set(status_of(busy)["Uid"].split()) == {str(NOBODY)}
        assert status_of(busy)["Groups"] == ""
    child.close()
    sandbox.close()


@pytest.mark.parametrize("kind", ["mnt", "pid", "net", "ipc", "uts", "cgroup"])
def test_the_full_tier_shares_no_namespace(kind: str) -> None:
    if Tier.FULL not in TIERS:
        pytest.skip("platform: no namespaces for this user")
    sandbox = jailed(Tier.FULL)
    (inside,) = (pid for pid, _ in descendants(sandbox.start().process.pid))
    try:
        namespace = Path(f"/proc/{inside}/ns/{kind}").readlink()
    except PermissionError:
        pytest.skip("platform: only root may look at processes that hide from their user")
    finally:
        sandbox.close()
    assert namespace != Path(f"/proc/self/ns/{kind}").readlink()


def test_many_threads_launch_at_once(sandbox: JailedSandbox) -> None:
    def job(n: int) -> int:
        return int(run(sandbox, f"answer({n} + 1)").value)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(job, range(80))) == list(range(1, 81))


def test_a_thread_that_ends_takes_no_fork_server_with_it() -> None:
    with one() as sandbox:
        with ThreadPoolExecutor(1) as threads:
            server = threads.submit(sandbox.start).result()
        assert run(sandbox, "answer(1)").value == 1
        assert sandbox.start() is server


def kill_fork_server(sandbox: JailedSandbox) -> None:
    server = sandbox.start().process
    below = descendants(server.pid)
    server.kill()
    server.wait()
    assert eventually(lambda: not any(map(is_alive, below)))


def test_a_fork_server_that_dies_fails_its_runs_and_is_replaced(sandbox: JailedSandbox) -> None:
    run(sandbox, "answer(0)")  # so that there are spares
    child = sandbox.launch(LIMITS)
    send(child, "import time\ntime.sleep(1000)")
    kill_fork_server(sandbox)
    with pytest.raises(SandboxFailed, match="fork server ended"):
        wait_for_exit(child)
    child.close()
    assert run(sandbox, "answer(1)").value == 1


def test_the_first_process_inside_is_missed_too(sandbox: JailedSandbox) -> None:
    if sandbox.tier is not Tier.FULL:
        pytest.skip("platform: only tier full has one")
    child = sandbox.launch(LIMITS)
    send(child, "import time\nanswer(1)\ntime.sleep(1000)")
    os.read(child.answer_fd, 100)
    server = sandbox.start().process
    first, _ = min(descendants(server.pid), key=lambda one: int(one[1]))
    os.kill(first, signal.SIGKILL)  # before its child, whose end it would tell; that ends with it
    server.wait()
    with pytest.raises(SandboxFailed):
        wait_for_exit(child)
    child.close()
    assert run(sandbox, "answer(1)").value == 1


def test_closing_the_sandbox_fails_what_runs_and_leaves_nothing(sandbox: JailedSandbox) -> None:
    child = sandbox.launch(LIMITS)
    send(child, "import time\nanswer(1)\ntime.sleep(1000)")
    os.read(child.answer_fd, 100)
    server = sandbox.start().process.pid
    mine = {one for one in descendants(os.getpid()) if one[0] == server}
    started = mine | descendants(server)
    sandbox.close()
    sandbox.close()
    with pytest.raises(SandboxFailed):
        wait_for_exit(child)
    child.close()
    assert server not in {pid for pid, _ in filter(is_alive, started)}
    assert eventually(lambda: not any(map(is_alive, started)))
    with pytest.raises(SandboxFailed, match="closed"):
        sandbox.launch(LIMITS)


OPENS_AND_WAITS = """
import sys
sys.path.append({helpers!r})
from jailed_programs import *
from textgrad_code.sandbox import Tier
import time
sandbox = jailed(Tier({tier!r}))
run(sandbox, "answer(1)")
child = sandbox.launch(LIMITS)
send(child, "import signal, time\\nsignal.signal(15, signal.SIG_IGN)\\nanswer(1)\\n"
     "while True:\\n    try: time.sleep(1000)\\n    except BaseException: pass")
os.read(child.answer_fd, 100)
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_the_parent(tier: Tier, number: signal.Signals) -> None:
    script = OPENS_AND_WAITS.format(helpers=str(HELPERS), tier=str(tier))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"ready\n"
            assert eventually(lambda: len(descendants(parent.pid)) >= 4)
            started = descendants(parent.pid)  # fork server, busy child, spares
            parent.send_signal(number)
            parent.wait()
            assert eventually(lambda: not any(map(is_alive, started)))
        finally:
            parent.kill()


def test_spares_are_used_and_have_the_limits_asked_for() -> None:
    source = "import resource\nanswer(resource.getrlimit(resource.RLIMIT_AS)[0])"
    with one() as sandbox:
        sizes: dict[int, set[int]] = {}
        for memory_mib in (64, 64, 64, 128, 128, 64, 256):
            limits = replace(LIMITS, memory_mib=memory_mib)
            sizes.setdefault(memory_mib, set()).add(run(sandbox, source, limits).value)
    assert all(len(found) == 1 for found in sizes.values())
    (small,), (middle,), (large,) = sizes[64], sizes[128], sizes[256]
    assert (middle - small, large - middle) == (64 << 20, 128 << 20)


def test_a_spare_waits_already_when_it_is_asked_for() -> None:
    with one(spares=1) as sandbox:
        run(sandbox, "answer(1)")
        server = sandbox.start().process.pid

        def launched_without_a_fork() -> bool:
            before = descendants(server)
            child = sandbox.launch(LIMITS)
            try:
                send(child, "answer(2)")
                return descendants(server) == before and wait_for(child).value == 2
            finally:
                child.close()

        assert eventually(launched_without_a_fork)


def test_a_spare_that_ended_is_not_handed_out() -> None:
    with one() as sandbox:
        run(sandbox, "answer(1)")
        kill_fork_server(sandbox)
        assert run(sandbox, "answer(2)").value == 2


def test_the_fork_server_is_replaced_after_many_runs() -> None:
    with one(runs_per_zygote=4) as sandbox:
        long_one = sandbox.launch(LIMITS)
        first = sandbox.start().process
        seen = set()
        for n in range(12):
            assert run(sandbox, f"answer({n})").value == n
            seen.add(sandbox.start().process.pid)
        assert len(seen - {first.pid}) >= 2
        assert first.poll() is None  # a child of it is still in use
        send(long_one, "answer('still here')")
        assert wait_for(long_one).value == "still here"
        long_one.close()
        assert eventually(lambda: first.poll() is not None)  # a spare may be starting on it


# Python >= 3.12 warns of forks beside threads; here the fork is what is tested
FORKS = pytest.mark.filterwarnings("ignore:This process .* multi-threaded:DeprecationWarning")


def in_a_fork(act: Callable[[], object]) -> Any:
    """What a function returns in a fork of this process, through JSON."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(write, json.dumps(act()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as told:
        text = told.read()
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(text)


@FORKS
def test_a_fork_of_the_user_gets_a_sandbox_of_its_own() -> None:
    with one() as sandbox:
        child = sandbox.launch(LIMITS)
        send(child, "import time\nanswer(1)\ntime.sleep(1000)")
        os.read(child.answer_fd, 100)
        mine = sandbox.start().process.pid

        def forked() -> list[object]:
            assert child.job_fd == -1
            outcome = run(sandbox, "answer(2)")
            pid = sandbox.start().process.pid
            sandbox.close()
            return [outcome.value, pid]

        value, pid = in_a_fork(forked)
        assert value == 2
        assert pid != mine
        assert child.exit() is None
        assert sandbox.start().process.pid == mine
        child.close()


def pipes_and_sockets() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            name = str(descriptor.readlink())
        except OSError:
            continue  # the one that lists the folder
        if name.startswith(("pipe:", "socket:")):
            found.add(name)
    return found


@FORKS
def test_forks_while_other_threads_launch_inherit_nothing() -> None:
    before = pipes_and_sockets()

    def launching(sandbox: JailedSandbox, n: int) -> int:
        return int(run(sandbox, f"answer({n})").value)

    with one() as sandbox, ThreadPoolExecutor(4) as threads:
        ran = threads.map(launching, [sandbox] * 60, range(60))
        for _ in range(15):
            inherited = in_a_fork(lambda: sorted(pipes_and_sockets() - before))
            assert len(inherited) == 1  # the pipe it answers through
        assert list(ran) == list(range(60))


@FORKS
def test_a_fork_holds_nothing_of_the_sandbox_open() -> None:
    with one() as sandbox:
        run(sandbox, "answer(1)")
        server = sandbox.start().process
        read, write = os.pipe()
        forked = os.fork()
        if forked == 0:
            os.close(write)
            os.read(read, 1)  # until the parent is done
            os._exit(0)
        try:
            os.close(read)
            below = descendants(server.pid)
            sandbox.close()  # would wait in vain if the fork held the socket
            assert eventually(lambda: not any(map(is_alive, below)))
        finally:
            os.close(write)
            os.waitpid(forked, 0)


def test_a_process_out_of_descriptors_is_not_the_programs_fault() -> None:
    with one(spares=0) as sandbox:
        server = sandbox.start()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.open(os.devnull, os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 3, hard))
        try:
            with pytest.raises(SandboxFailed, match="no pipes"):
                sandbox.launch(LIMITS)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(free)
        assert run(sandbox, "answer(1)").value == 1
        assert sandbox.start() is server


def test_a_driver_that_is_not_there_is_named() -> None:
    with one() as sandbox:
        broken = JailedSandbox(replace(sandbox.settings, driver="no_such_module:drive"))
        with pytest.raises(CannotStart, match="no_such_module"):
            broken.launch(LIMITS)
        broken.close()


@pytest.mark.parametrize("python", ["no/such/python", sys.prefix, "/dev/null"])
def test_an_interpreter_that_does_not_start_is_named(python: str) -> None:
    broken = jailed(TIERS[0], python)
    with pytest.raises(CannotStart, match=python):
        broken.launch(LIMITS)
    broken.close()


def test_a_program_cannot_claim_that_the_sandbox_failed(sandbox: JailedSandbox) -> None:
    """It finds no pipe to say so on, and its exit code says nothing."""
    source = (
        "import os\n"
        "for fd in range(5, 100):\n"
        "    try: os.write(fd, b'F' * 20)\n"
        "    except OSError: pass\n"
        "os._exit(1)"
    )
    assert run(sandbox, source).exit.code == 1


def test_limits_that_cannot_be_set_are_the_sandboxs_failure() -> None:
    with one() as sandbox:
        child = sandbox.launch(ChildLimits(memory_mib=1 << 50))
        with pytest.raises(SandboxFailed, match="could not be started"):
            wait_for_exit(child)
        child.close()


def test_no_descriptor_is_lost_when_they_run_out() -> None:
    with one(spares=0) as sandbox:
        sandbox.start()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        before = pipes_and_sockets()
        free = os.open(os.devnull, os.O_RDONLY)
        try:
            for more in range(9):  # at which of them it fails
                resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, hard))
                with pytest.raises(SandboxFailed, match="no pipes"):
                    sandbox.launch(LIMITS)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(free)
        assert pipes_and_sockets() == before


def test_a_stuck_fork_server_is_killed_and_replaced() -> None:
    with one(spares=0) as sandbox:
        server = sandbox.start().process
        os.kill(server.pid, signal.SIGSTOP)
        child = sandbox.launch(LIMITS)
        child.no_greeting = True  # as a session says that has waited in vain
        child.close()
        assert run(sandbox, "answer(1)").value == 1
        assert server.poll() == -signal.SIGKILL


def test_waiting_for_a_processor_is_told() -> None:
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})  # the fork server and its children inherit it
    try:
        with one(spares=0) as sandbox:
            children = [sandbox.launch(LIMITS) for _ in range(4)]
            for child in children:
                send(child, "while True: pass")

            assert eventually(lambda: all(child.waited_s() > 0.1 for child in children))
            for child in children:
                child.close()
    finally:
        os.sched_setaffinity(0, processors)
