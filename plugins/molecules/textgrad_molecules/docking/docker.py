"""The docking instrument: one receptor, one protocol, any number of ligands."""

from __future__ import annotations

import math
import os
import threading
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Rejected, Unmeasured
from textgrad_molecules.docking.backends import Backend, find_backend, module_version
from textgrad_molecules.docking.client import DockingClient, ServerSettings
from textgrad_molecules.docking.oneshot import ExecutableSettings, OneShotClient
from textgrad_molecules.docking.prepare import DOCKSTRING_SEED
from textgrad_molecules.docking.receptor import Receptor
from textgrad_molecules.docking.search import ENERGY_RANGE_KCAL_MOL, MODES
from textgrad_molecules.docking.wire import Message

PROTOCOL_VERSION = 1  # raise it when the same input may give another score
DEFAULT_EXHAUSTIVENESS = 8
MAX_EXHAUSTIVENESS = 1024
MAX_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DockResult:
    """A docked ligand.

    Args:
        affinity_kcal_mol: Of the best mode; more negative binds better.
        affinities_kcal_mol: Of every mode, best first.
        pose_sdf: The best pose as a mol block, all hydrogens, in the frame of the receptor.
        protonated_smiles: The species that was docked.
        rotors: Active torsions.
        seconds_prepare: Wall time of the preparation.
        seconds_dock: Wall time of the search.
    """

    affinity_kcal_mol: float
    affinities_kcal_mol: tuple[float, ...]
    pose_sdf: str
    protonated_smiles: str
    rotors: int
    seconds_prepare: float
    seconds_dock: float


class _Client(Protocol):
    def dock(self, job: Message, deadline_s: float | None) -> Message: ...
    def close(self) -> None: ...


class Docker:
    """Docks ligands into one receptor with the DOCKSTRING protocol.

    Thread-safe: call `dock` from as many threads as you like, ``workers`` of the calls run at
    the same time. The score depends on nothing but receptor, seed, backend, SMILES and
    exhaustiveness. Picklable: a copy starts processes of its own.

    Args:
        receptor: Where to dock.
        workers: Ligands docked at the same time, one core each; None for every core.
        seed: Seed of embedding and search; the default is DOCKSTRING's.
        backend: ``"bindings"``, ``"executable"``, or ``"auto"`` for the first that is there.

    Raises:
        UsageError: If ``workers`` or ``seed`` is out of bounds.
    """

    def __init__(
        self,
        receptor: Receptor,
        workers: int | None = None,
        seed: int = DOCKSTRING_SEED,
        backend: Literal["auto", "bindings", "executable"] = "auto",
    ) -> None:
        if workers is not None and workers < 1:
            raise UsageError(f"workers is {workers}: give 1 or more, or None for every core")
        if not 1 <= seed <= MAX_SEED:  # Vina takes 0 as "choose one"
            raise UsageError(f"docking seed is {seed}: give a number from 1 to {MAX_SEED}")
        if backend not in ("auto", "bindings", "executable"):
            raise UsageError(
                f"no docking backend {backend!r}: known are auto, bindings and executable"
            )
        self.receptor, self.seed = receptor, seed
        self.workers = workers if workers is not None else usable_cores()
        self._wanted = backend
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._backend: Backend | None = None
        self._client: _Client | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Configuration only."""
        return {
            "receptor": self.receptor,
            "workers": self.workers,
            "seed": self.seed,
            "wanted": self._wanted,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.receptor, self.seed = state["receptor"], state["seed"]
        self.workers, self._wanted = state["workers"], state["wanted"]
        self._reset()

    def dock(
        self,
        smiles: str,
        exhaustiveness: int = DEFAULT_EXHAUSTIVENESS,
        deadline_s: float | None = None,
    ) -> DockResult | Rejected | Unmeasured:
        """Dock one ligand; blocks until it is done.

        Args:
            smiles: One molecule.
            exhaustiveness: Effort of the search; time grows in proportion.
            deadline_s: Seconds it may take once it has a core; None for no limit.

        Returns:
            The result; `Rejected` if the molecule cannot be docked; `Unmeasured` if the
            instrument failed or the deadline passed.

        Raises:
            UsageError: If an argument is out of bounds.
            MissingExtra: If RDKit, Open Babel or Vina is not installed.
        """
        if not 1 <= exhaustiveness <= MAX_EXHAUSTIVENESS:
            raise UsageError(
                f"exhaustiveness is {exhaustiveness}: give 1 to {MAX_EXHAUSTIVENESS}, 8 is usual"
            )
        if deadline_s is not None and not (math.isfinite(deadline_s) and deadline_s > 0):
            raise UsageError(f"deadline_s is {deadline_s}: give positive seconds, or None")
        job: Message = {"smiles": smiles, "exhaustiveness": exhaustiveness, "seed": self.seed}
        return _outcome(self._ready_client().dock(job, deadline_s))

    def close(self) -> None:
        """Stop every process this docker started. A later `dock` starts them again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def __enter__(self) -> Docker:
        """Nothing is started before the first `dock`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every process."""
        self.close()

    def fingerprint(self) -> dict[str, JSON]:
        """Everything that shapes a score, except SMILES and exhaustiveness.

        Raises:
            MissingExtra: If RDKit, Open Babel or Vina is not installed.
        """
        backend = self._ready_backend()
        return {
            "protocol": PROTOCOL_VERSION,
            "backend": backend.name,
            "vina": backend.version,
            "vina_sha256": backend.sha256,
            "rdkit": module_version("rdkit"),
            "openbabel": module_version("openbabel"),
            "receptor": self.receptor.name,
            "receptor_sha256": self.receptor.sha256,
            "centre_a": list(self.receptor.centre_a),
            "size_a": list(self.receptor.size_a),
            "seed": self.seed,
            "modes": MODES,
            "energy_range_kcal_mol": ENERGY_RANGE_KCAL_MOL,
        }

    def _ready_backend(self) -> Backend:
        with self._lock:
            if self._backend is None:
                self._backend = find_backend(self._wanted)
            return self._backend

    def _ready_client(self) -> _Client:
        backend = self._ready_backend()
        with self._lock:
            if self._client is None:
                self._client = self._make_client(backend)
            return self._client

    def _make_client(self, backend: Backend) -> _Client:
        if backend.executable is None:
            return DockingClient(
                ServerSettings(receptor=self.receptor, seed=self.seed, workers=self.workers)
            )
        return OneShotClient(
            ExecutableSettings(
                executable=backend.executable, receptor=self.receptor, workers=self.workers
            )
        )


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _outcome(answer: Message) -> DockResult | Rejected | Unmeasured:
    match answer:
        case {"ok": dict(found)}:
            affinities = tuple(float(number) for number in found["affinities_kcal_mol"])
            return DockResult(
                affinity_kcal_mol=affinities[0],
                affinities_kcal_mol=affinities,
                pose_sdf=found["pose_sdf"],
                protonated_smiles=found["protonated_smiles"],
                rotors=found["rotors"],
                seconds_prepare=found["seconds_prepare"],
                seconds_dock=found["seconds_dock"],
            )
        case {"invalid": {"reason": str(reason), "hint": str(hint)}}:
            return Rejected(reason=reason, hint=hint)
        case {"failed": str(cause), "retryable": bool(retryable)}:
            return Unmeasured(cause=cause, retryable=retryable)
    return Unmeasured(cause=f"the docking process answered {str(answer)[:200]}", retryable=False)
