"""The built-in search for programs: edits of the best ones, the most suspicious lines first.

No language model, no judge of its own: what it knows is what the judgements of the trials say.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from textgrad_code.repair.edits import Edited, double_edits, single_edits
from textgrad_code.repair.source import same_program_key
from textgrad_code.repair.syntax import syntax_error, syntax_repairs
from textgrad_code.verdict import Verdict
from textgrad_core.domain import Proposal, ProposalRequest
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Outcome
from textgrad_core.search.result import Trial

NAME = "syntax-tree repair"


@dataclass(frozen=True, slots=True, kw_only=True)
class AstRepair:
    """Single edits of the best programs, second edits where a first one helped.

    An edit counts by the suspicion of its line, by how often such an edit mends a program, and
    by the rank of the program it starts from. A program that passes all visible tests is not
    edited: nothing says where.

    Args:
        name: As shown; it says that no model is at work.
        next_parent: Factor for each rank of a parent behind the best.
        second_edit: Factor for two edits at once.
    """

    name: str = NAME
    next_parent: float = 0.7
    second_edit: float = 0.3

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        """New programs near the parents; the same request gives the same list."""
        if request.count < 1:
            return ()
        seen = {same_program_key(text) for text in request.avoid}
        found: list[Proposal] = []
        for _, _, edited, trial in heapq.merge(*self._streams(request), key=_order):
            key = same_program_key(edited.program)
            if key in seen:
                continue
            seen.add(key)
            words = f"{edited.words}, in {standing(trial.outcome)}"
            found.append(Proposal(answer=edited.program, rationale=words, parent=trial.canonical))
            if len(found) == request.count:
                break
        return found

    def _streams(self, request: ProposalRequest) -> list[Iterator[_Ranked]]:
        """One ordered stream of edits per program to start from."""
        streams: list[Iterator[_Ranked]] = []
        for rank, trial in enumerate(starting_points(request)):
            weight = self.next_parent**rank
            text, suspicion = trial.canonical, suspicion_of(trial.outcome)
            if syntax_error(text) is not None:
                streams.append(_weighted(syntax_repairs(text), weight, len(streams), trial))
                continue
            singles = single_edits(text, suspicion)
            streams.append(_weighted(singles, weight, len(streams), trial))
            if rank == 0:
                doubles = double_edits(text, suspicion)
                weight *= self.second_edit
                streams.append(_weighted(doubles, weight, len(streams), trial))
        return streams


_Ranked = tuple[float, int, Edited, Trial]


def _order(ranked: _Ranked) -> tuple[float, int]:
    return ranked[:2]


def _weighted(
    stream: Iterator[Edited], weight: float, number: int, trial: Trial
) -> Iterator[_Ranked]:
    for edited in stream:
        yield -weight * edited.score, number, edited, trial


def starting_points(request: ProposalRequest) -> tuple[Trial, ...]:
    """Parents that fail a test, best first; then the other trials that are no worse than all."""
    chosen: dict[str, Trial] = {}
    for trial in request.parents:
        if not passes_all(trial.outcome):
            chosen.setdefault(trial.canonical, trial)
    if not chosen and request.parents:
        return ()
    scored = [t for t in request.history if t.scalar is not None and not passes_all(t.outcome)]
    for trial in sorted(scored, key=lambda t: (t.scalar or 0.0, t.step, t.index))[:2]:
        chosen.setdefault(trial.canonical, trial)
    return tuple(chosen.values())


def suspicion_of(outcome: Outcome) -> dict[int, float]:
    """Score by line as the outcome's data have it; empty if they have none."""
    ranked = _data(outcome).get("suspicion")
    found: dict[int, float] = {}
    for pair in ranked if isinstance(ranked, list) else []:
        match pair:
            case [int(line), int() | float() as value]:
                found[line] = float(value)
    return found


def passes_all(outcome: Outcome) -> bool:
    """Whether every visible test was accepted."""
    return _data(outcome).get("verdict") == str(Verdict.AC)


def standing(outcome: Outcome) -> str:
    """What the evidence says about a program, and no more than that."""
    data = _data(outcome)
    passed, count = data.get("tests_passed"), data.get("tests_count")
    if isinstance(passed, int) and isinstance(count, int):
        return f"a program that passes {passed} of {count} visible tests"
    return "a program that was not judged"


def _data(outcome: Outcome) -> Mapping[str, JSON]:
    return outcome.data if isinstance(outcome, Evaluated) else {}
