"""All small edits of a program, the most promising first.

An edit is promising if its line is suspicious and if such edits often mend programs. Everything
here is a pure function of text and suspicion.

Source of the idea: generate-and-validate repair by mutation operators, V. Debroy, W. E. Wong,
"Using Mutation to Automatically Suggest Fixes for Faulty Programs", ICST 2010, pages 65-74.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from random import Random

from textgrad_code.repair import (
    bounds,
    calls,
    conditions,
    insertions,
    keeping,
    names,
    operators,
    ordering,
    statements,
)
from textgrad_code.repair.misspelled import misspelled
from textgrad_code.repair.scopes import Scopes
from textgrad_code.repair.source import Edit, Program, Splice, compiled

PLAIN: tuple[Callable[[Program], Iterator[Edit]], ...] = (
    operators.comparisons,
    operators.arithmetic,
    operators.logic,
    operators.constants,
    bounds.off_by_one,
    bounds.slices,
    bounds.ranges,
    calls.arguments,
    calls.sort_order,
    calls.repeated_rows,
    statements.deletions,
    statements.exchanges,
    statements.moves,
    statements.assignments,
    statements.keywords,
    statements.initial_values,
    statements.divisions,
    insertions.mutable_defaults,
    insertions.memories,
    keeping.together,
    keeping.resets,
    keeping.module_state,
    ordering.keys,
    ordering.ends,
    ordering.pairs,
    conditions.guarded,
)
SCOPED: tuple[Callable[[Program, Scopes], Iterator[Edit]], ...] = (
    misspelled,
    calls.functions,
    calls.copies,
    names.variables,
    names.attributes,
    names.numbers,
    conditions.lower_bounds,
    conditions.emptiness,
    conditions.flags,
    insertions.returns,
    insertions.guards,
    insertions.preparations,
    insertions.bookkeeping,
    keeping.written_in_place,
)
UNSUSPECTED = 0.02  # score of lines no failing test ran: last, yet not never
MOST_EDITS = 5_000  # of one operator
PAIR_BREADTH = 120  # best edits that are combined with one another


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An edited program.

    Args:
        program: The new text; it compiles.
        words: What was changed, in one line.
        score: Suspicion of the line times prior of the edit, 0 to 1.
        operators: Kinds of the edits made.
    """

    program: str
    words: str
    score: float
    operators: tuple[str, ...]


def enumerate_edits(program: Program) -> tuple[Edit, ...]:
    """Every single edit, in the order of the operators and then of the program.

    Of a program of many thousand lines each operator edits the first part only.
    """
    scopes = Scopes(program)
    streams = [operator(program) for operator in PLAIN]
    streams += [operator(program, scopes) for operator in SCOPED]
    return tuple(edit for stream in streams for edit in islice(stream, MOST_EDITS))


def score(edit: Edit, suspicion: Mapping[int, float]) -> float:
    """Suspicion of the edit's worst line times its prior; no suspicion at all counts as one."""
    if not suspicion:
        return edit.prior
    return max(UNSUSPECTED, *(suspicion.get(line, 0.0) for line in edit.lines)) * edit.prior


def ranked_edits(
    program: Program, suspicion: Mapping[int, float], *, seed: int = 0, uniform: bool = False
) -> list[tuple[float, Edit]]:
    """Edits with their scores, best first.

    Args:
        program: The program.
        suspicion: Score by line, 0 to 1; empty if nothing is known.
        seed: 0 leaves equal scores in order; another one shuffles them.
        uniform: Shuffle all edits and give them falling scores: the baseline to compare with.
    """
    rated = [(score(edit, suspicion), edit) for edit in enumerate_edits(program)]
    if uniform or seed:
        Random(seed).shuffle(rated)
    if uniform:
        return [(1.0 - i / len(rated), edit) for i, (_, edit) in enumerate(rated)]
    return sorted(rated, key=lambda pair: -pair[0])


def single_edits(
    text: str, suspicion: Mapping[int, float], *, seed: int = 0, uniform: bool = False
) -> Iterator[Edited]:
    """Programs one edit away, best first; nothing if the text is no program."""
    if compiled(text) is None:
        return
    program = Program(text)
    seen = {text}
    for value, edit in ranked_edits(program, suspicion, seed=seed, uniform=uniform):
        edited = make(program, [(value, edit)], seen)
        if edited:
            yield edited


def double_edits(
    text: str,
    suspicion: Mapping[int, float],
    *,
    seed: int = 0,
    uniform: bool = False,
    breadth: int = PAIR_BREADTH,
) -> Iterator[Edited]:
    """Programs two edits away, by the product of the scores, among the ``breadth`` best edits."""
    if compiled(text) is None:
        return
    program = Program(text)
    best = ranked_edits(program, suspicion, seed=seed, uniform=uniform)[:breadth]
    seen = {text}
    heap = [(-best[0][0] * best[1][0], 0, 1)] if len(best) > 1 else []
    while heap:
        _, i, j = heapq.heappop(heap)
        if j + 1 < len(best):
            heapq.heappush(heap, (-best[i][0] * best[j + 1][0], i, j + 1))
        if j == i + 1 and j + 1 < len(best):
            heapq.heappush(heap, (-best[j][0] * best[j + 1][0], j, j + 1))
        if not overlapping((*best[i][1].splices, *best[j][1].splices)):
            edited = make(program, [best[i], best[j]], seen)
            if edited:
                yield edited


def make(program: Program, chosen: Sequence[tuple[float, Edit]], seen: set[str]) -> Edited | None:
    """Apply edits; None if the text is in ``seen`` (where it is put) or does not compile."""
    splices = [splice for _, edit in chosen for splice in edit.splices]
    if overlapping(splices):
        return None
    text = program.apply(splices)
    if text in seen:
        return None
    seen.add(text)
    if compiled(text) is None:
        return None
    value = 1.0
    for part, _ in chosen:
        value *= part
    return Edited(
        program=text,
        words="; ".join(edit.words for _, edit in chosen),
        score=value,
        operators=tuple(edit.operator for _, edit in chosen),
    )


def overlapping(splices: Sequence[Splice]) -> bool:
    """Whether two splices touch the same bytes."""
    ordered = sorted(splices, key=lambda s: (s.start, s.end))
    return any(a.end > b.start for a, b in pairwise(ordered))
