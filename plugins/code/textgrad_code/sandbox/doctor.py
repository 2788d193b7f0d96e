"""What this machine can isolate, one line per tier and primitive, for ``textgrad doctor``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from textgrad_code.sandbox.packages import ALLOWED_PACKAGES, found_packages
from textgrad_code.sandbox.remedies import remedy_of
from textgrad_code.sandbox.tiers import Probed, probe
from textgrad_core.plugin import Check


def sandbox_checks() -> Iterator[Check]:
    """The tiers, tried by running hostile probes in them, and what they are made of."""
    tiers = probe()
    best = next((p for p in tiers if p.works), None)
    for probed in tiers:
        yield _of_tier(probed, needed=best is None)
    if best is not None:
        yield _of_threads(best)
    yield from _of_primitives()
    present = [name for name, _ in found_packages()]
    for name in ALLOWED_PACKAGES:
        yield Check(
            name=f"package {name}",
            ok=name in present,
            detail="programs may import it" if name in present else "not installed",
            remedy="" if name in present else f"pip install {name}",
            needed=False,
        )


def _of_tier(probed: Probed, *, needed: bool) -> Check:
    return Check(
        name=f"sandbox {probed.tier}",
        ok=probed.works,
        detail=(
            f"all {probed.attempts} probes as they must be"
            if probed.works
            else "; ".join(probed.missing)
        ),
        remedy=probed.remedy,
        needed=needed,
    )


def _of_threads(best: Probed) -> Check:
    """Whether a program full of threads can keep others from starting theirs."""
    if best.counts_each_program:
        return Check(name="threads", ok=True, detail="the kernel counts each program's own")
    return Check(
        name="threads",
        ok=False,
        detail="counted from outside: many at once may keep other programs from theirs",
        remedy=remedy_of("user namespaces"),
        needed=False,
    )


def _of_primitives() -> Iterator[Check]:
    """What the kernel says it has, whether or not a tier could use it."""
    if sys.platform != "linux":
        return
    from textgrad_code.jail import landlock, seccomp
    from textgrad_code.jail.libc import this_architecture

    architecture = this_architecture()
    filters = architecture is not None and seccomp.is_available()
    yield Check(
        name="seccomp",
        ok=filters,
        detail=f"filters for {architecture.name if architecture else 'this machine'}",
        remedy="" if filters else remedy_of("seccomp"),
    )
    version = landlock.version() if architecture is not None else 0
    yield Check(
        name="landlock",
        ok=version > 0,
        detail=f"version {version}" if version else "not offered to this process",
        remedy="" if version else remedy_of("landlock"),
        needed=False,
    )
