"""Which isolation this machine offers, found out by trying, and the best sandbox it allows."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textgrad_code.errors import SandboxFailed, SandboxUnavailable, UnsafeSandboxWarning
from textgrad_code.sandbox.packages import found_packages
from textgrad_code.sandbox.protocol import Sandbox, Tier
from textgrad_code.sandbox.remedies import remedy_of

if TYPE_CHECKING:
    from textgrad_code.sandbox.jailed import JailedSandbox

REAL_TIERS = (Tier.FULL, Tier.LANDLOCK, Tier.SECCOMP_STRICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What is known about one tier on this machine.

    Args:
        tier: The tier.
        works: Whether its sandbox runs and no hostile probe got through.
        missing: What it lacks, each ``primitive: what the kernel said``.
        remedy: What to do about it; empty if it works.
        attempts: How many probes were run in it, if it works.
        counts_each_program: Whether the kernel counts the threads of each program by themselves.
    """

    tier: Tier
    works: bool
    missing: tuple[str, ...] = ()
    remedy: str = ""
    attempts: int = 0
    counts_each_program: bool = False


_KNOWN: dict[tuple[str, Tier], Probed] = {}
_KNOWING = threading.RLock()


def _unlock() -> None:
    """In a fork of this process: a lock that another thread held is never released."""
    global _KNOWING
    _KNOWING = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


def probe(python: str | None = None) -> tuple[Probed, ...]:
    """What every tier does here, best first. Kept for the life of this process.

    Args:
        python: Interpreter of the sandbox; this one if None.
    """
    found = []
    for tier in REAL_TIERS:
        probed, sandbox = _try(tier, python or sys.executable)
        if sandbox is not None:
            sandbox.close()
        found.append(probed)
    return tuple(found)


def open_sandbox(
    *,
    min_tier: Tier = Tier.SECCOMP_STRICT,
    allow_unsafe: bool = False,
    python: str | None = None,
    tier: Tier | None = None,
) -> Sandbox:
    """The best sandbox this machine allows, after every hostile probe failed in it.

    Args:
        min_tier: Worst tier that will do.
        allow_unsafe: Run without isolation if no tier works; says so in a warning and in every
            result.
        python: Interpreter of the sandbox; this one if None.
        tier: Exactly this tier, whatever `min_tier` says.

    Raises:
        SandboxUnavailable: If no tier that will do works; lists what each one lacks and what
            to do about it.
    """
    wanted = [tier] if tier is not None else [t for t in REAL_TIERS if t.rank >= min_tier.rank]
    interpreter = python or sys.executable
    tried = []
    for candidate in wanted:
        if candidate is Tier.NONE:
            break
        probed, sandbox = _try(candidate, interpreter)
        if probed.works:
            return sandbox or _sandbox(candidate, interpreter)
        tried.append(probed)
    if allow_unsafe and tier in (None, Tier.NONE):
        return _unsafe(interpreter)
    raise SandboxUnavailable(_refusal(tried))


def _sandbox(tier: Tier, python: str) -> JailedSandbox:
    from textgrad_code.sandbox.jailed import JailedSandbox
    from textgrad_code.sandbox.zygote import ZygoteSettings

    return JailedSandbox(ZygoteSettings(tier=tier, python=python, packages=found_packages()))


def _unsafe(python: str) -> Sandbox:
    from textgrad_code.sandbox.plain import PlainSandbox

    warnings.warn(
        "programs run without isolation: they can read, write and send whatever you can",
        UnsafeSandboxWarning,
        stacklevel=3,
    )
    return PlainSandbox(python=python)


def _refusal(tried: list[Probed]) -> str:
    if not tried:
        return (
            "tier 'none' isolates nothing: pass allow_unsafe=True to run programs that you would "
            "run yourself, or ask for another tier"
        )
    lines = ["this machine cannot isolate programs as asked:"]
    for probed in tried:
        lines.append(f"  {probed.tier}: {'; '.join(probed.missing)}")
        lines.append(f"    what to do: {probed.remedy}")
    lines.append(
        "  allow_unsafe=True runs programs without isolation: only those you would run yourself"
    )
    return "\n".join(lines)


def _try(tier: Tier, python: str) -> tuple[Probed, JailedSandbox | None]:
    """What is known about a tier, and its sandbox if it was opened to find out."""
    with _KNOWING:
        key = python, tier
        if key in _KNOWN:
            return _KNOWN[key], None
        _KNOWN[key], sandbox = _find_out(tier, python)
        return _KNOWN[key], sandbox


def _find_out(tier: Tier, python: str) -> tuple[Probed, JailedSandbox | None]:
    if sys.platform != "linux":
        return _lacking(tier, [("platform", f"{sys.platform} has none of the primitives")]), None
    from textgrad_code.sandbox.probing import try_to_break
    from textgrad_code.sandbox.zygote import CannotStart

    sandbox = _sandbox(tier, python)
    try:
        attempts = try_to_break(sandbox)
    except CannotStart as refused:
        missing = [(m.primitive, m.detail) for m in refused.missing]
    except (SandboxFailed, OSError) as error:
        missing = [("probes", str(error))]
    else:
        missing = [("probes", f"{a.name}: {a.detail}") for a in attempts if not a.held]
        if not missing:
            probed = Probed(
                tier=tier,
                works=True,
                attempts=len(attempts),
                counts_each_program=sandbox.counts_each_program(),
            )
            return probed, sandbox
    sandbox.close()
    return _lacking(tier, missing), None


def _lacking(tier: Tier, missing: list[tuple[str, str]]) -> Probed:
    remedies = dict.fromkeys(remedy_of(primitive) for primitive, _ in missing)
    return Probed(
        tier=tier,
        works=False,
        missing=tuple(f"{primitive}: {detail}" for primitive, detail in missing),
        remedy="; ".join(remedies),
    )
