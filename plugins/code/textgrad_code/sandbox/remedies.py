"""What to do where a machine lacks a primitive of isolation."""

from __future__ import annotations

from pathlib import Path

_SETTINGS = (
    # setting, values that forbid it, what to do
    ("kernel/apparmor_restrict_unprivileged_userns", ("1",), "sysctl -w kernel.{}=0"),
    ("kernel/unprivileged_userns_clone", ("0",), "sysctl -w kernel.{}=1"),
    ("user/max_user_namespaces", ("0",), "sysctl -w user.{}=10000"),
)

_WORDS = {
    "namespaces": (
        "allow user namespaces to this user, or to this container: docker run "
        "--security-opt seccomp=PROFILE with a profile that allows unshare, mount, umount2, "
        "pivot_root, open_tree, move_mount and mount_setattr"
    ),
    "user namespaces": (
        "needs Linux >= 5.14; allow unshare(CLONE_NEWUSER) to this user, or to this container; "
        "root itself is never bound: keep Python where all may read it, or run as another user"
    ),
    "mounts": (
        "needs Linux >= 5.12 and the right to mount inside a user namespace (on Ubuntu: "
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with "
        "'userns,' for this interpreter)"
    ),
    "landlock": (
        "needs Linux >= 5.13 with CONFIG_SECURITY_LANDLOCK and 'landlock' among the names of "
        "the boot option lsm=, and a container's seccomp profile that allows the landlock_* "
        "calls (docker >= 22.06)"
    ),
    "seccomp": (
        "needs Linux >= 4.14 with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64, with a 64-bit "
        "Python"
    ),
    "interpreter": "choose a CPython >= 3.11 that this user may start",
    "platform": "run it on Linux, for example in a virtual machine or in WSL 2",
    "probes": "this is a defect of the sandbox or of the kernel: please report it with this text",
}


def remedy_of(primitive: str, root: Path = Path("/proc/sys")) -> str:
    """What the user can do about a missing primitive.

    Args:
        primitive: Its name.
        root: Where the kernel's settings are read from.
    """
    words = _WORDS[primitive]
    if primitive in ("namespaces", "user namespaces", "mounts"):
        found = [
            fix.format(Path(name).name)
            for name, forbidding, fix in _SETTINGS
            if _value(root / name) in forbidding
        ]
        words = "; ".join([*found, words])
    return words


def _value(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
