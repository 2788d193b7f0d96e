"""Choosing a tier: the best that holds, never a worse one in silence."""

from __future__ import annotations

import copy
import errno
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from project import ROOT
from textgrad_code.errors import SandboxUnavailable, UnsafeSandboxWarning
from textgrad_code.sandbox import Probed, Tier, open_sandbox, probe, sandbox_checks, tiers
from textgrad_code.sandbox.probing import FATAL, REFUSED, try_to_break
from textgrad_code.sandbox.remedies import remedy_of
from textgrad_code.sandbox.zygote import CannotStart, Missing
from unjailed import Unjailed

LINUX = sys.platform == "linux"
REAL = [Tier.FULL, Tier.LANDLOCK, Tier.SECCOMP_STRICT]
Say = Callable[[dict[Tier, bool]], list[Tier]]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Decide what the probes find; nothing is started. Gives the tiers in the order asked."""

    def decide(works: dict[Tier, bool]) -> list[Tier]:
        asked: list[Tier] = []

        def find_out(tier: Tier, _python: str) -> tuple[Probed, None]:
            asked.append(tier)
            lacks = () if works[tier] else (f"thing of {tier}: refused",)
            return Probed(
                tier=tier, works=works[tier], missing=lacks, remedy=f"allow {tier}"
            ), None

        monkeypatch.setattr(tiers, "_KNOWN", {})
        monkeypatch.setattr(tiers, "_find_out", find_out)
        return asked

    return decide


NOTHING = dict.fromkeys(REAL, False)
ALL = dict.fromkeys(REAL, True)


def test_the_best_tier_that_works_is_taken(say: Say) -> None:
    asked = say(ALL)
    assert open_sandbox().tier is Tier.FULL
    assert asked == [Tier.FULL]
    asked = say({**ALL, Tier.FULL: False})
    assert open_sandbox().tier is Tier.LANDLOCK
    assert asked == [Tier.FULL, Tier.LANDLOCK]
    say({**NOTHING, Tier.SECCOMP_STRICT: True})
    assert open_sandbox().tier is Tier.SECCOMP_STRICT


def test_what_was_found_is_kept(say: Say) -> None:
    asked = say(ALL)
    open_sandbox()
    open_sandbox()
    assert asked == [Tier.FULL]
    open_sandbox(python="another")
    assert asked == [Tier.FULL, Tier.FULL]


@pytest.mark.parametrize("least", [Tier.FULL, Tier.LANDLOCK])
def test_nothing_below_the_least_tier_is_taken(say: Say, least: Tier) -> None:
    asked = say({**NOTHING, Tier.SECCOMP_STRICT: True})
    with pytest.raises(SandboxUnavailable) as refused:
        open_sandbox(min_tier=least)
    assert Tier.SECCOMP_STRICT not in asked
    text = str(refused.value)
    for tier in asked:
        assert f"thing of {tier}: refused" in text
        assert f"allow {tier}" in text


def test_a_tier_that_is_demanded_is_the_only_one(say: Say) -> None:
    say({**ALL, Tier.LANDLOCK: False})
    assert open_sandbox(tier=Tier.SECCOMP_STRICT).tier is Tier.SECCOMP_STRICT
    with pytest.raises(SandboxUnavailable):
        open_sandbox(tier=Tier.LANDLOCK)
    with pytest.raises(SandboxUnavailable):
        open_sandbox(tier=Tier.LANDLOCK, allow_unsafe=True)


def test_without_isolation_only_on_request(say: Say) -> None:
    say(NOTHING)
    with pytest.raises(SandboxUnavailable, match="allow_unsafe=True"):
        open_sandbox(min_tier=Tier.NONE)
    with pytest.warns(UnsafeSandboxWarning):
        assert open_sandbox(allow_unsafe=True).tier is Tier.NONE
    say(ALL)
    assert open_sandbox(allow_unsafe=True).tier is Tier.FULL
    with pytest.raises(SandboxUnavailable, match="isolates nothing"):
        open_sandbox(tier=Tier.NONE)
    with pytest.warns(UnsafeSandboxWarning):
        assert open_sandbox(tier=Tier.NONE, allow_unsafe=True).tier is Tier.NONE


def test_other_systems_are_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "_KNOWN", {})
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="run it on Linux"):
        open_sandbox()
    checks = list(sandbox_checks())
    assert [c.ok for c in checks[:3]] == [False] * 3
    assert checks[0].needed


ABSENT_ELSEWHERE = ("fcntl", "resource", "pwd", "grp", "termios")
IMPORTS = f"""
import os, sys, types
for name in {ABSENT_ELSEWHERE}: sys.modules[name] = None
for name in ("register_at_fork", "fork", "set_blocking", "O_PATH", "getuid"):
    if hasattr(os, name): delattr(os, name)
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
sys.platform = "win32"
from textgrad_code.sandbox import open_sandbox, sandbox_checks
from textgrad_code.errors import SandboxUnavailable
assert not any(c.ok for c in sandbox_checks() if c.name.startswith("sandbox"))
try: open_sandbox()
except SandboxUnavailable as error: assert "win32" in str(error)
else: raise SystemExit("no refusal")
"""


def test_it_imports_and_refuses_where_unix_modules_are_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_every_tier_that_works_here_was_attacked() -> None:
    for probed in probe():
        assert probed.works == (probed.attempts > 0)
        assert probed.works == (not probed.missing)
        if probed.works:
            assert probed.attempts > len(REFUSED) + len(FATAL)


def test_a_sandbox_that_leaks_is_not_trusted() -> None:
    """Probes run where nothing is isolated must find it out, or they prove nothing."""
    if not LINUX:
        pytest.skip("platform: sandboxes need Linux")
    broken = {a.name for a in try_to_break(Unjailed()) if not a.held}
    assert broken >= {
        "read /etc/passwd",
        "read a file",
        "write a file",
        "open a TCP socket",
        "open a UDP socket",
        "open a local socket",
        "fork",
        "signal the parent",
        "signal its own parent",
        "read memory",
    }


def test_a_machine_without_room_for_probes_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not LINUX:
        pytest.skip("platform: sandboxes need Linux")
    monkeypatch.setattr(tiers, "_KNOWN", {})
    monkeypatch.setattr(tempfile, "TemporaryDirectory", no_room)
    with pytest.raises(SandboxUnavailable, match="No space left"):
        open_sandbox()
    assert not any(c.ok for c in sandbox_checks() if c.name.startswith("sandbox"))


def no_room() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_refusal_to_start_travels_between_processes() -> None:
    refused = CannotStart((Missing("landlock", "off"), Missing("mounts", "forbidden")))
    again = copy.copy(refused)
    assert again.missing == refused.missing
    assert str(again) == str(refused) == "landlock: off; mounts: forbidden"


@pytest.mark.parametrize("forbidden", ["0", "1"])
def test_remedies_name_the_kernels_setting(tmp_path: Path, forbidden: str) -> None:
    setting = tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns"
    setting.parent.mkdir()
    setting.write_text(f"{forbidden}\n")
    said = remedy_of("namespaces", tmp_path)
    named = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in said
    assert named == (forbidden == "1")
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "max_user_namespaces").write_text("0\n")
    assert "sysctl -w user.max_user_namespaces=" in remedy_of("namespaces", tmp_path)


def test_the_doctor_names_tiers_and_primitives() -> None:
    checks = {c.name: c for c in sandbox_checks()}
    assert {f"sandbox {t}" for t in REAL} <= set(checks)
    for check in checks.values():
        assert check.detail
        assert check.ok or check.remedy
    works = [c for n, c in checks.items() if n.startswith("sandbox ") and c.ok]
    if works:
        assert not any(c.needed for n, c in checks.items() if n.startswith("sandbox "))
