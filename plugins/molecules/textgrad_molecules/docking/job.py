"""One docking job: prepare, dock, read the pose. Runs in a process that may die.

As a program (``python -m textgrad_molecules.docking.job``) it docks one ligand with a Vina
executable: a job on standard input, its answer on standard output. It stops when standard
input closes, so it never outlives whoever started it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from textgrad_core.errors import Invalid, TextgradError
from textgrad_molecules.docking.poses import affinities, pose_molblock
from textgrad_molecules.docking.prepare import PreparedLigand, prepare
from textgrad_molecules.docking.processes import leave_interrupts_to_the_user
from textgrad_molecules.docking.receptor import receptor_from_json
from textgrad_molecules.docking.search import ExecutableSearch, PoseSearch
from textgrad_molecules.docking.wire import Message, failed

FAVOURABLE_BELOW_KCAL_MOL = 0.0
FAVOURABLE_BELOW_IF_SIZEABLE_KCAL_MOL = -0.5
SIZEABLE_HEAVY_ATOMS = 6


def run_job(job: Message, search: PoseSearch) -> Message:
    """Prepare and dock one ligand; never raises.

    Args:
        job: ``smiles``, ``exhaustiveness`` and ``seed`` (of the embedding).
        search: Docks the prepared ligand.

    Returns:
        ``{"ok": {...}}``, ``{"invalid": {"reason", "hint"}}`` if the molecule is at fault, or
        ``{"failed": cause, "retryable": bool}`` if the instrument is.
    """
    try:
        return {"ok": _dock(job, search)}
    except Invalid as error:
        return {"invalid": {"reason": error.reason, "hint": error.hint}}
    except TextgradError as error:
        return failed(str(error), retryable=False)
    except Exception as error:  # noqa: BLE001 - border with RDKit, Open Babel and Vina
        return failed(f"{type(error).__name__}: {error}"[:500], retryable=False)


def _dock(job: Message, search: PoseSearch) -> Message:
    started = time.perf_counter()
    ligand = prepare(job["smiles"], seed=job["seed"])
    prepared = time.perf_counter()
    output = search.dock(ligand.pdbqt, job["exhaustiveness"])
    docked = time.perf_counter()
    modes = affinities(output)
    _check_favourable(modes, ligand, job["exhaustiveness"])
    return {
        "affinities_kcal_mol": list(modes),
        "pose_sdf": pose_molblock(ligand, output),
        "protonated_smiles": ligand.protonated_smiles,
        "rotors": ligand.rotors,
        "seconds_prepare": prepared - started,
        "seconds_dock": docked - prepared,
    }


def _check_favourable(
    modes: tuple[float, ...], ligand: PreparedLigand, exhaustiveness: int
) -> None:
    sizeable = ligand.heavy_atoms >= SIZEABLE_HEAVY_ATOMS
    bound = FAVOURABLE_BELOW_IF_SIZEABLE_KCAL_MOL if sizeable else FAVOURABLE_BELOW_KCAL_MOL
    if modes and (modes[0] <= bound if sizeable else modes[0] < bound):
        return
    found = f"the best scores {modes[0]:.3f} kcal/mol" if modes else "Vina found none"
    raise Invalid(
        f"no favourable pose at exhaustiveness {exhaustiveness}: {found}",
        "the molecule may be too large or too stiff for the pocket; "
        "make it smaller, or search with a higher exhaustiveness",
    )


def _stop_when_orphaned(folder: Path) -> None:
    """Wait for standard input to close, then leave nothing behind."""
    sys.stdin.buffer.read()
    shutil.rmtree(folder, ignore_errors=True)
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(os.getpid())],  # noqa: S607 - Windows finds it
            capture_output=True,
            check=False,
        )
    elif os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with the Vina it started
    os._exit(1)


def main() -> None:
    """Dock the one ligand that standard input describes."""
    leave_interrupts_to_the_user()
    answer_to = os.dup(1)
    os.dup2(2, 1)  # native code may print; the answer has a channel of its own
    order = json.loads(sys.stdin.buffer.readline())
    folder = Path(order["folder"])
    threading.Thread(target=_stop_when_orphaned, args=(folder,), daemon=True).start()
    search = ExecutableSearch(
        executable=Path(order["executable"]),
        receptor=receptor_from_json(order["receptor"]),
        seed=order["job"]["seed"],
        folder=folder,
    )
    answer = json.dumps(run_job(order["job"], search)).encode()
    with os.fdopen(answer_to, "wb") as out:
        out.write(answer)
    os._exit(0)  # the watching thread is blocked in a read


if __name__ == "__main__":
    main()
