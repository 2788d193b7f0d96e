"""Things of the host that no judged program may touch, and a look at each from outside."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

NOBODY = 65534
IPC_KEY = 7781
VARIABLE = "TEXTGRAD_CANARY"
SETTLE_S = 5.0
_SUBREAPER = 36


class Canaries:
    """A secret in a file, in the environment and in memory, sockets, a process, shared names.

    While it is entered, processes that lose their parent become children of this one.
    """

    def __init__(self) -> None:
        self.token = f"secret-{secrets.token_hex(12)}"
        self.kept = ctypes.create_string_buffer(self.token.encode())
        self.abstract = f"textgrad-{secrets.token_hex(6)}"

    def __enter__(self) -> Canaries:
        """Put them in place."""
        self.folder = Path(tempfile.mkdtemp(prefix="textgrad-canaries-"))
        self.folder.chmod(0o777)
        self.secret = self.folder / "secret.txt"
        self.secret.write_text(self.token, encoding="utf-8")
        (self.folder / "secret_module.py").write_text(
            f"TOKEN = {self.token!r}\n", encoding="utf-8"
        )
        self.secret.chmod(0o666)
        os.environ[VARIABLE] = self.token
        self.local = str(self.folder / "socket")
        self.tcp = _listening(socket.AF_INET, ("127.0.0.1", 0))
        self.unix = _listening(socket.AF_UNIX, self.local)
        self.named = _listening(socket.AF_UNIX, f"\0{self.abstract}")
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        Path(self.local).chmod(0o777)
        user = NOBODY if os.geteuid() == 0 else None  # the user that programs run as
        self.victim = subprocess.Popen([shutil.which("sleep") or "sleep", "3600"], user=user)
        _adopt_orphans(True)
        self.before = self._state()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take them away."""
        _adopt_orphans(False)
        self.victim.kill()
        self.victim.wait()
        for one in (self.tcp, self.unix, self.named, self.udp):
            one.close()
        os.environ.pop(VARIABLE, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def names(self) -> dict[str, str]:
        """Where they are, for programs that look for them."""
        return {
            "SECRET": str(self.secret),
            "FOLDER": str(self.folder),
            "VARIABLE": VARIABLE,
            "JUDGE": str(os.getpid()),
            "ADDRESS": str(ctypes.addressof(self.kept)),
            "SIZE": str(len(self.token)),
            "TCP": str(self.tcp.getsockname()[1]),
            "UDP": str(self.udp.getsockname()[1]),
            "LOCAL": self.local,
            "ABSTRACT": self.abstract,
            "VICTIM": str(self.victim.pid),
        }

    def breaches(self, said: str, most_processes: int, *, settle_s: float = SETTLE_S) -> list[str]:
        """What a program has reached.

        Args:
            said: All that came back from it.
            most_processes: How many processes the sandbox itself has.
            settle_s: How long to wait for processes to be gone.
        """
        found = []
        if self.token in said:
            found.append("the secret was told")
        for name, sock in (("TCP", self.tcp), ("local", self.unix), ("abstract", self.named)):
            if _reached(sock):
                found.append(f"the {name} socket was reached")
        try:
            self.udp.recv(64)
            found.append("the UDP socket was reached")
        except BlockingIOError:
            pass
        now = self._state()
        found += [f"{name} changed" for name in self.before if now[name] != self.before[name]]
        self.before = now
        left = self.processes(most_processes, settle_s)
        if left > most_processes:
            found.append(f"{left} processes are left of {most_processes}")
        return found

    def processes(self, wanted: int, settle_s: float = SETTLE_S) -> int:
        """How many processes this one has below it, but for the victim, after some waiting."""
        deadline = time.monotonic() + settle_s
        while (count := len(_descendants()) - 1) > wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        return count

    def _state(self) -> dict[str, object]:
        process = self.victim.pid
        lives = self.victim.poll() is None
        fields = Path(f"/proc/{process}/stat").read_text().split() if lives else [""] * 20
        return {
            "a file": [_described(p) for p in sorted(self.folder.rglob("*"))],
            "the victim": (lives, fields[2] in "RSD", fields[18]),
            "the victim's processors": os.sched_getaffinity(process) if lives else None,
            "the victim's limits": Path(f"/proc/{process}/limits").read_text() if lives else None,
            "shared memory": [_ipc_keys(kind) for kind in ("shm", "msg", "sem")],
            "named memory": Path("/dev", "shm", self.abstract).exists(),
            "the host's name": os.uname().nodename,
        }


def _listening(family: int, address: str | tuple[str, int]) -> socket.socket:
    opened = socket.socket(family)
    opened.bind(address)
    opened.listen()
    opened.setblocking(False)
    return opened


def _reached(listening: socket.socket) -> bool:
    try:
        connection, _ = listening.accept()
    except BlockingIOError:
        return False
    connection.close()
    return True


def _described(path: Path) -> tuple[object, ...]:
    known = path.lstat()
    content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    return (path.name, known.st_mode, known.st_nlink, known.st_mtime_ns, content)


def _ipc_keys(kind: str) -> bool:
    try:
        lines = Path("/proc/sysvipc", kind).read_text().splitlines()[1:]
    except FileNotFoundError:  # a kernel without them
        return False
    return any(line.split()[0] == str(IPC_KEY) for line in lines)


def _descendants() -> set[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                rest = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                continue
            if rest[0] != "Z":
                parents[int(entry.name)] = int(rest[1])
    found, new = set[int](), {os.getpid()}
    while new:
        new = {one for one, parent in parents.items() if parent in new} - found
        found |= new
    return found


def _adopt_orphans(wanted: bool) -> None:
    ctypes.CDLL(None).prctl(_SUBREAPER, int(wanted), 0, 0, 0)
