"""Checks of a molecule that was read but not yet sanitised: what docking cannot take, and why."""

from __future__ import annotations

from collections.abc import Callable

from rdkit import Chem

from textgrad_core.errors import Invalid

_BOND_WORDS = {
    Chem.BondType.QUADRUPLE: "quadruple bond",
    Chem.BondType.DATIVE: "dative bond",
    Chem.BondType.UNSPECIFIED: "bond of unspecified order",
    Chem.BondType.ZERO: "bond of order zero",
}
_ORDINARY = (
    Chem.BondType.SINGLE,
    Chem.BondType.DOUBLE,
    Chem.BondType.TRIPLE,
    Chem.BondType.AROMATIC,
)


def named(atom: Chem.Atom) -> str:
    """An atom as a reader counts it: ``atom 3 (N)``, from 1 in the order written."""
    return f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()})"


def check_single(molecule: Chem.Mol, parse: Callable[[str], str]) -> None:
    """Refuse salts and mixtures; the hint is the largest fragment as ``parse`` writes it."""
    fragments = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=False)
    if len(fragments) <= 1:
        return
    texts = [Chem.MolToSmiles(fragment) for fragment in fragments]
    sizes = [fragment.GetNumHeavyAtoms() for fragment in fragments]
    largest = texts[sizes.index(max(sizes))]
    try:
        hint = f"send one molecule; the largest fragment alone is {parse(largest)}"
    except Invalid as fault:
        hint = f"send one molecule; the largest, {largest}, is itself refused: {fault.reason}"
    raise Invalid(f"{len(texts)} separate fragments: {', '.join(texts)}", hint)


def check_atoms(molecule: Chem.Mol, elements: tuple[str, ...]) -> None:
    """Refuse placeholders, atom maps, labelled hydrogen, foreign elements and odd bonds."""
    for atom in molecule.GetAtoms():
        symbol = atom.GetSymbol()
        if atom.GetAtomicNum() == 0:
            raise Invalid(
                f"dummy atom * (atom {atom.GetIdx() + 1})", "replace it by a real atom or by H"
            )
        if atom.GetAtomMapNum():
            raise Invalid(
                f"atom map :{atom.GetAtomMapNum()} on {named(atom)}",
                "write the atom without its map number",
            )
        if symbol == "H" and atom.GetIsotope():
            raise Invalid(
                f"isotopic hydrogen [{atom.GetIsotope()}H] (atom {atom.GetIdx() + 1})",
                "leave hydrogen out; docking does not see isotopes",
            )
        if symbol not in elements:
            raise Invalid(
                f"{named(atom)} is {symbol}, for which docking has no parameters",
                f"use {' '.join(elements)} only",
            )
    for bond in molecule.GetBonds():
        if bond.GetBondType() not in _ORDINARY:
            words = _BOND_WORDS.get(bond.GetBondType(), f"bond of type {bond.GetBondType()}")
            raise Invalid(
                f"{words} between {named(bond.GetBeginAtom())} and {named(bond.GetEndAtom())}",
                "use single, double, triple or aromatic bonds",
            )


def check_chemistry(molecule: Chem.Mol) -> None:
    """Sanitise in place; refuse what has no valid electron structure, radicals and bridging H."""
    problems = Chem.DetectChemistryProblems(molecule)
    if problems:
        raise _as_invalid(molecule, problems[0])
    try:
        Chem.SanitizeMol(molecule)
    except Chem.MolSanitizeException as fault:
        raise Invalid(str(fault), "check valences, charges and aromatic rings") from None
    check_aromatic_bonds(molecule)
    for atom in molecule.GetAtoms():
        if atom.GetNumRadicalElectrons():
            raise Invalid(
                f"radical: {atom.GetNumRadicalElectrons()} unpaired electron(s) on {named(atom)}",
                "inside brackets hydrogens must be written: [CH3], [NH2]; or drop the brackets",
            )
        if atom.GetSymbol() == "H" and (atom.GetDegree() != 1 or atom.GetFormalCharge()):
            if molecule.GetNumHeavyAtoms() == 0:
                continue
            raise Invalid(
                f"explicit hydrogen {named(atom)} is no ordinary hydrogen",
                "leave hydrogen out; it is added by valence",
            )


def check_aromatic_bonds(molecule: Chem.Mol) -> None:
    """Refuse ``:`` outside an aromatic ring; RDKit lets it pass.

    Args:
        molecule: Sanitised.
    """
    for bond in molecule.GetBonds():
        if bond.GetBondType() == Chem.BondType.AROMATIC and not bond.IsInRing():
            raise Invalid(
                f"aromatic bond outside a ring, between {named(bond.GetBeginAtom())} and "
                f"{named(bond.GetEndAtom())}",
                "write a single or double bond",
            )


def _as_invalid(molecule: Chem.Mol, problem: Exception) -> Invalid:
    """RDKit's problem with the atoms it means."""
    kind, words = str(problem.GetType()), str(problem.Message())  # type: ignore[attr-defined]
    if kind == "AtomValenceException":
        atom = molecule.GetAtomWithIdx(problem.GetAtomIdx())  # type: ignore[attr-defined]
        bonds = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())
        written = atom.GetNumExplicitHs()
        return Invalid(
            f"valence: {named(atom)} with charge {atom.GetFormalCharge():+d} has bonds of total "
            f"order {bonds + written:g}, more than {atom.GetSymbol()} allows",
            "remove a substituent, lower a bond order, or give the charge in brackets",
        )
    if kind == "KekulizeException":
        atoms = ", ".join(named(molecule.GetAtomWithIdx(i)) for i in _indices(problem))
        return Invalid(
            f"aromatic system without alternating bonds: {atoms}",
            "a five-ring needs [nH], o or s (or n with a substituent); or write the ring with "
            "capital letters and = bonds",
        )
    if kind == "AtomKekulizeException":
        atom = molecule.GetAtomWithIdx(problem.GetAtomIdx())  # type: ignore[attr-defined]
        return Invalid(
            f"{named(atom)} is written aromatic but is in no aromatic ring",
            "lower-case letters are for ring atoms; use capitals in chains",
        )
    return Invalid(words, "check valences, charges and aromatic rings")


def _indices(problem: Exception) -> list[int]:
    return list(problem.GetAtomIndices())  # type: ignore[attr-defined]
