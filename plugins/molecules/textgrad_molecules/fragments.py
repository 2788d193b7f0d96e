"""The vocabulary of the graph proposer: fragments and linkers of everyday medicinal chemistry.

Each text is a SMILES whose first atom makes the new bond.
"""

from __future__ import annotations

SMALL = (
    *("C", "CC", "C(C)C", "C(C)(C)C", "C1CC1", "F", "Cl", "O", "OC", "N", "NC", "N(C)C", "C#N"),
    *("C(F)(F)F", "OC(F)(F)F", "OC(F)F", "CO", "C(N)=O", "C(=O)NC", "C(=O)O", "NC(C)=O"),
    *("S(C)(=O)=O", "S(N)(=O)=O", "NS(C)(=O)=O", "CC(=O)O", "C(C)=O"),
)
RINGS = (
    *("c1ccccc1", "c1ccc(F)cc1", "c1cccc(F)c1", "c1ccc(Cl)cc1", "c1ccc(OC)cc1", "c1cccc(C)c1"),
    *("c1ccc(C(F)(F)F)cc1", "c1ccncc1", "c1cccnc1", "c1ccccn1", "c1cncnc1", "c1ncccn1"),
    *("c1cnn(C)c1", "c1ccn[nH]1", "c1ccco1", "c1cccs1", "c1cscn1", "c1nccs1", "c1ncco1"),
    *("c1cc(C)no1", "c1nnc(C)o1", "c1ncc[nH]1", "n1cccn1", "n1ccnc1"),
    *("C1CCCCC1", "C1CCCC1", "C1CCNCC1", "N1CCOCC1", "N1CCCCC1", "N1CCCC1", "C1CCOCC1"),
)
FUSED = (
    *("c1ccc2ccccc2c1", "c1cccc2ccccc12", "c1ccc2[nH]ccc2c1", "c1c[nH]c2ccccc12"),
    *("c1ccc2ncccc2c1", "c1cnc2ccccc2c1", "c1nc2ccccc2[nH]1", "c1nc2ccccc2o1"),
    *("c1nc2ccccc2s1", "c1cc2ccccc2o1", "c1cc2ccccc2s1", "c1ccc2c(c1)OCO2", "c1ccc2[nH]ncc2c1"),
    *("N1CCc2ccccc21", "N1CCc2ccccc2C1", "c1cn2ccccc2n1", "c1ccc2c(c1)CCCC2", "c1ccc2c(c1)CCO2"),
)
LINKERS = (
    *("", "", "", "C", "O", "N", "C(=O)N", "NC(=O)", "C(=O)", "CC", "CO", "OC", "S(=O)(=O)N"),
    *("NS(=O)(=O)", "NC(=O)N", "CNC(=O)", "C(=O)NC", "CN"),
)


def pieces(*, ring: bool, fused: bool) -> tuple[str, ...]:
    """The fragments to draw from: small groups, or ring systems."""
    if not ring:
        return SMALL
    return RINGS + FUSED if fused else RINGS


def attachable(linker: str, fragment: str) -> str:
    """SMILES of linker and fragment as one molecule whose first atom makes the new bond."""
    if not linker and fragment.startswith("n"):
        return "[nH]" + fragment[1:]  # an aromatic nitrogen without its substituent
    return linker + fragment
