"""The built-in search offers valid, new, filtered molecules, and the same ones every time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from textgrad_core.domain import ProposalRequest
from textgrad_core.outcome import Evaluated
from textgrad_core.search.result import Trial

Chem = pytest.importorskip("rdkit.Chem", reason="needs the molecules extra")
QED = pytest.importorskip("rdkit.Chem.QED", reason="needs the molecules extra")

from random import Random  # noqa: E402

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from textgrad_molecules.filters import ProposalFilter  # noqa: E402
from textgrad_molecules.graph_edits import MUTATIONS, Mutation, crossover  # noqa: E402
from textgrad_molecules.proposer import Draft, GraphProposer, choose, sanitised  # noqa: E402
from textgrad_molecules.smiles import parse_smiles  # noqa: E402

STARTS = ("c1ccccc1", "CC(N)=O", "CCCCC")
DRUGS = (
    "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "O=C(Nc1ccc(F)cc1)c1cc2ccccc2[nH]1",
    "C[C@H](N)C(=O)Nc1ccccc1",
    "C/C=C/C(=O)NCc1ccccc1",
)


def trial(smiles: str) -> Trial:
    return Trial(
        step=0, index=0, origin="start", canonical=smiles, outcome=Evaluated(scores={}), scalar=0.0
    )


def request(
    *parents: str, count: int = 4, seed: int = 7, avoid: frozenset[str] = frozenset()
) -> ProposalRequest:
    trials = tuple(trial(smiles) for smiles in parents)
    return ProposalRequest(parents=trials, history=trials, count=count, seed=seed, avoid=avoid)


@pytest.mark.parametrize("start", [*STARTS, *DRUGS])
def test_offer_is_complete_new_valid_and_filtered(start: str) -> None:
    avoid = frozenset({parse_smiles(start)})
    offer = GraphProposer().propose(request(start, avoid=avoid))
    answers = [proposal.answer for proposal in offer]
    assert len(answers) == len(set(answers)) == 4
    assert avoid.isdisjoint(answers)
    for proposal in offer:
        assert parse_smiles(proposal.answer) == proposal.answer
        assert ProposalFilter().fault(Chem.MolFromSmiles(proposal.answer)) is None
        assert proposal.parent == parse_smiles(start)
        assert proposal.parent in proposal.rationale
        assert "\n" not in proposal.rationale


def test_avoided_molecules_do_not_come_back() -> None:
    proposer = GraphProposer()
    first = proposer.propose(request("c1ccccc1"))
    tried = frozenset(proposal.answer for proposal in first)
    second = proposer.propose(request("c1ccccc1", avoid=tried))
    assert len(second) == 4
    assert tried.isdisjoint(proposal.answer for proposal in second)


def test_seed_decides() -> None:
    proposer = GraphProposer()
    assert proposer.propose(request("c1ccccc1")) == proposer.propose(request("c1ccccc1"))
    assert proposer.propose(request("c1ccccc1")) != proposer.propose(request("c1ccccc1", seed=8))


def test_offer_is_the_same_under_any_hash_seed() -> None:
    code = (
        "from textgrad_core.domain import ProposalRequest\n"
        "from textgrad_core.outcome import Evaluated\n"
        "from textgrad_core.search.result import Trial\n"
        "from textgrad_molecules.proposer import GraphProposer\n"
        f"parents = {(*STARTS, *DRUGS)!r}\n"
        "trials = tuple(Trial(step=0, index=0, origin='s', canonical=p, scalar=0.0,\n"
        "                     outcome=Evaluated(scores={})) for p in parents)\n"
        "r = ProposalRequest(parents=trials, history=trials, count=5, seed=11,\n"
        "                    avoid=frozenset(parents))\n"
        "for p in GraphProposer().propose(r): print(p.answer, p.rationale, p.parent)\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4242")
    ]
    assert len(outputs[0].splitlines()) == 5
    assert outputs[0] == outputs[1] == outputs[2]


def test_unreadable_parents_do_not_stop_the_search() -> None:
    offer = GraphProposer().propose(request("not a molecule", "C1CC"))
    assert len(offer) == 4
    assert GraphProposer().propose(request("c1ccccc1", count=0)) == ()


def test_parents_beyond_the_size_limit_are_cut_down() -> None:
    proposer = GraphProposer(keep=ProposalFilter(max_heavy_atoms=12))
    offer = proposer.propose(request("Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"))
    assert len(offer) == 4
    assert all(Chem.MolFromSmiles(p.answer).GetNumHeavyAtoms() <= 12 for p in offer)


def test_small_parents_grow() -> None:
    offer = GraphProposer().propose(request("c1ccccc1", count=8))
    sizes = [Chem.MolFromSmiles(proposal.answer).GetNumHeavyAtoms() for proposal in offer]
    assert sum(size > 6 for size in sizes) >= 6


def test_prescreen_favours_druglike_drafts() -> None:
    offer = GraphProposer().propose(request("c1ccccc1", count=8))
    qeds = [QED.qed(Chem.MolFromSmiles(proposal.answer)) for proposal in offer]
    assert min(qeds[:4]) > QED.qed(Chem.MolFromSmiles("c1ccccc1"))


@given(
    promises=st.lists(st.floats(0, 3), max_size=30),
    count=st.integers(1, 10),
    seed=st.integers(0, 9),
)
def test_choice_takes_the_best_half_and_never_twice(
    promises: list[float], count: int, seed: int
) -> None:
    drafts = [
        Draft(smiles=f"m{k:02}", words="", parent="", promise=p) for k, p in enumerate(promises)
    ]
    chosen = choose(drafts, count, Random(seed))
    assert len(chosen) == len({draft.smiles for draft in chosen}) == min(count, len(drafts))
    best = sorted(promises, reverse=True)[: (count + 1) // 2]
    assert [draft.promise for draft in chosen[: len(best)]] == best


@pytest.mark.parametrize("mutation", [mutation for mutation, _ in MUTATIONS])
def test_each_edit_changes_drugs_into_real_molecules(mutation: Mutation) -> None:
    made = set()
    for seed in range(60):
        rng = Random(seed)
        smiles = rng.choice(DRUGS)
        edit = mutation(Chem.MolFromSmiles(smiles), rng)
        molecule = sanitised(edit) if edit else None
        if edit is not None and molecule is not None:
            made.add((smiles, Chem.MolToSmiles(molecule)))
            assert edit.words
    assert len({new for old, new in made if new != old}) >= 5


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_crossover_keeps_atoms_of_its_parents_only(seed: int) -> None:
    first, second = (Chem.MolFromSmiles(smiles) for smiles in DRUGS[:2])
    edit = crossover(first, second, Random(seed))
    assert edit is not None
    child = sanitised(edit)
    if child is not None:
        total = first.GetNumHeavyAtoms() + second.GetNumHeavyAtoms()
        assert 2 <= child.GetNumHeavyAtoms() <= total - 2
