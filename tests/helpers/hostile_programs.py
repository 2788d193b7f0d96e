"""Programs that try to get out of the sandbox, and how each must end.

Run as a script, it starts a sandbox, perhaps after taking kernel features away from itself, runs
all of them and prints what came of each as JSON:

    hostile_programs.py TIER [CALLS=ERRNO ...]        such as  landlock=ENOSYS namespaces=EPERM
"""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

DENIED = ("PermissionError", "OSError")
NO_FILE = ("PermissionError", "FileNotFoundError")
NOT_WRITTEN = ("PermissionError", "FileNotFoundError", "OSError")  # EROFS is an OSError
FATAL = ("SIGSYS",)

LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
CALL = (
    LIBC
    + "def call(*a):\n"
    + "    r = libc.syscall(*[ctypes.c_long(x) if isinstance(x, int) else x for x in a])\n"
    + "    if r < 0: raise OSError(ctypes.get_errno(), 'refused')\n"
    + "    answer(r)\n"
)
NUMBERS = {  # x86_64, aarch64
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "perf_event_open": (298, 241),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "open_by_handle_at": (304, 265),
    "personality": (135, 92),
    "move_mount": (429, 429),
    "seccomp": (317, 277),
}
X86 = os.uname().machine == "x86_64"


def system_call(name: str, *arguments: int) -> str:
    number = NUMBERS[name][0 if X86 else 1]
    return f"{CALL}call({', '.join(map(str, (number, *arguments)))})"


PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "read a file": ("answer(open('/etc/passwd').read())", NO_FILE),
    "read own environment": ("answer(open('/proc/self/environ').read())", NO_FILE),
    "read memory of the server": (
        "import os\nanswer(open(f'/proc/{os.getppid()}/mem', 'rb').read(1))",
        NO_FILE,
    ),
    "follow a link": ("import os\nanswer(os.readlink('/proc/self/exe'))", NO_FILE),
    "read a device": ("answer(str(open('/dev/urandom', 'rb').read(4)))", NO_FILE),
    "list a folder": ("import os\nanswer(os.listdir('/etc'))", NO_FILE),
    "write a file": ("open('/escaped', 'w').write('x')", NOT_WRITTEN),
    "write in the library": (
        "import os\nopen(os.__file__ + 'x', 'w').write('x')",
        NOT_WRITTEN,
    ),
    "append": ("import os\nopen(os.__file__, 'a').write('x')", NOT_WRITTEN),
    "make a folder": ("import os\nos.mkdir('/escaped')", NOT_WRITTEN),
    "delete": ("import os\nos.unlink('/etc/hostname')", NOT_WRITTEN),
    "rename": ("import os\nos.rename('/etc/hostname', '/etc/h')", NOT_WRITTEN),
    "link": ("import os\nos.symlink('/etc/passwd', '/escaped')", NOT_WRITTEN),
    "change rights": ("import os\nos.chmod('/', 0o777)", NOT_WRITTEN),
    "truncate": ("import os\nos.truncate('/etc/hostname', 0)", NOT_WRITTEN),
    "temporary file": ("import tempfile\ntempfile.mkstemp()", NOT_WRITTEN),
    "unnamed file": ("import os\nos.open('/', os.O_TMPFILE | os.O_RDWR)", NOT_WRITTEN),
    "change folder": ("import os\nos.chdir('/etc')", DENIED),
    "chroot": ("import os\nos.chroot('/')", FATAL),
    "TCP": ("import socket\nsocket.socket()", DENIED),
    "UDP": ("import socket\nsocket.socket(type=socket.SOCK_DGRAM)", DENIED),
    "unix socket": ("import socket\nsocket.socket(socket.AF_UNIX)", DENIED),
    "netlink": ("import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", DENIED),
    "socket pair": ("import socket\nsocket.socketpair()", DENIED),
    "pipe of packets": ("import os\nos.pipe2(os.O_DIRECT)", DENIED),
    "larger pipe": ("import fcntl, os\nfcntl.fcntl(os.pipe()[1], 1031, 1 << 20)", DENIED),
    "many pipes": ("import os\nwhile True: os.pipe()", ("OSError",)),
    "epoll": ("import select\nselect.epoll()", DENIED),
    "event descriptor": ("import os\nos.eventfd(0)", DENIED),
    "memory file": ("import os\nos.memfd_create('x')", DENIED),
    "shared memory": (f"{LIBC}assert libc.shmget(1, 4096, 0o1600) >= 0", ("AssertionError",)),
    "fork": ("import os\nos.fork()", DENIED),
    "vfork": (f"{LIBC}assert libc.syscall({58 if X86 else 220}, 17) >= 0", ("AssertionError",)),
    "spawn": ("import os\nos.posix_spawn('/bin/true', ['true'], {})", DENIED),
    "shell": ("import os\nassert os.system('true') == 0", ("AssertionError",)),
    "subprocess": ("import subprocess\nsubprocess.run(['true'])", DENIED),
    "execute": ("import os\nos.execv('/bin/true', ['true'])", DENIED),
    "kill the server": ("import os\nos.kill(os.getppid(), 9)", DENIED),
    "kill everything": ("import os\nos.kill(-1, 9)", DENIED),
    "signal another process": (
        f"{CALL}call({234 if X86 else 131}, os.getppid(), os.getppid(), 9)",
        DENIED,
    ),
    "become root": ("import os\nos.setuid(0)", DENIED),
    "new session": ("import os\nos.setsid()", DENIED),
    "change affinity": ("import os\nos.sched_setaffinity(0, [0])", DENIED),
    "raise priority": ("import os\nos.nice(-1)", DENIED),
    "set the clock": ("import time\ntime.clock_settime(0, 0)", DENIED),
    "change limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))",
        ("PermissionError", "ValueError"),
    ),
    "be dumpable": (f"{LIBC}assert libc.prctl(4, 1, 0, 0, 0) == 0", ("AssertionError",)),
    "survive the server": (f"{LIBC}assert libc.prctl(1, 0, 0, 0, 0) == 0", ("AssertionError",)),
    "own a signal": ("import fcntl\nfcntl.fcntl(1, fcntl.F_SETOWN, 1)", DENIED),
    "type for the user": ("import fcntl\nfcntl.ioctl(0, 0x5412, b'x')", DENIED),
    "executable memory": (
        "import mmap\nmmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
        DENIED,
    ),
    "make memory executable": (
        f"{LIBC}b = ctypes.create_string_buffer(8192)\n"
        "p = (ctypes.addressof(b) + 4095) & ~4095\n"
        "assert libc.mprotect(ctypes.c_void_p(p), 4096, 7) == 0",
        ("AssertionError",),
    ),
    "attach": (system_call("ptrace", 16, 1, 0, 0), FATAL),
    "read other memory": (system_call("process_vm_readv", 1, 0, 0, 0, 0, 0), FATAL),
    "extend the kernel": (system_call("bpf", 0, 0, 0), FATAL),
    "catch page faults": (system_call("userfaultfd", 0), FATAL),
    "asynchronous requests": (system_call("io_uring_setup", 1, 0), FATAL),
    "kernel keys": (system_call("keyctl", 0, 0, 0, 0, 0), FATAL),
    "add a key": (system_call("add_key", 0, 0, 0, 0, 0), FATAL),
    "measure others": (system_call("perf_event_open", 0, 0, 0, 0, 0), FATAL),
    "new namespace": (system_call("unshare", 0x10000000), FATAL),
    "other namespace": (system_call("setns", 3, 0), FATAL),
    "mount": (system_call("mount", 0, 0, 0, 0, 0), FATAL),
    "move a mount": (system_call("move_mount", 0, 0, 0, 0, 0), FATAL),
    "handle of a process": (system_call("pidfd_open", 1, 0), FATAL),
    "descriptor of a process": (system_call("pidfd_getfd", 1, 0, 0), FATAL),
    "another kernel": (system_call("kexec_load", 0, 0, 0, 0), FATAL),
    "load a module": (system_call("init_module", 0, 0, 0), FATAL),
    "open by handle": (system_call("open_by_handle_at", 0, 0, 0), FATAL),
    "personality": (system_call("personality", 0x0400000), FATAL),
    "another filter": (system_call("seccomp", 1, 0, 0), FATAL),
    "numbers of another interface": (
        (f"{CALL}call({0x40000000 + 39})", FATAL) if X86 else (f"{CALL}call(9999)", DENIED)
    ),
}

GROUPS = {
    "namespaces": [
        *("unshare", "setns", "mount", "umount2", "pivot_root", "open_tree", "move_mount"),
        *("fsopen", "fsmount", "mount_setattr"),
    ],
    "mounts": ["mount", "open_tree", "mount_setattr"],
    "landlock": ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"],
    "seccomp": ["seccomp"],
}


def take_away(groups: dict[str, str]) -> None:
    """Forbid calls to this process and all it starts, as a container's filter does."""
    from textgrad_code.jail import bpf, seccomp
    from textgrad_code.jail.libc import this_architecture

    architecture = this_architecture()
    assert architecture is not None
    program = [bpf.load(bpf.NUMBER_OFFSET)]
    for group, error in groups.items():
        numbers = [architecture.numbers[name] for name in GROUPS[group]]
        program += bpf.any_of(numbers, bpf.errno_action(getattr(errno, error)))
    seccomp.no_new_privileges()
    seccomp.install(bpf.assemble([*program, bpf.result(bpf.ALLOW)]))


def main(tier: str, *taken: str) -> None:
    if taken:
        take_away(dict(word.split("=") for word in taken))
    from jailed_programs import jailed, run
    from textgrad_code.sandbox import Tier, probe

    report: dict[str, object] = {
        "tiers": {p.tier: [p.works, p.missing, p.remedy] for p in probe()},
        "words": {},
    }
    if tier != "none":
        with_driver = jailed(Tier(tier))
        try:
            report["words"] = {
                name: run(with_driver, source).word for name, (source, _) in PROGRAMS.items()
            }
        finally:
            with_driver.close()
    print(json.dumps(report))


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent))
    main(*sys.argv[1:])
