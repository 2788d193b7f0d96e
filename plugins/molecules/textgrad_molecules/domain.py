"""Molecules as a domain: a SMILES string, docked by AutoDock Vina, weighed by QED."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from textgrad_core.domain import Domain, EvaluationContext, Objective, Proposer, Reference
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Artefact, Evaluated, Outcome, Rejected, Unmeasured
from textgrad_core.search.result import Result
from textgrad_molecules.docking import DockResult, dockstring_receptor
from textgrad_molecules.druglikeness import druglikeness, synthetic_accessibility
from textgrad_molecules.explain import explain
from textgrad_molecules.filters import ProposalFilter
from textgrad_molecules.instrument import LazyDocker
from textgrad_molecules.measurement import Measurement, scalar
from textgrad_molecules.one_at_a_time import RDKIT
from textgrad_molecules.picture import molecule_svg
from textgrad_molecules.poses import POSE_NAME, SDF_TYPE, sdf_record, write_poses
from textgrad_molecules.proposer import GraphProposer
from textgrad_molecules.smiles import SmilesLimits, parse_smiles

PROTOCOL = "dockstring preparation; vina + (1 - qed)"
LICENCES = (
    "AutoDock Vina and the DOCKSTRING receptors come under the Apache-2.0 licence.",
    "RDKit comes under the BSD licence.",
    "Open Babel comes under the GPL, version 2.",
)
DEADLINE_S = 3600.0  # of one docking; the largest molecules accepted take minutes
FLEXIBLE_ROTORS = 8  # from here on a short search agrees on false minima
MAX_EXHAUSTIVENESS = 256
MAX_WORKERS = 1024
PROPOSED_HEAVY_ATOMS = ProposalFilter().max_heavy_atoms
_HEAVY_ATOM_BOUNDS = (4, 100)
_FOLDER = files("textgrad_molecules")


@dataclass(frozen=True, kw_only=True)
class Molecules(Domain[str]):
    """Find a molecule that binds one protein and looks like a drug.

    Args:
        target: Name of a DOCKSTRING receptor.
        screen_exhaustiveness: Docking effort inside the loop.
        report_exhaustiveness: Docking effort for every number shown or compared, and for
            molecules with eight rotatable bonds or more.
        max_heavy_atoms: Largest molecule accepted.
        workers: Dockings at the same time; None for one per core.

    Raises:
        UsageError: If the target is unknown or a number is out of bounds.
    """

    target: str = "PPARA"
    screen_exhaustiveness: int = 4
    report_exhaustiveness: int = 8
    max_heavy_atoms: int = 60
    workers: int | None = None
    name: str = field(init=False, default="molecules")
    role: str = field(init=False, default="")
    objectives: tuple[Objective, ...] = field(
        init=False,
        default=(
            Objective(name="vina", unit="kcal/mol", direction="min", decimals=2),
            Objective(name="qed", direction="max", decimals=2),
        ),
    )
    scalar_name: str = field(init=False, default="s")
    value_name: str = field(init=False, default="SMILES")
    evaluation_name: str = field(init=False, default="docking")
    licences: tuple[str, ...] = field(init=False, default=LICENCES)
    critique: str | None = field(init=False, default=None)
    proposer: Proposer | None = field(init=False, default=None, compare=False)
    parallel: int | None = field(init=False, default=None)
    _docker: LazyDocker = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the settings at once and derive what follows from them."""
        object.__setattr__(self, "target", dockstring_receptor(self.target).name)
        _check_bounds("screen_exhaustiveness", self.screen_exhaustiveness, 1, MAX_EXHAUSTIVENESS)
        _check_bounds("exhaustiveness", self.report_exhaustiveness, 1, MAX_EXHAUSTIVENESS)
        _check_bounds("max_heavy_atoms", self.max_heavy_atoms, *_HEAVY_ATOM_BOUNDS)
        if self.workers is not None:
            _check_bounds("workers", self.workers, 1, MAX_WORKERS)
        limits = SmilesLimits(max_heavy_atoms=self.max_heavy_atoms)
        keep = ProposalFilter(max_heavy_atoms=min(self.max_heavy_atoms, PROPOSED_HEAVY_ATOMS))
        derived = {
            "role": f"a drug-like molecule that binds {self.target}, as one SMILES string",
            "critique": _prompt("critique"),
            "proposer": GraphProposer(limits=limits, keep=keep),
            "parallel": self.workers,
            "_docker": LazyDocker(self.target, self.workers),
        }
        for attribute, value in derived.items():
            object.__setattr__(self, attribute, value)  # frozen for everybody else

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as settings; the docking engine starts where it is needed."""
        return partial(Molecules, **self._settings()), ()

    def parse(self, answer: str) -> str:
        """The canonical SMILES of the neutral molecule."""
        with RDKIT:
            return parse_smiles(answer, SmilesLimits(max_heavy_atoms=self.max_heavy_atoms))

    def canonical(self, value: str) -> str:
        """A parsed molecule is its own canonical SMILES."""
        return value

    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        """Dock the molecule and compute its QED.

        The seed of the search is DOCKSTRING's, not the run's, so that scores compare with
        published ones.
        """
        with RDKIT:
            molecule = Chem.MolFromSmiles(value)
            effort = self.exhaustiveness(molecule, context)
        docked = self._docker.get().dock(
            value, exhaustiveness=effort, deadline_s=context.deadline_s or DEADLINE_S
        )
        if isinstance(docked, Rejected | Unmeasured):
            return docked
        with RDKIT:
            return self._evaluated(value, molecule, docked, effort)

    def exhaustiveness(self, molecule: Chem.Mol, context: EvaluationContext) -> int:
        """Docking effort for a molecule at a tier; flexible ones get the full effort always."""
        if context.tier == "report":
            return self.report_exhaustiveness
        if rdMolDescriptors.CalcNumRotatableBonds(molecule) >= FLEXIBLE_ROTORS:
            return max(self.screen_exhaustiveness, self.report_exhaustiveness)
        return self.screen_exhaustiveness

    def explain(self, value: str, outcome: Outcome, previous: Outcome | None = None) -> str:  # noqa: ARG002 - the outcome names the molecule
        """The numbers in words, with what each property costs and where to go."""
        return explain(outcome, previous, max_heavy_atoms=self.max_heavy_atoms)

    def scalar(self, scores: Mapping[str, float]) -> float:
        """``vina + (1 - qed)``."""
        return scalar(scores["vina"], scores["qed"])

    def fingerprint(self) -> Mapping[str, JSON]:
        """Receptor, engine, protocol, effort and library versions."""
        return {
            "protocol": PROTOCOL,
            "target": self.target,
            "screen_exhaustiveness": self.screen_exhaustiveness,
            "report_exhaustiveness": self.report_exhaustiveness,
            "max_heavy_atoms": self.max_heavy_atoms,
            "rdkit": version("rdkit"),
            "docking": dict(self._docker.get().fingerprint()),
        }

    def references(self) -> tuple[Reference, ...]:
        """Known ligands of the target; none for targets without an entry."""
        return tuple(
            Reference(name=ligand["name"], answer=ligand["smiles"], note=ligand["note"])
            for ligand in known_ligands().get(self.target, ())
        )

    def picture(self, value: str, outcome: Outcome) -> Artefact | None:  # noqa: ARG002 - the structure is the same whatever was measured
        """The structural formula."""
        with RDKIT:
            picture = molecule_svg(value)
        return Artefact(name="molecule.svg", media_type="image/svg+xml", text=picture)

    def write(self, result: Result, folder: Path) -> tuple[str, ...]:
        """Poses of start, finalists and references as ``poses.sdf``."""
        return ("poses.sdf",) if write_poses(result, folder / "poses.sdf") else ()

    def close(self) -> None:
        """Stop the docking workers."""
        self._docker.close()

    def _settings(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "screen_exhaustiveness": self.screen_exhaustiveness,
            "report_exhaustiveness": self.report_exhaustiveness,
            "max_heavy_atoms": self.max_heavy_atoms,
            "workers": self.workers,
        }

    def _evaluated(
        self, smiles: str, molecule: Chem.Mol, docked: DockResult, effort: int
    ) -> Evaluated:
        parts = druglikeness(molecule)
        measured = Measurement(
            smiles=smiles,
            protonated_smiles=docked.protonated_smiles,
            target=self.target,
            vina_kcal_mol=docked.affinity_kcal_mol,
            affinities_kcal_mol=tuple(docked.affinities_kcal_mol),
            qed=parts.qed,
            components=parts.components,
            sa_score=synthetic_accessibility(molecule),
            heavy_atoms=molecule.GetNumHeavyAtoms(),
            rotors=docked.rotors,
            exhaustiveness=effort,
        )
        fields = {"SMILES": smiles, "vina_kcal_mol": f"{docked.affinity_kcal_mol:.3f}"}
        pose = sdf_record(docked.pose_sdf, smiles, fields)
        return Evaluated(
            scores={"vina": docked.affinity_kcal_mol, "qed": parts.qed},
            data=measured.to_json(),
            artefacts=(Artefact(name=POSE_NAME, media_type=SDF_TYPE, text=pose),),
            seconds=docked.seconds_prepare + docked.seconds_dock,
        )


@cache
def known_ligands() -> dict[str, list[dict[str, str]]]:
    """Known ligands by target: name, SMILES, molecular formula and a note."""
    text = (_FOLDER / "known_ligands.json").read_text(encoding="utf-8")
    ligands: dict[str, list[dict[str, str]]] = json.loads(text)
    return ligands


@cache
def _prompt(name: str) -> str:
    return (_FOLDER / "prompts" / f"{name}.txt").read_text(encoding="utf-8").strip()


def _check_bounds(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UsageError(f"{name} is {value!r}: give a whole number from {low} to {high}")
