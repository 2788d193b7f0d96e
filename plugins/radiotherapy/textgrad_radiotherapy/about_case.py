"""Where a case is from and what its numbers rest on, for whoever reads a plan of it."""

from __future__ import annotations

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.notice import FLUENCE_ONLY


def about_case(case: Case) -> tuple[str, ...]:
    """Lines on a case: its source, what computed its doses, and every note on it."""
    source = case.source or "not stated"
    engine = case.influence.engine.partition("; {")[0]  # the kernel's numbers are in plan.json
    notes = [note for note in case.notes if note != FLUENCE_ONLY]
    return (
        f"Case: {case.title or case.name}",
        f"Source: {source}",
        f"Dose: {engine or 'not stated'}",
        f"Plan: {FLUENCE_ONLY}",
        *(f"Note: {note}" for note in notes),
    )
