"""Which Vina docks here: the Python bindings, or an executable."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textgrad_core.errors import MissingExtra, UsageError, install_command
from textgrad_core.plugin import Check
from textgrad_molecules.docking.receptor import receptor_names

BackendName = Literal["bindings", "executable"]
EXECUTABLE_VARIABLE = "TEXTGRAD_VINA"
_EXECUTABLE_REMEDY = (
    "put a vina executable on PATH (conda-forge: vina, Debian: autodock-vina) or name one in "
    f"the environment variable {EXECUTABLE_VARIABLE}"
)
_NO_BACKEND = (
    "docking needs AutoDock Vina, and none was found. On Linux x86_64 with Python 3.11 or 3.12 "
    f"run, in your clone of textgrad-suite: {install_command('molecules')}. "
    f"Elsewhere {_EXECUTABLE_REMEDY}."
)
_PREPARATION = (("rdkit", "RDKit"), ("openbabel", "Open Babel"))
_DISTRIBUTIONS = {
    "rdkit": ("rdkit", "rdkit-pypi"),
    "openbabel": ("openbabel-wheel", "openbabel"),
    "vina": ("vina",),
}


class NoDockingBackend(MissingExtra):
    """Neither the Vina bindings nor a Vina executable are there; the message says what to do."""

    def __init__(self) -> None:
        super().__init__("docking", ("vina",), "molecules")
        self.msg = _NO_BACKEND
        self.args = (_NO_BACKEND,)

    def __reduce__(self) -> tuple[type[NoDockingBackend], tuple[()]]:
        """Travel between processes."""
        return type(self), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The Vina that docks.

    Args:
        name: Bindings or executable.
        version: As it calls itself.
        executable: Path of the program, for the executable.
        sha256: Digest of the program, for the executable: builds of one version differ.
    """

    name: BackendName
    version: str
    executable: Path | None = None
    sha256: str | None = None


def find_backend(
    wanted: Literal["auto", "bindings", "executable"] = "auto",
    environ: Mapping[str, str] = os.environ,
) -> Backend:
    """The Vina to dock with; ``auto`` prefers the bindings.

    Raises:
        NoDockingBackend: If there is none.
        MissingExtra: If RDKit or Open Babel, which prepare the ligands, are not installed.
        UsageError: If ``TEXTGRAD_VINA`` names something that is not AutoDock Vina.
    """
    missing = tuple(module for module, _ in _PREPARATION if not _installed(module))
    if missing:
        raise MissingExtra("docking", missing, "molecules")
    if wanted != "executable" and bindings_work():
        return Backend(name="bindings", version=module_version("vina"))
    executable = None if wanted == "bindings" else find_executable(environ)
    if executable is None:
        raise NoDockingBackend
    return Backend(
        name="executable",
        version=_executable_version(executable),
        executable=executable,
        sha256=hashlib.sha256(executable.read_bytes()).hexdigest(),
    )


def bindings_work() -> bool:
    """Whether the Vina bindings can be used; does not import them."""
    return _installed("vina") and hasattr(os, "fork")


def find_executable(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The executable that ``TEXTGRAD_VINA`` names, or ``vina`` on PATH.

    Raises:
        UsageError: If ``TEXTGRAD_VINA`` names no program.
    """
    named = environ.get(EXECUTABLE_VARIABLE)
    found = shutil.which(named or "vina", path=environ.get("PATH"))
    if named and found is None:
        raise UsageError(
            f"{EXECUTABLE_VARIABLE} is {named!r}, which is no executable file: "
            "give the path of a vina program, or unset it"
        )
    return None if found is None else Path(found).resolve()


def module_version(module: str) -> str:
    """Version of an installed library, from its metadata if it has any."""
    for distribution in _DISTRIBUTIONS[module]:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return str(getattr(importlib.import_module(module), "__version__", "unknown"))


def backend_checks(environ: Mapping[str, str] = os.environ) -> tuple[Check, ...]:
    """What ``textgrad doctor`` says about docking; works with nothing installed."""
    return (*_preparation_checks(), _receptor_check(), _vina_check(environ))


def _preparation_checks() -> Iterator[Check]:
    for module, name in _PREPARATION:
        there = _installed(module)
        yield Check(
            name=name,
            ok=there,
            detail=module_version(module) if there else "not installed; it prepares ligands",
            remedy="" if there else install_command("molecules"),
        )


def _receptor_check() -> Check:
    try:
        count = len(receptor_names())
    except MissingExtra:
        return Check(
            name="receptors",
            ok=False,
            detail="the dockstring package, which brings 58 receptors, is not installed",
            remedy=install_command("molecules"),
        )
    return Check(
        name="receptors",
        ok=count > 0,
        detail=f"{count} from DOCKSTRING",
        remedy="" if count else install_command("molecules"),
    )


def _vina_check(environ: Mapping[str, str]) -> Check:
    name = "AutoDock Vina"
    if bindings_work():
        return Check(name=name, ok=True, detail=f"Python bindings {module_version('vina')}")
    try:
        executable = find_executable(environ)
        if executable is not None:
            detail = f"executable {executable}, version {_executable_version(executable)}"
            return Check(name=name, ok=True, detail=detail)
    except UsageError as error:
        return Check(name=name, ok=False, detail=str(error), remedy=_EXECUTABLE_REMEDY)
    return Check(
        name=name,
        ok=False,
        detail="neither the bindings (Linux x86_64, Python 3.11 and 3.12) nor an executable",
        remedy=_EXECUTABLE_REMEDY,
    )


def _executable_version(executable: Path) -> str:
    try:
        run = subprocess.run(
            [str(executable), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=20,
        )
        said = run.stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"cannot run {executable}: {error}; {_EXECUTABLE_REMEDY}") from error
    found = re.search(r"AutoDock Vina\s+v?([\w.-]+)", said)
    if found is None:
        raise UsageError(f"{executable} is not AutoDock Vina; {_EXECUTABLE_REMEDY}")
    return found.group(1)


def _installed(module: str) -> bool:
    # A mere folder of that name on the path has no origin.
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None
