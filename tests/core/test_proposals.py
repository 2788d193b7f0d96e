"""Several proposals per step: same samples, same order, and somebody else chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import textgrad_core as tg
from engines import Recorder, last_words
from textgrad_core.engine.protocol import Request
from textgrad_core.errors import UsageError
from textgrad_core.optimizer import TGD
from textgrad_core.parsing import wrap
from textgrad_core.run import Run
from textgrad_core.variable import Variable
from writers import leaf, nonce, writing


def by_sample(timing: int = 0) -> Recorder:
    """Writes the number of the sample; the later samples may arrive first."""

    def answer(request: Request) -> str:
        return wrap(f"value {request.sample}", nonce(request))

    return Recorder(answer, yields=lambda r: timing * (7 - r.sample))


@pytest.mark.parametrize("timing", [0, 5])
def test_proposals_come_in_the_order_of_their_samples(timing: int) -> None:
    engine = by_sample(timing)
    seen: list[Sequence[str]] = []

    def last(variable: Variable, candidates: Sequence[str]) -> str:
        assert variable.value == "old"
        seen.append(candidates)
        return candidates[-1]

    variable = leaf()
    report = TGD([variable], engine=engine, proposals=4, choose=last).step()
    assert seen == [("value 0", "value 1", "value 2", "value 3")]
    assert variable.value == "value 3"
    assert report.changed == (variable,)
    assert sorted(r.sample for r in engine.requests) == [0, 1, 2, 3]
    assert len({last_words(r) for r in engine.requests}) == 1


def test_a_resumed_run_asks_for_none_again(tmp_path: Path) -> None:
    for paid in (6, 0):
        engine = by_sample()
        with Run(tmp_path / "run"):
            variables = [leaf(), leaf()]
            TGD(variables, engine=engine, proposals=3, choose=lambda _, c: c[1]).step()
        assert [v.value for v in variables] == ["value 1", "value 1"]
        assert len(engine.requests) == paid


def test_equal_proposals_count_once_and_bad_ones_are_reported() -> None:
    def answer(request: Request) -> str:
        if request.sample == 1 or request.purpose == "repair":
            return "I would rather not."
        return wrap("same", nonce(request))

    seen: list[Any] = []

    def choose(_: Variable, candidates: Sequence[str]) -> str:
        seen.append(candidates)
        return candidates[0]

    variable = leaf()
    report = TGD([variable], engine=Recorder(answer), proposals=3, choose=choose).step()
    assert seen == [("same",)]
    assert report.failures == ()
    assert len(report.discarded) == 1
    assert variable.value == "same"


def test_choosing_none_keeps_the_value() -> None:
    variable = leaf()
    report = TGD([variable], engine=by_sample(), proposals=2, choose=lambda *_: None).step()
    assert variable.value == "old"
    assert (report.changed, report.failures) == ((), ())


def test_nobody_is_asked_to_choose_for_a_step_that_has_failed() -> None:
    def answer(request: Request) -> str:
        if "the second" in last_words(request) or request.purpose == "repair":
            return "I would rather not."
        return wrap(f"value {request.sample}", nonce(request))

    asked: list[Variable] = []

    def choose(variable: Variable, candidates: Sequence[str]) -> str:
        asked.append(variable)
        return candidates[0]

    one, two = leaf("old", "the first"), leaf("old", "the second")
    report = TGD([one, two], engine=Recorder(answer), proposals=2, choose=choose).step()
    assert (asked, one.value) == ([], "old")
    assert len(report.failures) == 1
    TGD(
        [one, two], engine=Recorder(answer), proposals=2, choose=choose, all_or_nothing=False
    ).step()
    assert (asked, one.value) == ([one], "value 0")


def test_choosing_something_else_is_refused_and_changes_nothing() -> None:
    variables = [leaf(), leaf()]
    optimizer = TGD(variables, engine=by_sample(), proposals=2, choose=lambda *_: "mine")
    with pytest.raises(UsageError, match="none of the 2 candidates"):
        optimizer.step()
    assert [v.value for v in variables] == ["old", "old"]


def test_whoever_chooses_may_measure_first() -> None:
    judge = Recorder(lambda r: str(len(last_words(r))))
    call = tg.LLMCall(judge)

    def longest(_: Variable, candidates: Sequence[str]) -> str:
        asked = [Variable(c, role_description="candidate") for c in candidates]
        scores = [int(call(v).value) for v in asked]
        return candidates[scores.index(max(scores))]

    engine = writing(lambda r: "x" * (r.sample % 3 + 1))
    variable = leaf()
    TGD([variable], engine=engine, proposals=4, choose=longest).step()
    assert variable.value == "xxx"


def test_whoever_chooses_may_be_async() -> None:
    async def second(_: Variable, candidates: Sequence[str]) -> str:
        await asyncio.sleep(0)
        return candidates[1]

    variable = leaf()
    optimizer = TGD([variable], engine=by_sample(), proposals=2, choose=second)
    asyncio.run(optimizer.astep())
    assert variable.value == "value 1"


def test_proposing_sets_nothing() -> None:
    reached, unreached = leaf("old", "reached"), Variable("old", role_description="unreached")
    optimizer = TGD([unreached, reached], engine=by_sample())
    (made,) = optimizer.propose(3)
    assert made.variable is reached
    assert made.values == ("value 0", "value 1", "value 2")
    assert made.failures == ()
    assert reached.value == "old"
    (again,) = asyncio.run(optimizer.apropose())
    assert again.values == ("value 0",)
    with pytest.raises(UsageError, match="count is 0"):
        optimizer.propose(0)
    optimizer.zero_grad()
    assert optimizer.propose() == ()
