"""The built-in search: seeded graph edits, filtered, pre-screened, offered. No model, no docking.

Docking is the price, so many more graphs are drawn than are offered: those that pass the filter
compete, half of the offer goes to the most promising by drug-likeness and size, the other half is
drawn at random so that docking, not the pre-screen, decides the direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from rdkit import Chem, rdBase

from textgrad_core.domain import Proposal, ProposalRequest
from textgrad_core.errors import Invalid
from textgrad_molecules.druglikeness import druglikeness
from textgrad_molecules.filters import ProposalFilter
from textgrad_molecules.fragments import RINGS, attachable
from textgrad_molecules.graph_edits import MUTATIONS, Edit, crossover, grow_ring
from textgrad_molecules.one_at_a_time import RDKIT
from textgrad_molecules.smiles import SmilesLimits, parse_smiles

CROSSOVER_CHANCE = 0.2
SECOND_EDIT_CHANCE = 0.35
TRIES_PER_DRAFT = 12
GROWTH_PER_ATOM = 0.05  # promise per heavy atom: Vina gains some 0.2 kcal/mol with each
ROTOR_COST = 0.06  # promise lost per rotatable bond: Vina divides by a term that grows with them


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A graph that passed the filter."""

    smiles: str
    words: str
    parent: str
    promise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphProposer:
    """Mutation and crossover of molecular graphs.

    Args:
        limits: What `parse_smiles` accepts.
        keep: What is offered at all.
        drafts_per_proposal: Graphs that pass the filter, per proposal wanted.
        full_size: Heavy atoms up to which growth counts as promising.
        small_size: Parents below this size get a ring before anything else.
    """

    name: str = "graph edits"
    limits: SmilesLimits = field(default_factory=SmilesLimits)
    keep: ProposalFilter = field(default_factory=ProposalFilter)
    drafts_per_proposal: int = 20
    full_size: int = 24
    small_size: int = 13

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        """New molecules near the parents; the same request gives the same list."""
        if request.count < 1:
            return ()
        rng = Random(request.seed)
        with RDKIT, rdBase.BlockLogs():
            drafts = self._drafts(request, rng)
        return [
            Proposal(
                answer=draft.smiles,
                rationale=f"{draft.words}, of {draft.parent}",
                parent=draft.parent,
            )
            for draft in choose(drafts, request.count, rng)
        ]

    def _drafts(self, request: ProposalRequest, rng: Random) -> list[Draft]:
        wanted = request.count * self.drafts_per_proposal
        drafts: dict[str, Draft] = {}
        for pool in self._pools(request):
            for _ in range(wanted * TRIES_PER_DRAFT):
                if len(drafts) >= wanted:
                    return list(drafts.values())
                draft = self._draft(pool, rng)
                if draft and draft.smiles not in drafts and draft.smiles not in request.avoid:
                    drafts[draft.smiles] = draft
            if len(drafts) >= request.count:
                break
        return list(drafts.values())

    def _pools(self, request: ProposalRequest) -> list[list[str]]:
        """Where to start from: the parents; failing them every trial; failing those, rings."""
        parents = self._readable([trial.canonical for trial in request.parents])
        others = self._readable([trial.canonical for trial in request.history])
        rings = [attachable("", ring) for ring in RINGS]
        return [pool for pool in (parents, others, rings) if pool]

    def _readable(self, texts: Sequence[str]) -> list[str]:
        found = []
        for text in dict.fromkeys(texts):
            try:
                found.append(parse_smiles(text, self.limits))
            except Invalid:
                continue
        return found

    def _draft(self, pool: Sequence[str], rng: Random) -> Draft | None:
        """One edited molecule; None if the edit does not apply or the filter strikes it."""
        weights = [1.0 / (rank + 1) for rank in range(len(pool))]
        parent = rng.choices(pool, weights)[0]
        edit = self._edit(Chem.MolFromSmiles(parent), pool, rng)
        molecule = sanitised(edit) if edit else None
        if edit is None or molecule is None or self.keep.fault(molecule):
            return None
        try:
            smiles = parse_smiles(Chem.MolToSmiles(molecule), self.limits)
        except Invalid:
            return None
        if smiles == parent:
            return None
        promise = self._promise(molecule)
        return Draft(smiles=smiles, words=edit.words, parent=parent, promise=promise)

    def _edit(self, molecule: Chem.Mol, pool: Sequence[str], rng: Random) -> Edit | None:
        if molecule.GetNumHeavyAtoms() < self.small_size and rng.random() < 1 - SECOND_EDIT_CHANCE:
            edit = grow_ring(molecule, rng)
        elif len(pool) > 1 and rng.random() < CROSSOVER_CHANCE:
            edit = crossover(molecule, Chem.MolFromSmiles(rng.choice(pool)), rng)
        else:
            edit = _mutate(molecule, rng)
        if edit is None or rng.random() >= SECOND_EDIT_CHANCE:
            return edit
        middle = sanitised(edit)
        second = _mutate(middle, rng) if middle else None
        return Edit(graph=second.graph, words=f"{edit.words}; {second.words}") if second else edit

    def _promise(self, molecule: Chem.Mol) -> float:
        parts = druglikeness(molecule)
        rotors = next(c.value for c in parts.components if c.name == "ROTB")
        atoms = min(molecule.GetNumHeavyAtoms(), self.full_size)
        return parts.qed + GROWTH_PER_ATOM * atoms - ROTOR_COST * rotors


def sanitised(edit: Edit) -> Chem.Mol | None:
    """The edited graph as a proper molecule, read back from its SMILES; None if it is none."""
    try:
        Chem.SanitizeMol(edit.graph)
    except Chem.MolSanitizeException:
        return None
    smiles = Chem.MolToSmiles(edit.graph)
    molecule: Chem.Mol | None = Chem.MolFromSmiles(smiles) if "." not in smiles else None
    return molecule


def choose(drafts: Sequence[Draft], count: int, rng: Random) -> list[Draft]:
    """Half the most promising, half at random among the rest."""
    ranked = sorted(drafts, key=lambda draft: (-draft.promise, draft.smiles))
    best = ranked[: (count + 1) // 2]
    rest = ranked[len(best) :]
    return best + rng.sample(rest, min(count - len(best), len(rest)))


def _mutate(molecule: Chem.Mol, rng: Random) -> Edit | None:
    mutations = [mutation for mutation, _ in MUTATIONS]
    mutation = rng.choices(mutations, [weight for _, weight in MUTATIONS])[0]
    return mutation(molecule, rng)
