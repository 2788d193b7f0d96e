"""The embedded default for programs: a pure function of what the trials show."""

from __future__ import annotations

import pytest

from hash_seeds import printed_under_any_seed
from textgrad_code.repair.proposer import AstRepair
from textgrad_code.repair.source import compiled, same_program_key
from textgrad_core.domain import ProposalRequest
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Outcome, Rejected
from textgrad_core.search.result import Trial

BUGGY = """class Solution:
    def largest(self, items):  # the largest of them
        best = 0
        for x in items:
            if x < best:
                best = x
        return best
"""


def judged(passed: int, suspicion: JSON, verdict: str = "WA") -> Evaluated:
    return Evaluated(
        scores={"pass_fraction": passed / 4},
        data={
            "verdict": verdict,
            "tests_passed": passed,
            "tests_count": 4,
            "suspicion": suspicion,
            "compile_error": None,
        },
    )


def trial(text: str, outcome: Outcome, scalar: float | None = 1.0, index: int = 0) -> Trial:
    return Trial(
        step=0, index=index, origin="start", canonical=text, outcome=outcome, scalar=scalar
    )


def request(
    *parents: Trial, count: int = 5, history: tuple[Trial, ...] = (), avoid: tuple[str, ...] = ()
) -> ProposalRequest:
    tried = (*parents, *history)
    return ProposalRequest(
        parents=parents,
        history=tried,
        count=count,
        seed=0,
        avoid=frozenset([*avoid, *(t.canonical for t in tried)]),
    )


def test_the_suspicious_line_is_edited_first() -> None:
    start = trial(BUGGY, judged(1, [[5, 1.0], [4, 0.5], [3, 0.5], [7, 0.5]]))
    found = AstRepair().propose(request(start, count=3))
    assert len(found) == 3
    assert all(p.rationale.startswith("line 5: ") for p in found)
    assert found[0].answer == BUGGY.replace("x < best", "x <= best")
    assert {p.parent for p in found} == {BUGGY}


def test_it_claims_what_was_seen_and_no_more() -> None:
    start = trial(BUGGY, judged(1, [[5, 1.0]]))
    proposer = AstRepair()
    assert proposer.name == "syntax-tree repair"
    for proposal in proposer.propose(request(start, count=50)):
        assert "in a program that passes 1 of 4 visible tests" in proposal.rationale
        assert "correct" not in proposal.rationale


def test_what_was_tried_is_not_proposed_again() -> None:
    start = trial(BUGGY, judged(1, [[5, 1.0]]))
    proposer = AstRepair()
    first = proposer.propose(request(start, count=4))
    tried = tuple(p.answer + "# with a comment\n" for p in first)
    second = proposer.propose(request(start, count=4, avoid=tried))
    keys = {same_program_key(p.answer) for p in (*first, *second)}
    assert len(keys) == 8
    assert same_program_key(BUGGY) not in keys


def test_same_request_same_proposals() -> None:
    start = trial(BUGGY, judged(1, [[5, 1.0], [6, 1.0]]))
    proposer = AstRepair()
    assert proposer.propose(request(start)) == proposer.propose(request(start))


def test_proposals_do_not_hang_on_the_hash_seed() -> None:
    program = f"""
from textgrad_code.repair.proposer import AstRepair
from textgrad_core.domain import ProposalRequest
from textgrad_core.outcome import Evaluated
from textgrad_core.search.result import Trial
text = {BUGGY!r}
data = {{"suspicion": [[5, 1.0], [6, 0.7]], "verdict": "WA"}}
outcome = Evaluated(scores={{"pass_fraction": 0.5}}, data=data)
start = Trial(step=0, index=0, origin="s", canonical=text, outcome=outcome, scalar=0.5)
avoid = frozenset([text, "a = 1", "b = 2", text.replace("<", "<=")])
request = ProposalRequest(parents=(start,), history=(start,), count=300, seed=1, avoid=avoid)
for proposal in AstRepair().propose(request):
    print(proposal)
"""
    assert len(printed_under_any_seed(program).splitlines()) > 100


def test_program_that_passes_everything_is_left_alone() -> None:
    done = trial(BUGGY, judged(4, [], verdict="AC"), 0.0)
    assert AstRepair().propose(request(done)) == []


def test_first_edit_that_helped_is_edited_again() -> None:
    better = BUGGY.replace("x < best", "x > best")
    start = trial(BUGGY, judged(0, [[3, 1.0], [5, 1.0]]), 1.0)
    partial = trial(better, judged(3, [[3, 1.0], [5, 0.5]]), 0.25, index=1)
    found = AstRepair().propose(request(partial, start, count=40))
    wanted = better.replace("best = 0", "best = float('-inf')")
    assert wanted in {p.answer for p in found}
    assert {p.parent for p in found} == {BUGGY, better}


def test_two_edits_at_once_come_when_single_ones_are_used_up() -> None:
    text = "def f(a):\n    return a\n"
    start = trial(text, judged(0, [[2, 1.0]]))
    proposer = AstRepair()
    singles = 0
    for proposal in proposer.propose(request(start, count=400)):
        singles += ";" not in proposal.rationale.split(", in a")[0]
    assert 0 < singles < len(proposer.propose(request(start, count=400)))


def test_program_that_does_not_compile_is_made_to() -> None:
    broken = BUGGY.replace("if x < best:", "if x < best")
    start = trial(broken, judged(0, [], verdict="CE"))
    found = AstRepair().propose(request(start))
    assert found[0].answer == BUGGY
    assert all(compiled(p.answer) is not None for p in found)


@pytest.mark.parametrize(
    "outcome",
    [
        Rejected(reason="no"),
        judged(0, None),
        judged(0, [["5", 1.0], [5], 7, [5, True, 3]]),
        judged(0, {"5": 1.0}),
    ],
)
def test_missing_or_strange_evidence_is_no_suspicion(outcome: Outcome) -> None:
    assert len(AstRepair().propose(request(trial(BUGGY, outcome)))) == 5


def test_nothing_wanted_nothing_proposed() -> None:
    assert AstRepair().propose(request(trial(BUGGY, judged(0, [])), count=0)) == ()
    assert AstRepair().propose(request()) == []
