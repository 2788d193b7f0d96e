"""What ``textgrad doctor`` says about docking."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textgrad_core.domain import Check
from textgrad_core.errors import install_command

_REMEDY = install_command("molecules")


def checks() -> list[Check]:
    """Docking back ends and receptors, one line each; a failure is a line, not an exception."""
    return [*_guarded("docking", _backends), *_guarded("receptors", _receptors)]


def _guarded(name: str, look: Callable[[], Iterable[Check]]) -> Iterable[Check]:
    try:
        return list(look())
    except Exception as fault:  # noqa: BLE001 - border with libraries that may be broken or absent
        detail = f"{type(fault).__name__}: {fault}"
        return [Check(name=name, ok=False, detail=detail, remedy=_REMEDY)]


def _backends() -> Iterable[Check]:
    from textgrad_molecules.docking import backend_checks

    return backend_checks()


def _receptors() -> Iterable[Check]:
    from textgrad_molecules.docking import receptor_names

    names = receptor_names()
    return [
        Check(
            name="receptors",
            ok=bool(names),
            detail=f"{len(names)} DOCKSTRING targets",
            remedy="" if names else _REMEDY,
        )
    ]
