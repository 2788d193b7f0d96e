"""Finding a Vina, saying what is missing, and costing nothing to import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import textgrad_core
import textgrad_molecules
from textgrad_core.errors import UsageError
from textgrad_molecules.docking import Docker, NoDockingBackend, Receptor, backend_checks
from textgrad_molecules.docking.backends import bindings_work, find_backend

ANYWHERE = Receptor(
    name="X", pdbqt=Path("x.pdbqt"), centre_a=(0, 0, 0), size_a=(9, 9, 9), sha256=""
)


def run_python(program: str, *options: str) -> str:
    """Run a program in a fresh interpreter that finds our packages and what options leave."""
    roots = [Path(str(p.__file__)).parents[1] for p in (textgrad_core, textgrad_molecules)]
    path = os.pathsep.join(map(str, roots))
    run = subprocess.run(
        [sys.executable, *options, "-c", program],
        env=os.environ | {"PYTHONPATH": path, "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_importing_is_light() -> None:
    program = (
        "import json, sys, textgrad_molecules.docking\n"
        "heavy = {'rdkit', 'vina', 'numpy', 'openbabel', 'dockstring'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    assert json.loads(run_python(program)) == []


def test_doctor_works_with_nothing_installed() -> None:
    program = (
        "import json\n"
        "from textgrad_molecules.docking import backend_checks\n"
        "print(json.dumps([[c.name, c.ok, bool(c.remedy)] for c in backend_checks()]))"
    )
    assert json.loads(run_python(program, "-S")) == [
        ["RDKit", False, True],
        ["Open Babel", False, True],
        ["receptors", False, True],
        ["AutoDock Vina", False, True],
    ]


def test_docking_with_nothing_installed_says_what_to_install() -> None:
    program = (
        "from pathlib import Path\n"
        "from textgrad_core.errors import MissingExtra\n"
        "from textgrad_molecules.docking import Docker, Receptor, receptor_names\n"
        "box = (9.0, 9.0, 9.0)\n"
        "r = Receptor(name='X', pdbqt=Path('x'), centre_a=box, size_a=box, sha256='')\n"
        "for act in (receptor_names, Docker(r).fingerprint, lambda: Docker(r).dock('C')):\n"
        "    try:\n"
        "        act()\n"
        "    except MissingExtra as error:\n"
        "        print(error)\n"
    )
    lines = run_python(program, "-S").splitlines()
    assert len(lines) == 3
    assert "dockstring" in lines[0]
    assert all("rdkit, openbabel" in line for line in lines[1:])
    assert all("pip install -e '.[molecules]'" in line for line in lines)


def test_without_any_vina_the_error_says_where_to_get_one() -> None:
    with pytest.raises(NoDockingBackend, match=r"conda-forge.*TEXTGRAD_VINA") as caught:
        find_backend("executable", environ={"PATH": ""})
    assert "Python 3.11 or 3.12" in str(caught.value)
    assert isinstance(caught.value, ImportError)


def test_checks_say_what_is_there() -> None:
    checks = {check.name: check for check in backend_checks()}
    assert checks["receptors"].detail == "58 from DOCKSTRING"
    assert checks["RDKit"].ok
    assert checks["Open Babel"].ok
    assert checks["AutoDock Vina"].ok or not bindings_work()


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_are_bounded(workers: int) -> None:
    with pytest.raises(UsageError, match=f"workers is {workers}"):
        Docker(ANYWHERE, workers=workers)


@pytest.mark.parametrize("seed", [0, -1, 2**31])
def test_seeds_are_bounded(seed: int) -> None:
    with pytest.raises(UsageError, match=f"seed is {seed}"):
        Docker(ANYWHERE, seed=seed)


@pytest.mark.parametrize("exhaustiveness", [0, -8, 1025])
def test_exhaustiveness_is_bounded(exhaustiveness: int) -> None:
    with pytest.raises(UsageError, match=f"exhaustiveness is {exhaustiveness}"):
        Docker(ANYWHERE).dock("C", exhaustiveness)


@pytest.mark.parametrize("deadline_s", [0.0, -1.0, float("nan"), float("inf")])
def test_deadlines_are_bounded(deadline_s: float) -> None:
    with pytest.raises(UsageError, match="deadline_s"):
        Docker(ANYWHERE).dock("C", 1, deadline_s)
