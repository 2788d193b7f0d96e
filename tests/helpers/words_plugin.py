"""A plugin for tests of the search and the command line: words of DNA against a hidden word.

Every real measurement appends a line to the file named by ``WORDS_LOG``, so tests can count them
across processes. ``WORDS_SLEEP_S`` makes each one take that long.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import textgrad_core as tg
from textgrad_core.jsondata import JSON

HIDDEN = "GATTACAGATTACA"


class Mutations:
    name = "mutations"

    def propose(self, request: tg.ProposalRequest) -> Sequence[tg.Proposal]:
        rng = Random(request.seed)
        made = []
        for _ in range(request.count):
            parent = rng.choice(request.parents).canonical
            at = rng.randrange(len(parent))
            word = parent[:at] + rng.choice("ACGT") + parent[at + 1 :]
            made.append(tg.Proposal(answer=word, rationale=f"place {at}", parent=parent))
        return made


class Words(tg.Domain[str]):
    name = "words"
    role = "a word of DNA"
    objectives = (
        tg.Objective(name="wrong", unit="bases", direction="min", decimals=0, target=0),
        tg.Objective(name="gc", direction="max", weight=0.0, target=0.0),
    )
    proposer = Mutations()
    critique = "You judge words."
    scalar_name = "w"

    def __init__(self, faulty: str = "", picky: bool = False) -> None:
        self.faulty, self.picky = faulty, picky

    @property
    def constraints(self) -> tuple[tg.Constraint[str], ...]:
        rule = tg.Constraint[str](words="no two T in a row", holds=no_double_t)
        return (rule,) if self.picky else ()

    def parse(self, answer: str) -> str:
        word = answer.strip().upper()
        strange = sorted(set(word) - set("ACGT"))
        if strange or not word:
            raise tg.Invalid(f"letters {strange} are no bases", "use A, C, G and T")
        return word

    def evaluate(self, value: str, context: tg.EvaluationContext) -> tg.Outcome:
        log = os.environ.get("WORDS_LOG")
        if log:
            with Path(log).open("a") as file:
                file.write(f"{context.tier} {value}\n")
        time.sleep(float(os.environ.get("WORDS_SLEEP_S", "0")))
        if self.faulty == "instrument":
            raise OSError("the instrument caught fire")
        if self.faulty == "reject":
            return tg.Rejected(reason="never good enough")
        wrong = sum(a != b for a, b in zip(value, HIDDEN, strict=False))
        wrong += abs(len(value) - len(HIDDEN))
        gc = sum(base in "GC" for base in value) / len(value)
        note = tg.Artefact(name="note.txt", media_type="text/plain", text=value)
        return tg.Evaluated(scores={"wrong": float(wrong), "gc": gc}, artefacts=(note,))

    def references(self) -> tuple[tg.Reference, ...]:
        return (tg.Reference(name="hidden word", answer=HIDDEN, note="the answer"),)

    def write(self, result: tg.Result, folder: Path) -> tuple[str, ...]:
        time.sleep(float(os.environ.get("WORDS_WRITING_S", "0")))
        (folder / "words.txt").write_text("\n".join(t.canonical for t in result.trials))
        return ("words.txt",)

    def fingerprint(self) -> Mapping[str, JSON]:
        return {"hidden": HIDDEN, "version": os.environ.get("WORDS_VERSION", "1")}


def no_double_t(word: str) -> bool:
    return "TT" not in word


def make(*, faulty: str = "", picky: bool = False) -> Words:
    """Build it.

    Args:
        faulty: What goes wrong with every word: ``instrument``, ``reject`` or
            nothing.
        picky: Forbid two T in a row.
    """
    return Words(faulty, picky)


plugin = tg.Plugin(
    name="words",
    summary="words of DNA",
    make=make,
    defaults=tg.RunDefaults(start="AAAAAAAAAAAAAA", steps=8, proposals=4, finalists=2),
)
