"""What a program finds inside the sandbox: nothing of the host, and a Python that works."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jailed_programs import LIMITS, jailed, run, send, wait_for_exit
from machines import NOBODY, public_machine
from textgrad_code.jail.limits import MOST_THREADS
from textgrad_code.sandbox import Tier, probe
from textgrad_code.sandbox.jailed import JailedSandbox

if sys.platform != "linux":
    pytest.skip("platform: sandboxes need Linux", allow_module_level=True)

TIERS = [p.tier for p in probe() if p.works]
LIBRARY = Path(os.__file__).resolve().parent


@pytest.fixture(scope="module", params=TIERS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[JailedSandbox]:
    opened = jailed(request.param)
    yield opened
    opened.close()


def test_only_five_descriptors_are_open(sandbox: JailedSandbox) -> None:
    leaked = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    try:
        source = (
            "import os\nfound = []\n"
            "for fd in range(5000):\n"
            "    try: os.fstat(fd)\n"
            "    except OSError: continue\n"
            "    found.append(fd)\n"
            "answer(found)"
        )
        again = jailed(sandbox.tier)
        assert run(again, source).value == [0, 1, 2, 3, 4]
        again.close()
    finally:
        os.close(leaked)


def test_the_environment_is_empty(sandbox: JailedSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "secret")
    again = jailed(sandbox.tier)
    source = "import os, ctypes\nanswer([dict(os.environ), ctypes.CDLL(None).getenv(b'PATH')])"
    assert run(again, source).value == [{}, 0]
    again.close()


def test_input_is_empty(sandbox: JailedSandbox) -> None:
    """Were it the channel, ``input()`` would swallow the next test."""
    assert run(sandbox, "import sys\nanswer(sys.stdin.read())").value == ""
    assert run(sandbox, "input()").word == "EOFError"


def test_the_user_is_nobody(sandbox: JailedSandbox) -> None:
    if sandbox.tier is Tier.LANDLOCK or (os.getuid() != 0 and sandbox.tier is not Tier.FULL):
        pytest.skip("platform: the user stays where he reads the library or is not root")
    assert run(sandbox, "import os\nanswer([os.getuid(), os.getgid()])").value == [NOBODY, NOBODY]


def test_only_the_library_can_be_seen(sandbox: JailedSandbox) -> None:
    if sandbox.tier is not Tier.FULL:
        pytest.skip("platform: only tier full has a root of its own")
    elsewhere = ("/etc", "/proc", "/dev", "/sys", "/run", "/bin/sh", "/etc/passwd")
    source = f"import os\nanswer([p for p in {elsewhere} if os.path.exists(p)])"
    above = {str(p) for p in LIBRARY.parents}
    assert set(run(sandbox, source).value) <= above


def test_what_a_tier_shows_of_the_host_is_what_the_manual_says(sandbox: JailedSandbox) -> None:
    source = (
        "import os\n"
        "def sees(path):\n"
        "    try: return os.stat(path).st_size >= 0\n"
        "    except OSError: return False\n"
        f"name, process = os.uname().nodename, {os.getpid()}\n"
        "answer([sees('/etc/passwd'), sees(f'/proc/{process}'), name, os.getpid(), os.getppid()])"
    )
    file, process, name, own, parent = run(sandbox, source).value
    hidden = sandbox.tier is Tier.FULL
    assert (file, process) == ((False, False) if hidden else (True, True))
    assert name == ("localhost" if hidden else os.uname().nodename)
    assert (parent == 1) is hidden
    assert own != parent


def test_no_folder_of_the_host_can_be_listed(sandbox: JailedSandbox) -> None:
    source = f"import os\nfor p in ('/', '/etc', {str(LIBRARY)!r}): answer(os.listdir(p))"
    assert run(sandbox, source).word == "PermissionError"


@pytest.mark.parametrize("name", ["site-packages", "dist-packages", "test"])
def test_packages_of_the_host_cannot_be_read(sandbox: JailedSandbox, name: str) -> None:
    """They may hold the answers of benchmarks as data."""
    folder = LIBRARY / name
    if not folder.is_dir():
        pytest.skip(f"platform: this library has no {name}")
    outcome = run(sandbox, f"import os\nanswer(os.listdir({str(folder)!r}))")
    assert outcome.word == "PermissionError" or outcome.value == []
    inside = next(p for p in sorted(folder.rglob("*.py")) if p.is_file())
    assert run(sandbox, f"answer(open({str(inside)!r}).read())").word in (
        "PermissionError",
        "FileNotFoundError",
    )


def test_the_host_has_another_name(sandbox: JailedSandbox) -> None:
    name = run(sandbox, "import os\nanswer(os.uname().nodename)").value
    if sandbox.tier is Tier.FULL:
        assert name == "localhost"


def test_modules_at_hand_include_those_that_solutions_use(sandbox: JailedSandbox) -> None:
    names = [
        *("array", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime"),
        *("decimal", "enum", "fractions", "functools", "heapq", "itertools", "json", "math"),
        *("operator", "queue", "random", "re", "statistics", "string", "threading", "time"),
        *("typing", "unicodedata", "zlib", "hashlib", "sortedcontainers"),
    ]
    source = "import importlib\nanswer([importlib.import_module(n).__name__ for n in NAMES])"
    assert run(sandbox, source.replace("NAMES", repr(names))).value == names


def test_a_module_that_was_not_loaded_before(sandbox: JailedSandbox) -> None:
    outcome = run(sandbox, "import colorsys\nanswer(colorsys.rgb_to_hls(0, 0, 0)[0])")
    if sandbox.tier is Tier.SECCOMP_STRICT:
        assert outcome.word == "ModuleNotFoundError"
        assert "opens no files" in outcome.answers[0]["message"]
    else:
        assert outcome.value == 0


def test_an_unknown_module_is_unknown(sandbox: JailedSandbox) -> None:
    outcome = run(sandbox, "import no_such_module")
    assert outcome.word == "ModuleNotFoundError"
    assert outcome.answers[0]["message"] == "No module named 'no_such_module'"


ASYNCIO = """
import asyncio, os, threading
async def double(n):
    await asyncio.sleep(0.001 * n)
    return 2 * n
async def main():
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()
    threading.Timer(0.01, loop.call_soon_threadsafe, (queue.put_nowait, "woken")).start()
    try: await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except TimeoutError: late = True
    return [await asyncio.gather(*map(double, range(5))), await queue.get(), late,
            await asyncio.to_thread(sum, [1, 2])]
answer([asyncio.run(main()) for _ in range(20)][-1])
"""


def test_event_loops_work_without_sockets(sandbox: JailedSandbox) -> None:
    """Twenty of them, one after another: each gives its descriptors back."""
    assert run(sandbox, ASYNCIO).value == [[0, 2, 4, 6, 8], "woken", True, 3]


def test_event_loops_reach_nobody(sandbox: JailedSandbox) -> None:
    for call in ("open_connection('127.0.0.1', 9)", "open_unix_connection('/x')"):
        source = f"import asyncio\nasync def f(): await asyncio.{call}\nasyncio.run(f())"
        assert run(sandbox, source).word == "PermissionError", call


def test_neither_the_plugin_nor_the_core_is_loaded(sandbox: JailedSandbox) -> None:
    source = (
        "import sys\n"
        "answer([sorted(n for n in sys.modules if n.startswith('textgrad_core')),\n"
        "        hasattr(sys.modules['textgrad_code'], 'plugin')])"
    )
    assert run(sandbox, source).value == [[], False]


def test_sets_have_the_same_order_in_every_sandbox(sandbox: JailedSandbox) -> None:
    source = "answer([list({'a', 'b', 'c', 'd', 'e', 'f'}), hash('a')])"
    first = run(sandbox, source).value
    again = jailed(sandbox.tier)
    assert run(again, source).value == first
    again.close()


def test_threads_start_although_the_stack_may_grow_large(sandbox: JailedSandbox) -> None:
    """By default a thread maps as much as the stack may take: all the memory there is."""
    source = (
        "import resource, threading\n"
        "done = []\n"
        "threads = [threading.Thread(target=done.append, args=(n,)) for n in range(8)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "answer([sorted(done), resource.getrlimit(resource.RLIMIT_STACK)[0]])"
    )
    done, stack = run(sandbox, source, replace(LIMITS, memory_mib=256)).value
    assert done == list(range(8))
    assert stack >= 8 << 20


def test_too_many_threads_are_refused(sandbox: JailedSandbox) -> None:
    source = (
        "import threading, time\n"
        "for _ in range(3000): threading.Thread(target=time.sleep, args=(1000,)).start()"
    )
    outcome = run(sandbox, source)
    assert outcome.word == "RuntimeError"


def test_threads_of_one_program_do_not_starve_another(sandbox: JailedSandbox) -> None:
    """The greedy one gets what the kernel lets one program have, or all that it asks for."""
    greedy = sandbox.launch(LIMITS)
    send(
        greedy,
        "import threading, time\n"
        "threading.stack_size(32768)\n"
        "try:\n"
        "    for _ in range(2000):\n"
        "        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
        "except RuntimeError: pass\n"
        "answer(threading.active_count())\n"
        "time.sleep(1000)",
    )
    try:
        most = MOST_THREADS if sandbox.counts_each_program() else 2001
        assert json.loads(os.read(greedy.answer_fd, 100))["answer"] == most
        source = (
            "import threading\n"
            "one = threading.Thread(target=answer, args=(1,))\n"
            "one.start()\n"
            "one.join()"
        )
        assert run(sandbox, source).value == 1
    finally:
        greedy.close()


def test_deep_recursion_through_c_code_fits_the_stack(sandbox: JailedSandbox) -> None:
    depth = 9000 if sys.version_info < (3, 12) else 400  # which has a bound of its own
    source = (
        "import functools, sys\n"
        "sys.setrecursionlimit(30000)\n"
        "@functools.lru_cache(None)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
        f"answer(f({depth}))"
    )
    assert run(sandbox, source).value == depth


@pytest.mark.parametrize("memory_mib", [64, 256])
def test_memory_is_counted_above_the_interpreters_own(
    sandbox: JailedSandbox, memory_mib: int
) -> None:
    limits = replace(LIMITS, memory_mib=memory_mib)
    most = (memory_mib - 8) << 20
    assert run(sandbox, f"answer(len(bytearray({most})))", limits).value == most
    assert run(sandbox, f"bytearray({memory_mib << 20})", limits).word == "MemoryError"
    swallowed = f"try: bytearray({memory_mib << 20})\nexcept MemoryError: answer('went on')"
    assert run(sandbox, swallowed, limits).value == "went on"


def test_cpu_time_ends_a_program_with_a_reason(sandbox: JailedSandbox) -> None:
    """The soft limit is below the hard one, whose signal says nothing."""
    limits = replace(LIMITS, cpu_s=1.0)
    assert run(sandbox, "while True: pass", limits).exit.signal == signal.SIGXCPU


def test_cpu_time_ends_a_program_that_blocks_the_signal(sandbox: JailedSandbox) -> None:
    source = (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass"
    )
    ended = run(sandbox, source, replace(LIMITS, cpu_s=1.0)).exit
    assert ended.signal == signal.SIGKILL
    assert ended.cpu_s >= 1.0


def test_what_it_has_used_is_known_while_it_lives(sandbox: JailedSandbox) -> None:
    source = (
        "import time\nkept = bytearray(b'x' * (50 << 20))\n"
        "while time.process_time() < 0.3: pass\nanswer(1)\ntime.sleep(1000)"
    )
    child = sandbox.launch(LIMITS)
    try:
        send(child, source)
        assert select.select([child.answer_fd], [], [], 60.0)[0]
        used = child.usage()
        child.kill()
        ended = wait_for_exit(child)
        assert child.usage() is None
    finally:
        child.close()
    assert used is not None
    assert used.cpu_s >= 0.3
    assert used.cpu_s <= ended.cpu_s + 0.01
    assert 50 < used.peak_memory_mib <= ended.peak_memory_mib


def test_signals_to_itself_work(sandbox: JailedSandbox) -> None:
    source = (
        "import signal\n"
        "signal.signal(signal.SIGALRM, lambda *a: answer('rang'))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01)\n"
        "signal.pause()"
    )
    assert run(sandbox, source).value == "rang"


def test_no_core_is_dumped_and_no_file_grows(sandbox: JailedSandbox) -> None:
    source = (
        "import resource as r\n"
        "answer([r.getrlimit(x)[1] for x in (r.RLIMIT_CORE, r.RLIMIT_FSIZE, r.RLIMIT_MEMLOCK)])"
    )
    assert run(sandbox, source).value == [0, 0, 0]


def test_a_child_closed_unused_does_no_harm(sandbox: JailedSandbox) -> None:
    child = sandbox.launch(LIMITS)
    child.close()
    assert run(sandbox, "answer(1)").value == 1


IN_A_CLOSED_HOME = """
mkdir -m 700 {home} && mkdir {home}/python && mount --bind {prefix} {home}/python &&
chown {user} {home} && exec {as_user} {home}/python/bin/{name} {script}
"""
ANSWER_IN_EVERY_TIER = """
import json
from jailed_programs import jailed, run
from textgrad_code.sandbox import Tier
answers = {}
for tier in (Tier.FULL, Tier.LANDLOCK, Tier.SECCOMP_STRICT):
    sandbox = jailed(tier)
    answers[tier] = run(sandbox, "import os\\nanswer([os.__file__, 6 * 7])").value
    sandbox.close()
print(json.dumps(answers))
"""


@pytest.mark.parametrize("user", [0, NOBODY])
def test_the_interpreter_may_be_in_a_home_that_others_cannot_read(user: int) -> None:
    """Whose owner, or root, runs the sandbox; its children are somebody else."""
    tools = [shutil.which(name) for name in ("unshare", "setpriv")]
    if os.geteuid() != 0 or len(TIERS) < 3 or None in tools:
        pytest.skip("platform: only root can mount an interpreter elsewhere")
    with public_machine() as machine:
        python = Path(machine.python)
        folder = machine.helpers.parent
        (folder / "script.py").write_text(ANSWER_IN_EVERY_TIER)
        command = IN_A_CLOSED_HOME.format(
            home=folder / "home",
            prefix=python.parents[1],
            name=python.name,
            user=user,
            as_user=f"setpriv --reuid {user} --regid {user} --clear-groups" if user else "",
            script=folder / "script.py",
        )
        path = os.pathsep.join([str(folder), str(machine.helpers)])
        done = subprocess.run(
            ["unshare", "-m", "sh", "-ec", command],
            env={**machine.environment, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = json.loads(done.stdout)
        assert [number for _, number in answers.values()] == [42] * 3
        assert all(file.startswith(str(folder / "home")) for file, _ in answers.values())
