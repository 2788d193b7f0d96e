"""Programs that try to get out, in every tier, as every user, with kernel features missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hostile_programs import PROGRAMS
from machines import NOBODY, Machine, public_machine

if sys.platform != "linux":
    pytest.skip("platform: sandboxes need Linux", allow_module_level=True)

ROOT_USER = os.geteuid() == 0
USERS = [None, NOBODY] if ROOT_USER else [None]
Offered = dict[int | None, dict[str, Any]]
NO_NAMESPACES = "namespaces=EPERM"  # as the default filter of docker


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with public_machine() as found:
        yield found


def check(report: dict[str, Any], tier: str) -> None:
    words = report["words"]
    assert set(words) == set(PROGRAMS)
    assert {n: w for n, w in words.items() if w not in PROGRAMS[n][1]} == {}, tier


@pytest.fixture(scope="module")
def offered(machine: Machine) -> Offered:
    """What the tiers do for each user."""
    return {user: machine.run("hostile_programs.py", "none", user=user) for user in USERS}


def need_tier(report: dict[str, Any], tier: str) -> None:
    works, missing, _ = report["tiers"][tier]
    assert not any(m.startswith("probes: ") for m in missing), missing  # no lack, a defect
    if not works:
        pytest.skip(f"platform: {missing}")


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("tier", ["full", "landlock", "seccomp-strict"])
def test_nothing_gets_out(machine: Machine, offered: Offered, tier: str, user: int | None) -> None:
    need_tier(offered[user], tier)
    check(machine.run("hostile_programs.py", tier, user=user), tier)


@pytest.mark.parametrize("user", USERS)
def test_a_default_container_has_the_landlock_tier(
    machine: Machine, offered: Offered, user: int | None
) -> None:
    need_tier(offered[user], "landlock")
    report = machine.run("hostile_programs.py", "landlock", NO_NAMESPACES, user=user)
    works, missing, remedy = report["tiers"]["full"]
    assert not works
    assert missing[0].startswith("namespaces: ")
    assert "docker run --security-opt" in remedy
    assert report["tiers"]["landlock"][0]
    check(report, "landlock")


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
def test_without_landlock_no_file_is_opened(
    machine: Machine, offered: Offered, user: int | None, error: str
) -> None:
    need_tier(offered[user], "seccomp-strict")
    report = machine.run(
        "hostile_programs.py", "seccomp-strict", NO_NAMESPACES, f"landlock={error}", user=user
    )
    works, missing, remedy = report["tiers"]["full"]
    assert not works
    assert [m.partition(":")[0] for m in missing] == ["landlock", "namespaces"]
    assert "CONFIG_SECURITY_LANDLOCK" in remedy
    assert not report["tiers"]["landlock"][0]
    check(report, "seccomp-strict")


def test_where_namespaces_cannot_mount_the_step_is_named(
    machine: Machine, offered: Offered
) -> None:
    need_tier(offered[None], "full")
    report = machine.run("hostile_programs.py", "none", "mounts=EACCES")
    works, missing, remedy = report["tiers"]["full"]
    assert not works
    assert missing[0].startswith("mounts: ")
    assert "apparmor" in remedy


def test_without_filters_nothing_works(machine: Machine) -> None:
    report = machine.run("hostile_programs.py", "none", "seccomp=ENOSYS")
    for works, missing, remedy in report["tiers"].values():
        assert not works
        assert missing[0].startswith("seccomp: ")
        assert "CONFIG_SECCOMP_FILTER" in remedy
