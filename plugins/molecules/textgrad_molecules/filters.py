"""Which proposals are worth docking: no rings, groups or alerts a chemist would strike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from textgrad_molecules.druglikeness import synthetic_accessibility

RING_SIZES = (3, 5, 6, 7)
MAX_SPIRO_ATOMS = 1

# Each pattern is struck wherever it occurs.
STRUCK = {
    "cumulene": "[#6,#7,#8,#16]=[C;H0]=[#6,#7,#8,#16]",
    "alkyne or allene in a ring": "[R]#[R]",
    "sulfur-sulfur bond": "[#16]~[#16]",
    "oxygen-oxygen bond": "[#8]~[#8]",
    "oxygen-sulfur(II) or oxygen-nitrogen chain": "[OX2;!a][SX2,NX3;!a;!$(N-C=O)]",
    "chain of three nitrogens": "[N;!a]~[N;!a]~[N;!a]",
    "nitrogen-nitrogen bond outside a ring": "[N;!R]~[#7]",
    "halogen on a hetero atom": "[#7,#8,#16;!$([#16](=O)=O)]~[F,Cl,Br,I]",
    "hypervalent sulfur other than sulfone or sulfonamide": "[S;!$([SX2]);!$([SX4](=O)(=O))]",
    "sulfur that carries hydrogen": "[#16;!H0]",
    "sulfur-nitrogen bond without sulfonyl": "[SX2;!a]~[#7]",
    "two hetero atoms on a saturated carbon": "[CX4;!$(C(F)(F)F);!$(CF)]([N,O,S;!a])[N,O,S;!a]",
    "enol or enamine": "[CX3;!a;!$(C=[O,N,S])]=[CX3;!a]-[OX2,NX3;!$(NC=O)]",
    "acid halide": "[CX3](=O)[F,Cl,Br,I]",
    "anhydride": "[CX3](=O)[OX2][CX3](=O)",
    "ether with fluorine on both sides": "[CX4;$(C-F)][OX2][CX4;$(C-F)]",
    "acyl azole": "[CX3;!R](=O)-[n;r5]",
    "phosphorus": "[#15]",
    "charged atom": "[+,-;!$([N+](=O)[O-]);!$([O-][N+]=O)]",
    "double bond at a bridgehead": "[R3;!a]=[R;!a]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFilter:
    """What the graph proposer may offer.

    Args:
        max_heavy_atoms: Upper size.
        max_rotors: Rotatable bonds; flexible ligands dock slowly and unreliably.
        max_sa: Highest synthetic accessibility score (1 easy, 10 hard).
    """

    max_heavy_atoms: int = 28
    max_rotors: int = 5
    max_sa: float = 4.0

    def fault(self, molecule: Chem.Mol) -> str | None:
        """Why a sanitised molecule is not offered; None if it is fine."""
        if molecule.GetNumHeavyAtoms() > self.max_heavy_atoms:
            return "too many heavy atoms"
        if rdMolDescriptors.CalcNumRotatableBonds(molecule) > self.max_rotors:
            return "too many rotatable bonds"
        fault = ring_fault(molecule) or group_fault(molecule)
        if fault:
            return fault
        if synthetic_accessibility(molecule) > self.max_sa:
            return "hard to synthesise"
        match = _brenk().GetFirstMatch(molecule)
        return f"BRENK alert {match.GetDescription()}" if match else None


def ring_fault(molecule: Chem.Mol) -> str | None:
    """Ring sizes, spiro centres, and rings that share more than one bond (strain)."""
    rings = molecule.GetRingInfo()
    sizes = {len(ring) for ring in rings.AtomRings()}
    odd = sorted(sizes.difference(RING_SIZES))
    if odd:
        return f"ring of {odd[0]} atoms"
    if rdMolDescriptors.CalcNumSpiroAtoms(molecule) > MAX_SPIRO_ATOMS:
        return "several spiro centres"
    if rdMolDescriptors.CalcNumBridgeheadAtoms(molecule):
        return "bridged rings"
    small = [ring for ring in rings.AtomRings() if len(ring) == min(RING_SIZES)]
    for ring in small:
        if sum(rings.NumAtomRings(atom) > 1 for atom in ring) > 1:
            return "three-ring fused to another ring"
        if any(molecule.GetAtomWithIdx(atom).GetSymbol() != "C" for atom in ring):
            return "three-ring with a hetero atom"
    return None


def group_fault(molecule: Chem.Mol) -> str | None:
    """The first struck functional group."""
    for words, pattern in _patterns():
        if molecule.HasSubstructMatch(pattern):
            return words
    return None


@cache
def _patterns() -> tuple[tuple[str, Chem.Mol], ...]:
    return tuple((words, Chem.MolFromSmarts(smarts)) for words, smarts in STRUCK.items())


@cache
def _brenk() -> FilterCatalog:
    return FilterCatalog(FilterCatalogParams(FilterCatalogParams.FilterCatalogs.BRENK))
