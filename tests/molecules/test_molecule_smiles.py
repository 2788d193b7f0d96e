"""Reading molecules: RDKit is the oracle for structure, the texts are the inputs models write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgrad_core.errors import Invalid

Chem = pytest.importorskip("rdkit.Chem", reason="needs the molecules extra")

from textgrad_molecules.smiles import SmilesLimits, parse_smiles, unwrap  # noqa: E402
from textgrad_molecules.smiles_syntax import find_fault  # noqa: E402

DRUGS = (
    "CC(=O)Nc1nnc(S(N)(=O)=O)s1",
    "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F",
    "CC(C)(Oc1ccc(cc1)C(=O)c1ccc(Cl)cc1)C(=O)O",
    "CN1C(=O)N(C)c2ncn(C)c2C1=O",
    "C[C@H](N)C(=O)O",
    "C/C=C/C(=O)O",
    "N[C@@H](Cc1c[nH]c2ccccc12)C(=O)O",
    "C[N+](C)(C)CCO",
    "O=[N+]([O-])c1ccccc1",
    "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O",
    "C1CC1(C#N)c1ccc2[nH]ncc2c1",
    "FC(F)(F)Oc1ccc(cc1)S(=O)(=O)N1CCOCC1",
    "CP(C)(=O)c1ccccc1",
    "BrC1CCC2CC1O2",
    "C1C2CC3CC1CC(C2)C3",
)


def read(text: str) -> tuple[str, Invalid | None]:
    """The molecule or the refusal."""
    try:
        return parse_smiles(text), None
    except Invalid as refusal:
        return "", refusal


@pytest.mark.parametrize("smiles", DRUGS)
def test_neutral_drugs_read_as_rdkit_writes_them(smiles: str) -> None:
    assert parse_smiles(smiles) == Chem.CanonSmiles(smiles)


@given(st.sampled_from(DRUGS), st.integers(0, 2**31 - 1))
@settings(max_examples=150, deadline=None)
def test_canonical_form_depends_on_the_molecule_only(smiles: str, seed: int) -> None:
    molecule = Chem.MolFromSmiles(smiles)
    (text,) = Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=seed)
    canonical = parse_smiles(text)
    assert canonical == parse_smiles(smiles)
    assert parse_smiles(canonical) == canonical


@given(st.sampled_from(DRUGS))
@settings(max_examples=30, deadline=None)
def test_random_writing_order_reads_the_same(smiles: str) -> None:
    text = Chem.MolToSmiles(Chem.MolFromSmiles(smiles), doRandom=True)
    assert parse_smiles(text) == parse_smiles(smiles)


@pytest.mark.parametrize(
    ("written", "neutral"),
    [
        ("CC(=O)[O-]", "CC(=O)O"),
        ("[NH3+]CC(=O)[O-]", "NCC(=O)O"),
        ("C[NH+](C)C", "CN(C)C"),
        ("C[N+](C)(C)C", "C[N+](C)(C)C"),  # has no neutral form
        ("[H]/N=C(/C)N", "CC(=N)N"),
        ("[H]C([H])([H])O", "CO"),
    ],
)
def test_molecules_are_neutralised_and_lose_explicit_hydrogen(written: str, neutral: str) -> None:
    assert parse_smiles(written) == neutral


@pytest.mark.parametrize(
    "wrapped",
    [
        "CCO",
        "  CCO\n",
        "`CCO`",
        '"CCO"',
        "'CCO'",
        "```\nCCO\n```",
        "```smiles\nCCO\n```",
        '`"CCO"`',
    ],
)
def test_wrapping_comes_off(wrapped: str) -> None:
    assert unwrap(wrapped) == "CCO"
    assert parse_smiles(wrapped) == "CCO"


REFUSED = [
    ("", "empty", ""),
    (" \n", "empty", ""),
    ("``", "empty", ""),
    ("CCO ethanol", "character 4", "no name"),
    ("CCO\nCCN", "whitespace at character 4", "alone"),
    ("CO |lp|", "whitespace at character 3", "alone"),
    ("The molecule is CCO", "character 4", "alone"),
    ("C" * 1001, "1001 characters", "one drug-sized"),
    ("Cé", "character 2", "ASCII"),
    ("C1CC", "unclosed ring 1, opened at character 2", "write 1 again"),
    ("C%12CC", "unclosed ring 12", "write 12 again"),
    ("CC(C", "( at character 3", "close"),
    ("CC)C", ") at character 3", "remove it"),
    ("CQ", "'Q' at character 2", "Br"),
    ("C[C", "bracket opened at character 2", "]"),
    ("CC]", "bracket at character 3", "["),
    ("C[Xx]", "'[Xx]' at character 2", "element"),
    ("C[C@@@H]C", "'[C@@@H]' at character 2", "inside brackets"),
    ("CC==C", "'=' at character 4", "one bond"),
    ("CC#", "character 3 leads nowhere", "add the atom"),
    ("CC>>C", "reaction arrow at character 3", "one molecule"),
    ("C%C", "% at character 2", "%10"),
    ("1CC", "'1' at character 1", "start with an atom"),
    ("C()C", "character 3", "branch"),
    ("C11", "closes on its own atom", "another atom"),
    ("C1C1", "already bonded", "three atoms"),
    ("c1cccc1", "atom 1 (C), atom 2 (C), atom 3 (C), atom 4 (C), atom 5 (C)", "[nH]"),
    ("CC(C)(C)(C)C", "atom 2 (C) with charge +0 has bonds of total order 5", "remove"),
    ("C[N](C)(C)C", "atom 2 (N)", "charge"),
    ("Cc", "atom 2 (C) is written aromatic", "capitals"),
    ("C:C", "aromatic bond outside a ring", "single"),
    ("CCN.Cl", "2 separate fragments: CCN, Cl", "CCN"),
    ("CC(=O)[O-].[Na+]", "[Na+]", "CC(=O)O"),
    ("[Na+].[Cl-]", "fragments", "refused"),
    ("N[Pt]N", "atom 2 (Pt)", "C N O"),
    ("OB(O)c1ccccc1", "atom 2 (B)", "C N O"),
    ("C[Si](C)(C)C", "atom 2 (Si)", "C N O"),
    ("*CC", "dummy atom * (atom 1)", "real atom"),
    ("[CH3:7]C", "atom map :7 on atom 1 (C)", "map"),
    ("[CH2]C", "radical: 1 unpaired", "[CH3]"),
    ("[2H]C", "isotopic hydrogen [2H]", "leave hydrogen out"),
    ("[H][H]", "no heavy atom", "carbon"),
    ("C$C", "quadruple bond between atom 1 (C) and atom 2 (C)", "single"),
    ("C~C", "unspecified order", "single"),
    ("N->C", "dative bond", "single"),
    ("C" * 61, "61 heavy atoms, at most 60", "remove: 1"),
]


@pytest.mark.parametrize(("answer", "reason", "hint"), REFUSED)
def test_refusals_name_the_place_and_the_remedy(answer: str, reason: str, hint: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_smiles(answer)
    assert reason in caught.value.reason
    assert hint in caught.value.hint
    assert caught.value.hint


def test_size_limit_is_a_setting() -> None:
    assert parse_smiles("C" * 12, SmilesLimits(max_heavy_atoms=12)) == "C" * 12
    with pytest.raises(Invalid, match="13 heavy atoms, at most 12"):
        parse_smiles("C" * 13, SmilesLimits(max_heavy_atoms=12))


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for answer in ("C1CC", "c1cccc1", "CC(C)(C)(C)C", "CCO"):
        read(answer)
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def test_log_of_rdkit_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    parse_smiles("CCO")
    Chem.MolFromSmiles("c1cccc1")
    assert "kekulize" in capfd.readouterr().err


@given(st.text(alphabet="CNOcnos()[]=#123%@H+-.:/\\$~*FBrl> ", max_size=24))
@settings(max_examples=600, deadline=None)
def test_any_text_is_a_molecule_or_a_reason(text: str) -> None:
    smiles, refusal = read(text)
    if refusal is None:
        assert parse_smiles(smiles) == smiles
        assert Chem.MolFromSmiles(smiles).GetNumHeavyAtoms() >= 1
    else:
        assert refusal.reason
        assert refusal.hint


@given(st.text(alphabet="CNOcn()[]=#12%@H+-.", max_size=14))
@settings(max_examples=600, deadline=None)
def test_syntax_faults_are_only_seen_where_rdkit_sees_one(text: str) -> None:
    parameters = Chem.SmilesParserParams()
    parameters.sanitize = False
    if text and Chem.MolFromSmiles(text, parameters) is not None:
        assert find_fault(text) is None


@given(st.sampled_from(DRUGS), st.data())
@settings(max_examples=150, deadline=None)
def test_a_dropped_character_is_explained(smiles: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(smiles) - 1))
    text = smiles[:place] + smiles[place + 1 :]
    parameters = Chem.SmilesParserParams()
    parameters.sanitize = False
    if text and Chem.MolFromSmiles(text, parameters) is None:
        fault = find_fault(text)
        assert fault is not None
        assert "character" in fault.reason
