"""Small random changes of a molecular graph. Each returns an unsanitised graph and its name.

Every choice is drawn from the ``Random`` given, over lists in atom or bond order, so the same
seed gives the same edit under any hash seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from rdkit import Chem

from textgrad_molecules.fragments import LINKERS, attachable, pieces

RING_CHANCE = 0.55
FUSED_CHANCE = 0.5
ALIPHATIC_SWAPS = (6, 7, 8, 9, 16, 17)
AROMATIC_SWAPS = (6, 7)
INSERTED = (6, 6, 7, 8)
RING_CLOSING_DISTANCES = (4, 5)  # bonds between the two atoms: gives rings of five and six


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A changed graph, not yet sanitised, and what was done in words."""

    graph: Chem.RWMol
    words: str


Mutation = Callable[[Chem.Mol, Random], "Edit | None"]


def add_fragment(molecule: Chem.Mol, rng: Random, ring_chance: float = RING_CHANCE) -> Edit | None:
    """Put a fragment, with or without a linker, in the place of a hydrogen."""
    places = _open_places(molecule)
    if not places:
        return None
    ring = rng.random() < ring_chance
    fragment = rng.choice(pieces(ring=ring, fused=rng.random() < FUSED_CHANCE))
    linker = rng.choice(LINKERS) if ring else ""
    place = rng.choice(places)
    graph = _joined(molecule, place, Chem.MolFromSmiles(attachable(linker, fragment)), 0)
    atom = molecule.GetAtomWithIdx(place).GetSymbol()
    return Edit(graph=graph, words=f"add {linker + fragment} at {atom}{place + 1}")


def grow_ring(molecule: Chem.Mol, rng: Random) -> Edit | None:
    """Put a ring system in the place of a hydrogen."""
    return add_fragment(molecule, rng, ring_chance=1.0)


def swap_atom(molecule: Chem.Mol, rng: Random) -> Edit | None:
    """Replace one atom by another element, hydrogens following valence."""
    atom = rng.choice(list(molecule.GetAtoms()))
    choices = AROMATIC_SWAPS if atom.GetIsAromatic() else ALIPHATIC_SWAPS
    number = rng.choice([n for n in choices if n != atom.GetAtomicNum()])
    graph = Chem.RWMol(molecule)
    changed = graph.GetAtomWithIdx(atom.GetIdx())
    changed.SetAtomicNum(number)
    changed.SetFormalCharge(0)
    changed.SetNumExplicitHs(0)
    changed.SetNoImplicit(False)
    changed.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    new = Chem.GetPeriodicTable().GetElementSymbol(number)
    return Edit(graph=graph, words=f"swap {atom.GetSymbol()}{atom.GetIdx() + 1} for {new}")


def delete_terminal(molecule: Chem.Mol, rng: Random) -> Edit | None:
    """Cut a single bond outside rings and keep the larger part."""
    halves = _cut(molecule, rng)
    if halves is None:
        return None
    small, large = sorted(halves, key=lambda half: half.graph.GetNumHeavyAtoms())
    return Edit(graph=Chem.RWMol(large.graph), words=f"delete {Chem.MolToSmiles(small.graph)}")


def replace_terminal(molecule: Chem.Mol, rng: Random) -> Edit | None:
    """Cut a single bond outside rings and put a fragment in the place of the smaller part."""
    halves = _cut(molecule, rng)
    if halves is None:
        return None
    small, large = sorted(halves, key=lambda half: half.graph.GetNumHeavyAtoms())
    ring = small.graph.GetNumHeavyAtoms() > 4 or rng.random() < RING_CHANCE
    fragment = rng.choice(pieces(ring=ring, fused=rng.random() < FUSED_CHANCE))
    graph = _joined(large.graph, large.place, Chem.MolFromSmiles(attachable("", fragment)), 0)
    return Edit(graph=graph, words=f"replace {Chem.MolToSmiles(small.graph)} by {fragment}")


def close_ring(molecule: Chem.Mol, rng: Random) -> Edit | None:
    """Bond two atoms four or five bonds apart."""
    distances = Chem.GetDistanceMatrix(molecule)
    places = _open_places(molecule)
    pairs = [
        (i, j)
        for i in places
        for j in places
        if i < j and int(distances[i][j]) in RING_CLOSING_DISTANCES
    ]
    if not pairs:
        return None
    first, second = rng.choice(pairs)
    graph = Chem.RWMol(molecule)
    _release_hydrogen(graph, first)
    _release_hydrogen(graph, second)
    graph.AddBond(first, second, Chem.BondType.SINGLE)
    return Edit(graph=graph, words=f"close a ring between atoms {first + 1} and {second + 1}")


def change_bond(molecule: Chem.Mol, rng: Random) -> Edit | None:
    """Make a single bond double or a double bond single."""
    bonds = [b for b in molecule.GetBonds() if not b.GetIsAromatic()]
    if not bonds:
        return None
    bond = rng.choice(bonds)
    single = bond.GetBondType() == Chem.BondType.SINGLE
    graph = Chem.RWMol(molecule)
    changed = graph.GetBondWithIdx(bond.GetIdx())
    changed.SetBondType(Chem.BondType.DOUBLE if single else Chem.BondType.SINGLE)
    changed.SetStereo(Chem.BondStereo.STEREONONE)
    ends = f"{bond.GetBeginAtomIdx() + 1} and {bond.GetEndAtomIdx() + 1}"
    order = "double" if single else "single"
    return Edit(graph=graph, words=f"make the bond between atoms {ends} {order}")


def insert_atom(molecule: Chem.Mol, rng: Random) -> Edit | None:
    """Put one atom into a single bond."""
    bonds = [b for b in molecule.GetBonds() if b.GetBondType() == Chem.BondType.SINGLE]
    if not bonds:
        return None
    bond = rng.choice(bonds)
    number = rng.choice(INSERTED)
    graph = Chem.RWMol(molecule)
    begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    graph.RemoveBond(begin, end)
    new = graph.AddAtom(Chem.Atom(number))
    graph.AddBond(begin, new, Chem.BondType.SINGLE)
    graph.AddBond(new, end, Chem.BondType.SINGLE)
    symbol = Chem.GetPeriodicTable().GetElementSymbol(number)
    return Edit(graph=graph, words=f"insert {symbol} between atoms {begin + 1} and {end + 1}")


def crossover(first: Chem.Mol, second: Chem.Mol, rng: Random) -> Edit | None:
    """Join a part of one molecule to a part of another, both cut at a single bond."""
    halves, others = _cut(first, rng), _cut(second, rng)
    if halves is None or others is None:
        return None
    mine, theirs = rng.choice(halves), rng.choice(others)
    graph = _joined(mine.graph, mine.place, theirs.graph, theirs.place)
    return Edit(graph=graph, words=f"cross with {Chem.MolToSmiles(second)}")


MUTATIONS: tuple[tuple[Mutation, float], ...] = (
    (add_fragment, 0.34),
    (replace_terminal, 0.20),
    (swap_atom, 0.18),
    (delete_terminal, 0.08),
    (close_ring, 0.08),
    (insert_atom, 0.06),
    (change_bond, 0.06),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """One side of a cut, and the atom that lost its bond."""

    graph: Chem.Mol
    place: int


def _cut(molecule: Chem.Mol, rng: Random) -> tuple[_Half, _Half] | None:
    bonds = [
        b
        for b in molecule.GetBonds()
        if b.GetBondType() == Chem.BondType.SINGLE and not b.IsInRing()
    ]
    if not bonds:
        return None
    bond = rng.choice(bonds)
    ends = (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    graph = Chem.RWMol(molecule)
    graph.RemoveBond(*ends)
    mapping: list[Sequence[int]] = []
    parts = Chem.GetMolFrags(graph, asMols=True, sanitizeFrags=False, fragsMolAtomMapping=mapping)
    first, second = (
        _Half(graph=part, place=list(atoms).index(ends[0] if ends[0] in atoms else ends[1]))
        for part, atoms in zip(parts, mapping, strict=True)
    )
    return first, second


def _open_places(molecule: Chem.Mol) -> list[int]:
    """Atoms that can give up a hydrogen."""
    return [
        atom.GetIdx()
        for atom in molecule.GetAtoms()
        if atom.GetTotalNumHs() > 0 and atom.GetSymbol() in ("C", "N", "O")
    ]


def _joined(molecule: Chem.Mol, place: int, other: Chem.Mol, other_place: int) -> Chem.RWMol:
    graph = Chem.RWMol(Chem.CombineMols(molecule, other))
    end = molecule.GetNumAtoms() + other_place
    _release_hydrogen(graph, place)
    _release_hydrogen(graph, end)
    graph.AddBond(place, end, Chem.BondType.SINGLE)
    return graph


def _release_hydrogen(graph: Chem.RWMol, place: int) -> None:
    """A hydrogen written on the atom, as in [nH] or [C@@H], makes room for the new bond."""
    atom = graph.GetAtomWithIdx(place)
    if atom.GetNumExplicitHs():
        atom.SetNumExplicitHs(atom.GetNumExplicitHs() - 1)
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
