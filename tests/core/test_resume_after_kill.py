"""The measurement of kills and resumed runs: its judgement, and a small run of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.resume_after_kill.program import CALLS, WIDTH
from benchmarks.resume_after_kill.run import Kill, Outcome, measure, told

GOOD = Outcome(
    kills=(
        Kill(begun=30, recorded=24, in_flight=6),
        Kill(begun=30, recorded=24, in_flight=0),
    ),
    live_calls=CALLS + 6,
    paid_twice=0,
    same_end=True,
)


def test_the_claim_needs_every_part_of_it() -> None:
    assert GOOD.held
    assert not replace(GOOD, live_calls=CALLS + 7).held
    assert not replace(GOOD, paid_twice=1).held
    assert not replace(GOOD, same_end=False).held
    many = (Kill(begun=30, recorded=20, in_flight=WIDTH + 1),)
    assert not replace(GOOD, kills=many, live_calls=CALLS + WIDTH + 1).held


def test_what_is_printed_says_what_was_lost_and_whether_the_end_is_the_same() -> None:
    lines = told(GOOD, "0123456789abcdef0123").splitlines()
    assert lines[1].split() == ["1", "30", "24", "6"]
    assert lines[-2].startswith(f"live calls: {CALLS + 6} = {CALLS} + 6 in flight at 2 kills")
    assert lines[-1].endswith("equal to that of an undisturbed run, 0123456789abcdef")
    assert "NOT EQUAL" in told(replace(GOOD, same_end=False), "")


@pytest.mark.parametrize("seed", [1])
def test_killed_runs_repeat_only_what_was_in_flight(tmp_path: Path, seed: int) -> None:
    outcome, _ = measure(kills=4, seed=seed, wait_s=0.05, folder=tmp_path)
    assert outcome.held, told(outcome, "")
    assert len(outcome.kills) == 4
