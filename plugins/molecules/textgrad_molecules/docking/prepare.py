"""From SMILES to a ligand ready to dock: the DOCKSTRING preparation, in process.

Canonical SMILES, neutral form, protonation at pH 7.4 (Open Babel), one embedded conformer
(RDKit), MMFF94 or UFF refinement, PDBQT with Gasteiger charges (Open Babel).

Source: García-Ortegón et al., J. Chem. Inf. Model. 2022, 62, 3486, and its package.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textgrad_core.errors import InstrumentError, Invalid

if TYPE_CHECKING:
    from rdkit.Chem import Mol

DOCKSTRING_SEED = 974528263
PH = 7.4
MAX_SMILES_CHARS = 1000
MAX_HEAVY_ATOMS = 100
EMBEDDING_LIMIT_S = 60
FORCE_FIELD_STEPS = 1000
_EMBEDDING = {
    "ETversion": 2,
    "useExpTorsionAnglePrefs": True,
    "useBasicKnowledge": True,
    "useMacrocycleTorsions": True,
    "useMacrocycle14config": True,
    "useSmallRingTorsions": False,
    "timeout": EMBEDDING_LIMIT_S,
}
ELEMENTS = ("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")

_SHAPE_HINT = "check ring strain and stereocentres; smaller or less caged molecules embed easily"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedLigand:
    """A ligand ready to dock.

    Args:
        smiles: Canonical SMILES of what was asked for.
        protonated_smiles: The species that is docked: protonated at pH 7.4, with the
            configuration the embedding gave to stereocentres that were left open.
        pdbqt: Input for Vina: united atoms, polar hydrogens only.
        molblock: The same conformer with all hydrogens and bond orders.
        rotors: Active torsions (TORSDOF).
        heavy_atoms: Atoms other than hydrogen.
    """

    smiles: str
    protonated_smiles: str
    pdbqt: str
    molblock: str
    rotors: int
    heavy_atoms: int


def prepare(smiles: str, *, seed: int = DOCKSTRING_SEED) -> PreparedLigand:
    """Prepare one ligand; the same SMILES and seed give the same ligand.

    Args:
        smiles: One molecule, without name column.
        seed: Seed of the embedding.

    Raises:
        Invalid: If the molecule cannot be docked, with the reason and what to change.
    """
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    with BlockLogs():
        asked = parse_ligand(smiles)
        canonical = Chem.MolToSmiles(asked)
        protonated = _protonate(canonical)
        conformer = _refine(_embed(protonated, seed))
        Chem.AssignStereochemistryFrom3D(conformer)
        Chem.AssignStereochemistry(conformer, cleanIt=True)
        molblock = Chem.MolToMolBlock(conformer)
        pdbqt = _to_pdbqt(molblock)
        return PreparedLigand(
            smiles=canonical,
            protonated_smiles=species_smiles(molblock),
            pdbqt=pdbqt,
            molblock=molblock,
            rotors=_torsdof(pdbqt),
            heavy_atoms=asked.GetNumHeavyAtoms(),
        )


def parse_ligand(smiles: str) -> Mol:
    """The molecule a SMILES means, if it is one that can be docked.

    Raises:
        Invalid: If it is no SMILES, or no single closed-shell molecule of known elements.
    """
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    text = smiles.strip()
    if not text:
        raise Invalid("the SMILES is empty", "give one molecule")
    if len(text) > MAX_SMILES_CHARS:
        raise Invalid(
            f"the SMILES has {len(text)} characters, at most {MAX_SMILES_CHARS} can be docked",
            "propose a smaller molecule",
        )
    if len(text.split()) > 1:
        raise Invalid(f"text after the SMILES: {text[:60]!r}", "give the SMILES alone, no name")
    with BlockLogs():
        mol = Chem.MolFromSmiles(text)
    if mol is None:
        raise Invalid(
            f"{text[:80]!r} is no valid SMILES",
            "check valences, ring closures, brackets and aromatic rings",
        )
    _check_atoms(mol)
    _check_molecule(mol)
    return mol


def species_smiles(molblock: str) -> str:
    """Canonical isomeric SMILES without hydrogens, stereochemistry read from the coordinates."""
    from rdkit import Chem

    mol = Chem.MolFromMolBlock(molblock, removeHs=False)
    Chem.AssignStereochemistryFrom3D(mol)
    return Chem.MolToSmiles(Chem.RemoveHs(mol))


def _check_atoms(mol: Mol) -> None:
    unknown = sorted({a.GetSymbol() for a in mol.GetAtoms()} - set(ELEMENTS))
    if unknown:
        raise Invalid(
            f"atoms that Vina cannot type: {', '.join(unknown)}",
            f"use only {', '.join(ELEMENTS)}",
        )
    if any(atom.GetAtomMapNum() for atom in mol.GetAtoms()):
        raise Invalid("the SMILES carries atom map numbers", "write [CH3:1] as C")
    bonds = sorted({str(b.GetBondType()) for b in mol.GetBonds()} - _BOND_TYPES)
    if bonds:
        raise Invalid(
            f"bond of type {', '.join(bonds).lower()}", "use single, double, triple or aromatic"
        )
    if mol.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
        raise Invalid(
            f"{mol.GetNumHeavyAtoms()} heavy atoms, at most {MAX_HEAVY_ATOMS} can be docked",
            "propose a smaller molecule",
        )


_BOND_TYPES = frozenset({"SINGLE", "DOUBLE", "TRIPLE", "AROMATIC"})


def _check_molecule(mol: Mol) -> None:
    """The checks of DOCKSTRING: no explicit hydrogen, no radical, one fragment."""
    from rdkit import Chem

    if any(atom.GetAtomicNum() == 1 for atom in mol.GetAtoms()):
        raise Invalid(
            "hydrogens that cannot be made implicit", "leave hydrogens and deuterium out"
        )
    if any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        raise Invalid("the molecule is a radical", "complete every valence with hydrogen")
    fragments = len(Chem.GetMolFrags(mol))
    if fragments != 1:
        raise Invalid(
            f"{fragments} unconnected fragments", "give one molecule, without salt or solvent"
        )


def _protonate(canonical: str) -> Mol:
    from openbabel import openbabel
    from rdkit import Chem
    from rdkit.Chem.MolStandardize.rdMolStandardize import Uncharger

    neutral = Chem.MolToSmiles(Uncharger().uncharge(Chem.MolFromSmiles(canonical)))
    conversion = openbabel.OBConversion()
    conversion.SetInAndOutFormats("smi", "can")
    molecule = openbabel.OBMol()
    with _quiet_openbabel():
        read = conversion.ReadString(molecule, neutral)
        molecule.AddHydrogens(False, True, PH)
        written = conversion.WriteString(molecule).split() if read else []
    protonated = Chem.MolFromSmiles(written[0]) if written else None
    if protonated is None:
        raise Invalid(
            f"Open Babel could not protonate {neutral} at pH {PH}",
            "write charges and aromatic nitrogens in the usual way",
        )
    if protonated.GetNumHeavyAtoms() != Chem.MolFromSmiles(neutral).GetNumHeavyAtoms():
        raise Invalid(
            f"Open Babel reads {neutral} as another molecule, {written[0]}",
            "write it with common bonds and valences",
        )
    _check_molecule(protonated)
    return protonated


def _embed(protonated: Mol, seed: int) -> Mol:
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    mol = Chem.AddHs(protonated)
    settings = rdDistGeom.EmbedParameters()
    # What EmbedMolecule(mol, randomSeed, maxAttempts) sets; this form has a time limit too.
    for name, value in _EMBEDDING.items():
        setattr(settings, name, value)
    settings.randomSeed = seed  # type: ignore[assignment]  # stubs give every field this type
    settings.maxIterations = 10 * mol.GetNumAtoms()  # type: ignore[assignment]  # likewise
    began = time.monotonic()
    try:
        found = rdDistGeom.EmbedMolecule(mol, settings)
    except (ValueError, RuntimeError) as error:
        raise Invalid(f"no 3D structure: {_first_line(error)}", _SHAPE_HINT) from error
    if found != 0 and time.monotonic() - began >= EMBEDDING_LIMIT_S:
        # a slow machine is no property of the molecule
        raise InstrumentError(f"embedding took over {EMBEDDING_LIMIT_S} s and was given up")
    if found != 0:
        raise Invalid(
            "no 3D structure was found that satisfies its rings and stereocentres", _SHAPE_HINT
        )
    return mol


def _refine(mol: Mol) -> Mol:
    """MMFF94 where it has parameters, UFF otherwise or if the molecule cannot be kekulised."""
    from rdkit import Chem
    from rdkit.Chem import rdForceFieldHelpers

    refined, left = Chem.Mol(mol), None
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        try:
            rdForceFieldHelpers.MMFFSanitizeMolecule(refined)
            left = rdForceFieldHelpers.MMFFOptimizeMolecule(
                refined, mmffVariant="MMFF94", maxIters=FORCE_FIELD_STEPS
            )
        except Chem.KekulizeException:
            refined = Chem.Mol(mol)
    elif not rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        raise Invalid(
            "no force field has parameters for this molecule",
            "use common valences and functional groups",
        )
    if left is None:
        left = rdForceFieldHelpers.UFFOptimizeMolecule(refined, maxIters=FORCE_FIELD_STEPS)
    if left != 0:
        raise Invalid(
            f"the force field did not converge in {FORCE_FIELD_STEPS} steps",
            "propose a smaller or less strained molecule",
        )
    return refined


def _to_pdbqt(molblock: str) -> str:
    from openbabel import openbabel

    conversion = openbabel.OBConversion()
    conversion.SetInAndOutFormats("mol", "pdbqt")
    molecule = openbabel.OBMol()
    with _quiet_openbabel():
        read = conversion.ReadString(molecule, molblock)
        charged = read and openbabel.OBChargeModel.FindType("gasteiger").ComputeCharges(molecule)
        pdbqt = str(conversion.WriteString(molecule)) if charged else ""
    if "TORSDOF" not in pdbqt:
        raise Invalid(
            "Open Babel could not assign AutoDock atom types or charges",
            "use common valences and functional groups",
        )
    return pdbqt


def _torsdof(pdbqt: str) -> int:
    found = re.search(r"^TORSDOF\s+(\d+)", pdbqt, re.MULTILINE)
    return int(found.group(1)) if found else 0


class _quiet_openbabel:  # noqa: N801 - used as a function
    """Keep Open Babel's warnings off standard error."""

    def __enter__(self) -> None:
        from openbabel import openbabel

        self._level = openbabel.obErrorLog.GetOutputLevel()
        openbabel.obErrorLog.SetOutputLevel(0)

    def __exit__(self, *_: object) -> None:
        from openbabel import openbabel

        openbabel.obErrorLog.SetOutputLevel(self._level)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
