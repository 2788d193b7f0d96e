"""Read a molecule: from whatever was answered to one canonical SMILES, or a reason why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

from textgrad_core.errors import Invalid
from textgrad_molecules.smiles_syntax import find_fault
from textgrad_molecules.structure_checks import check_atoms, check_chemistry, check_single

DOCKABLE_ELEMENTS = ("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
_FENCE = re.compile(r"\A```[A-Za-z]*\s*\n?(?P<inside>[^`]*?)\s*```\Z")
_QUOTES = ("`", '"', "'")
_ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SmilesLimits:
    """What is accepted as a molecule.

    Args:
        max_characters: Length of the text; longer is refused before it is parsed.
        max_heavy_atoms: Atoms other than hydrogen.
        elements: Element symbols the docking force field has parameters for.
    """

    max_characters: int = 1000
    max_heavy_atoms: int = 60
    elements: tuple[str, ...] = DOCKABLE_ELEMENTS


def parse_smiles(answer: str, limits: SmilesLimits | None = None) -> str:
    """The canonical SMILES of the neutral molecule an answer holds.

    Code fences, backticks and quotes around the SMILES are taken off; nothing else is guessed.

    Raises:
        Invalid: With what is wrong, where, and how to mend it.
    """
    limits = limits or SmilesLimits()
    text = unwrap(answer)
    _check_text(text, limits)
    with rdBase.BlockLogs():  # RDKit writes its errors to the terminal; ours say more
        molecule = _read(text)
        check_single(molecule, lambda piece: parse_smiles(piece, limits))
        check_atoms(molecule, limits.elements)
        check_chemistry(molecule)
        heavy_atoms = molecule.GetNumHeavyAtoms()
        if heavy_atoms == 0:
            raise Invalid("no heavy atom: only hydrogen", "send a molecule that holds carbon")
        if heavy_atoms > limits.max_heavy_atoms:
            raise Invalid(
                f"too large: {heavy_atoms} heavy atoms, at most {limits.max_heavy_atoms}",
                f"heavy atoms to remove: {heavy_atoms - limits.max_heavy_atoms} or more",
            )
        return _fixed_point(text)


def unwrap(answer: str) -> str:
    """The text without surrounding blanks, code fence, backticks or quotes."""
    text = answer.strip()
    fence = _FENCE.match(text)
    if fence:
        text = fence["inside"].strip()
    while len(text) >= 2 and text[0] == text[-1] and text[0] in _QUOTES:
        text = text[1:-1].strip()
    return text


def _check_text(text: str, limits: SmilesLimits) -> None:
    if not text:
        raise Invalid("empty answer: no SMILES in it", "send one SMILES string, such as CCO")
    if len(text) > limits.max_characters:
        raise Invalid(
            f"{len(text)} characters, at most {limits.max_characters} are read",
            "send one drug-sized molecule and nothing else",
        )
    blank = re.search(r"\s", text)
    if blank:
        rest = text[blank.start() :].strip()
        raise Invalid(
            f"whitespace at character {blank.start() + 1}, followed by {rest[:40]!r}",
            "send the SMILES alone: no name, no sentence, no second line",
        )
    foreign = re.search(r"[^!-~]", text)  # RDKit would read up to here and drop the rest
    if foreign:
        raise Invalid(
            f"unknown token {foreign.group()!r} at character {foreign.start() + 1}",
            "SMILES is plain ASCII text",
        )


def _read(text: str) -> Chem.Mol:
    """The molecule as written, not yet checked for chemistry."""
    parameters: Any = Chem.SmilesParserParams()
    parameters.sanitize = False
    parameters.removeHs = False
    molecule: Chem.Mol | None
    try:
        molecule = Chem.MolFromSmiles(text, parameters)
    except Exception:  # noqa: BLE001 - the binding raises what it likes; the text is at fault
        molecule = None
    if molecule is not None:
        return molecule
    fault = find_fault(text)
    if fault is None:
        raise Invalid(
            f"not a SMILES string: {text[:60]!r}",
            "check that every [bracket] atom names a chemical element",
        )
    raise Invalid(f"SMILES syntax: {fault.reason}, in {text[:80]!r}", fault.hint)


def _neutral(smiles: str) -> str:
    parameters: Any = Chem.RemoveHsParameters()
    parameters.removeDefiningBondStereo = True
    molecule = Chem.RemoveHs(Chem.MolFromSmiles(smiles), parameters)
    return Chem.MolToSmiles(rdMolStandardize.Uncharger().uncharge(molecule))


def _fixed_point(text: str) -> str:
    """Canonicalise until nothing changes; of a cycle the first in the alphabet."""
    seen: list[str] = []
    smiles = _neutral(text)
    while smiles not in seen and len(seen) < _ROUNDS:
        seen.append(smiles)
        smiles = _neutral(smiles)
    return min(seen[seen.index(smiles) :]) if smiles in seen else smiles
