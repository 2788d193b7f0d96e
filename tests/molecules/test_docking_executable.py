"""Docking with a Vina executable: the program that ships inside the dockstring package."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from docking_processes import (
    LONG_EXHAUSTIVENESS,
    LONG_JOB,
    alive,
    mentioning,
    needs_bindings,
    needs_linux,
    small_receptor,
    wait_for,
)
from textgrad_core.errors import UsageError
from textgrad_core.outcome import Rejected, Unmeasured
from textgrad_molecules.docking import Docker, DockResult, Receptor, receptor_from_file

pytestmark = [
    needs_linux,
    pytest.mark.skipif(
        platform.machine() not in ("x86_64", "AMD64"), reason="platform: the program is for x86"
    ),
]


@pytest.fixture(autouse=True)
def vina(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.find_spec("dockstring")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "resources" / "bin" / "vina_linux"
    monkeypatch.setenv("TEXTGRAD_VINA", str(program))


@pytest.fixture
def receptor(tmp_path: Path) -> Receptor:
    """A copy of its own, so that its path marks the processes of this test."""
    whole = small_receptor()
    path = tmp_path / "receptor.pdbqt"
    path.write_bytes(whole.pdbqt.read_bytes())
    return receptor_from_file("CA2", path, whole.centre_a, whole.size_a)


@pytest.fixture
def docker(receptor: Receptor) -> Iterator[Docker]:
    with Docker(receptor, workers=2, backend="executable") as docker:
        yield docker


def vinas(receptor: Receptor) -> list[int]:
    return mentioning(str(receptor.pdbqt))


@needs_bindings
def test_it_agrees_with_the_bindings(docker: Docker, receptor: Receptor) -> None:
    ours = docker.dock("CC(N)=O", 2)
    with Docker(receptor, workers=1, backend="bindings") as bindings:
        theirs = bindings.dock("CC(N)=O", 2)
    assert isinstance(ours, DockResult)
    assert isinstance(theirs, DockResult)
    assert abs(ours.affinity_kcal_mol - theirs.affinity_kcal_mol) <= 0.3
    assert ours.protonated_smiles == theirs.protonated_smiles
    assert "M  END" in ours.pose_sdf


def test_its_fingerprint_names_the_program(docker: Docker) -> None:
    found = docker.fingerprint()
    assert (found["backend"], found["vina"]) == ("executable", "1.1.2")
    assert len(str(found["vina_sha256"])) == 64


def test_a_molecule_at_fault_is_rejected(docker: Docker) -> None:
    assert isinstance(docker.dock("C1CC", 1), Rejected)


def test_the_deadline_ends_the_whole_tree(docker: Docker, receptor: Receptor) -> None:
    answer = docker.dock(LONG_JOB, LONG_EXHAUSTIVENESS, 3.0)
    assert isinstance(answer, Unmeasured)
    assert "deadline of 3 s" in answer.cause
    wait_for(lambda: not vinas(receptor))


def test_closing_ends_what_is_under_way(docker: Docker, receptor: Receptor) -> None:
    with ThreadPoolExecutor(1) as threads:
        job = threads.submit(docker.dock, LONG_JOB, LONG_EXHAUSTIVENESS)
        wait_for(lambda: vinas(receptor))
        docker.close()
        assert isinstance(job.result(), Unmeasured)
    wait_for(lambda: not vinas(receptor))


def test_a_killed_program_leaves_nothing(receptor: Receptor, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from textgrad_molecules.docking import Docker, receptor_from_file\n"
        f"receptor = receptor_from_file('r', Path({str(receptor.pdbqt)!r}), "
        f"{receptor.centre_a}, {receptor.size_a})\n"
        "docker = Docker(receptor, workers=1, backend='executable')\n"
        f"docker.dock({LONG_JOB!r}, {LONG_EXHAUSTIVENESS})\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, str(script)], env=os.environ | {"TMPDIR": str(temporary)}
    ) as user:
        wait_for(lambda: vinas(receptor))
        user.kill()
    wait_for(lambda: not vinas(receptor) and not alive(user.pid))
    wait_for(lambda: not list(temporary.iterdir()))


def test_a_receptor_vina_cannot_read_is_reported(tmp_path: Path, receptor: Receptor) -> None:
    broken = tmp_path / "broken.pdbqt"
    broken.write_text(receptor.pdbqt.read_text() + "ATOM  rubbish\n")
    own = receptor_from_file("broken", broken, receptor.centre_a, receptor.size_a)
    answer = Docker(own, workers=1, backend="executable").dock("C", 1)
    assert isinstance(answer, Unmeasured)
    assert "vina_linux ended with exit status 1" in answer.cause


@pytest.mark.parametrize(
    ("named", "message"),
    [("no-such-program", "no executable file"), (sys.executable, "not AutoDock Vina")],
)
def test_a_wrong_program_is_refused(
    monkeypatch: pytest.MonkeyPatch, receptor: Receptor, named: str, message: str
) -> None:
    monkeypatch.setenv("TEXTGRAD_VINA", named)
    with pytest.raises(UsageError, match=message):
        Docker(receptor, backend="executable").dock("C", 1)
