"""The fork server with real docking: repeatable, isolated, and gone when it should be."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from docking_processes import (
    LONG_EXHAUSTIVENESS,
    LONG_JOB,
    SERVER,
    alive,
    children,
    needs_bindings,
    small_receptor,
    wait_for,
)
from textgrad_core.outcome import Rejected, Unmeasured
from textgrad_molecules.docking import (
    DOCKSTRING_SEED,
    Docker,
    DockResult,
    Receptor,
    prepare,
    receptor_from_file,
)

pytestmark = needs_bindings
SMALL = ("CCO", "CC(N)=O", "C[C@H](N)C(=O)O")
Answer = DockResult | Rejected | Unmeasured


FOREIGN: set[int] = set()  # servers that other tests of this process keep running


@pytest.fixture(scope="module", autouse=True)
def foreign_servers() -> None:
    FOREIGN.update(children(os.getpid(), SERVER))


@pytest.fixture(scope="module")
def receptor() -> Receptor:
    return small_receptor()


@pytest.fixture(scope="module")
def docker(receptor: Receptor) -> Iterator[Docker]:
    with Docker(receptor, workers=2) as docker:
        yield docker


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def without_times(answer: Answer) -> DockResult:
    assert isinstance(answer, DockResult), answer
    return replace(answer, seconds_prepare=0.0, seconds_dock=0.0)


def servers() -> list[int]:
    return [pid for pid in children(os.getpid(), SERVER) if pid not in FOREIGN]


def only(pids: list[int]) -> int:
    (pid,) = pids
    return pid


def start_long(docker: Docker, threads: ThreadPoolExecutor) -> tuple[Future[Answer], int, int]:
    """A job that would take minutes; the process of its server and its own."""
    before = set(servers())
    job = threads.submit(docker.dock, LONG_JOB, LONG_EXHAUSTIVENESS, None)
    wait_for(lambda: any(children(pid) for pid in servers()))
    server = next(pid for pid in servers() if children(pid))
    assert len(set(servers()) - before) <= 1
    return job, server, only(children(server))


def test_scores_are_those_of_the_bindings(docker: Docker, receptor: Receptor) -> None:
    from vina import Vina

    vina = Vina(sf_name="vina", cpu=1, seed=DOCKSTRING_SEED, verbosity=0)
    vina.set_receptor(str(receptor.pdbqt))
    vina.compute_vina_maps(center=list(receptor.centre_a), box_size=list(receptor.size_a))
    for smiles in SMALL:
        vina.set_ligand_from_string(prepare(smiles).pdbqt)
        vina.dock(exhaustiveness=1, n_poses=9)
        expected = tuple(float(row[0]) for row in vina.energies(n_poses=9, energy_range=3.0))
        found = without_times(docker.dock(smiles, 1))
        assert found.affinities_kcal_mol == expected
        assert found.affinity_kcal_mol == min(expected)


def test_order_and_company_do_not_matter(docker: Docker, threads: ThreadPoolExecutor) -> None:
    alone = {smiles: without_times(docker.dock(smiles, 2)) for smiles in SMALL}
    crowd = [*reversed(SMALL), *SMALL]
    together = threads.map(lambda smiles: docker.dock(smiles, 2), crowd)
    assert [without_times(answer) for answer in together] == [alone[smiles] for smiles in crowd]


def test_a_copy_of_the_configuration_docks_the_same(docker: Docker) -> None:
    expected = without_times(docker.dock("CCO", 1))
    with pickle.loads(pickle.dumps(docker)) as copy:  # noqa: S301 - our own bytes
        assert copy.fingerprint() == docker.fingerprint()
        assert without_times(copy.dock("CCO", 1)) == expected


def test_a_molecule_at_fault_is_rejected(docker: Docker) -> None:
    for smiles in ("C1CC", "[Fe]", "C1C[C@@H]2CC[C@@H]1C2"):
        answer = docker.dock(smiles, 1)
        assert isinstance(answer, Rejected)
        assert answer.reason
        assert answer.hint


def test_a_ligand_without_room_is_rejected(receptor: Receptor) -> None:
    tight = receptor_from_file("tight", receptor.pdbqt, receptor.centre_a, (3.0, 3.0, 3.0))
    with Docker(tight, workers=1) as docker:
        answer = docker.dock("c1ccc(-c2ccccc2)cc1", 1)
    assert isinstance(answer, Rejected)
    assert "no favourable pose at exhaustiveness 1: the best scores" in answer.reason


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_costs_one_job(
    docker: Docker, threads: ThreadPoolExecutor, by: signal.Signals
) -> None:
    job, server, child = start_long(docker, threads)
    neighbour = threads.submit(docker.dock, "CCO", 1)
    os.kill(child, by)
    answer = job.result()
    assert isinstance(answer, Unmeasured)
    assert by.name in answer.cause
    assert answer.retryable
    assert isinstance(neighbour.result(), DockResult)
    assert alive(server)


def test_the_deadline_ends_the_job_and_its_process(docker: Docker) -> None:
    answer = docker.dock(LONG_JOB, LONG_EXHAUSTIVENESS, 0.3)
    assert answer == Unmeasured(
        cause="docking took longer than its deadline of 0.3 s", retryable=False
    )
    assert not children(only(servers()))
    assert isinstance(docker.dock("CCO", 1), DockResult)


def test_no_more_children_than_workers(receptor: Receptor, threads: ThreadPoolExecutor) -> None:
    with Docker(receptor, workers=1) as docker:
        docker.dock("C", 1)
        before = set(servers())
        jobs = [threads.submit(docker.dock, smiles, 2) for smiles in SMALL]
        seen = 0
        while not all(job.done() for job in jobs):
            seen = max(seen, *(len(children(pid)) for pid in before))
    assert seen <= 1
    assert all(isinstance(job.result(), DockResult) for job in jobs)


def test_ctrl_c_is_left_to_the_user(docker: Docker, threads: ThreadPoolExecutor) -> None:
    docker.dock("C", 1)
    server = only(servers())
    job = threads.submit(docker.dock, "CCCCCC", 2)
    wait_for(lambda: children(server))
    while not job.done():  # at every stage: RDKit has a handler of its own while it embeds
        for pid in (server, *children(server)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        time.sleep(0.001)
    assert isinstance(job.result(), DockResult)
    assert alive(server)


def test_a_dead_server_is_replaced(docker: Docker, threads: ThreadPoolExecutor) -> None:
    expected = without_times(docker.dock("CCO", 1))
    job, server, child = start_long(docker, threads)
    os.kill(server, signal.SIGKILL)
    answer = job.result()
    assert isinstance(answer, Unmeasured)
    assert "the docking server was killed by SIGKILL" in answer.cause
    assert answer.retryable
    wait_for(lambda: not alive(child))
    assert without_times(docker.dock("CCO", 1)) == expected
    assert only(servers()) != server


def test_a_server_that_dies_again_and_again_is_given_up(
    receptor: Receptor, threads: ThreadPoolExecutor
) -> None:
    with Docker(receptor, workers=1) as docker:
        for _ in range(2):
            job, server, _ = start_long(docker, threads)
            os.kill(server, signal.SIGKILL)
            assert isinstance(job.result(), Unmeasured)
        answer = docker.dock("CCO", 1)
        assert isinstance(answer, Unmeasured)
        assert "twice in a row" in answer.cause
        assert not answer.retryable
        docker.close()
        assert isinstance(docker.dock("CCO", 1), DockResult)


def test_closing_ends_everything_and_answers_what_was_under_way(
    receptor: Receptor, threads: ThreadPoolExecutor
) -> None:
    docker = Docker(receptor, workers=1)
    job, server, child = start_long(docker, threads)
    docker.close()
    assert job.result() == Unmeasured(cause="docking was closed")
    assert not alive(server)
    wait_for(lambda: not alive(child))
    docker.close()


def test_forgetting_to_close_leaves_nothing(receptor: Receptor) -> None:
    before = set(servers())
    docker = Docker(receptor, workers=1)
    docker.dock("C", 1)
    server = only(list(set(servers()) - before))
    del docker
    wait_for(lambda: not alive(server))


def test_a_killed_program_leaves_nothing(receptor: Receptor) -> None:
    program = (
        "from pathlib import Path\n"
        "from textgrad_molecules.docking import Docker, receptor_from_file\n"
        f"receptor = receptor_from_file('r', Path({str(receptor.pdbqt)!r}), "
        f"{receptor.centre_a}, {receptor.size_a})\n"
        f"Docker(receptor, workers=1).dock({LONG_JOB!r}, {LONG_EXHAUSTIVENESS})\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as user:
        wait_for(lambda: any(children(pid) for pid in children(user.pid, SERVER)))
        server = only(children(user.pid, SERVER))
        child = only(children(server))
        user.kill()
    wait_for(lambda: not alive(child) and not alive(server))


def test_a_receptor_vina_cannot_read_is_reported(tmp_path: Path, receptor: Receptor) -> None:
    lines = receptor.pdbqt.read_text().splitlines()[:200]
    broken = tmp_path / "broken.pdbqt"
    broken.write_text("\n".join([*lines, "ATOM  rubbish", ""]))
    centre_a = (float(lines[50][30:38]), float(lines[50][38:46]), float(lines[50][46:54]))
    with Docker(receptor_from_file("broken", broken, centre_a, (9, 9, 9)), workers=1) as docker:
        answers = [docker.dock("C", 1) for _ in range(2)]
    for answer in answers:
        assert isinstance(answer, Unmeasured)
        assert answer.cause.startswith("Vina refuses receptor broken: ")
        assert "\n" not in answer.cause
        assert not answer.retryable


def test_a_receptor_file_that_changed_is_refused(tmp_path: Path, receptor: Receptor) -> None:
    path = tmp_path / "own.pdbqt"
    path.write_bytes(receptor.pdbqt.read_bytes())
    own = receptor_from_file("own", path, receptor.centre_a, receptor.size_a)
    with path.open("a") as file:
        file.write("REMARK edited\n")
    with Docker(own, workers=1) as docker:
        answer = docker.dock("C", 1)
    assert isinstance(answer, Unmeasured)
    assert "own.pdbqt has changed" in answer.cause
