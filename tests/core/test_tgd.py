"""The optimizer: all or nothing, only what feedback reached, and no value it cannot carry."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from engines import Recorder, down, last_words
from strategies import hostile_values
from textgrad_core.engine.protocol import Request
from textgrad_core.errors import BudgetExhausted, EngineError, UsageError
from textgrad_core.optimizer.bounds import clip, even_level
from textgrad_core.optimizer.feedback import feedback_block
from textgrad_core.optimizer.tgd import TGD
from textgrad_core.parsing import wrap
from textgrad_core.run import Run
from textgrad_core.variable import Gradient, Variable
from toy_domain import ToyDomain
from writers import leaf, nonce, writing


def test_feedback_becomes_a_new_value() -> None:
    engine = writing("new")
    variable = leaf("old", "the motto", "too long", "too sad", "too long")
    report = TGD([variable], engine=engine).step()
    assert variable.value == "new"
    assert report.changed == (variable,)
    assert report.unreached == ()
    assert report.failures == ()
    (request,) = engine.requests
    asked = last_words(request)
    assert "the motto" in asked
    assert asked.count("too long") == 1
    assert asked.index("too long") < asked.index("too sad")
    assert len(variable.gradients) == 3  # zero_grad is the program's word


def test_zero_grad_forgets_everything() -> None:
    one, two = leaf(), leaf()
    optimizer = TGD([one, two], engine=writing("new"))
    optimizer.zero_grad()
    assert len(one.gradients) == len(two.gradients) == 0
    report = optimizer.step()
    assert report.unreached == (one, two)
    assert (one.value, two.value) == ("old", "old")


def test_what_no_feedback_reached_is_reported_and_left_alone() -> None:
    engine = writing("new")
    reached, unreached = leaf(), Variable("old", role_description="unreached")
    report = TGD([unreached, reached], engine=engine).step()
    assert (report.changed, report.unreached) == ((reached,), (unreached,))
    assert (reached.value, unreached.value) == ("new", "old")
    assert len(engine.requests) == 1


def test_what_cannot_be_improved_is_refused() -> None:
    frozen = Variable("x", role_description="the frozen one", requires_grad=False)
    with pytest.raises(UsageError, match="'the frozen one' is frozen"):
        TGD([leaf(), frozen])
    with pytest.raises(UsageError, match="no parameters"):
        TGD([])
    with pytest.raises(UsageError, match="max_context_chars=10"):
        TGD([leaf()], max_context_chars=10)


def test_a_parameter_that_is_listed_twice_is_asked_about_once() -> None:
    engine = writing("new")
    variable = leaf()
    assert TGD([variable, variable], engine=engine).step().changed == (variable,)
    assert len(engine.requests) == 1


@given(current=hostile_values(), new=hostile_values(), feedback=hostile_values())
def test_any_value_goes_there_and_comes_back(current: str, new: str, feedback: str) -> None:
    engine = writing(new)
    variable = leaf(current, "a value", feedback)
    report = TGD([variable], engine=engine).step()
    assert report.failures == ()
    assert variable.value == new.strip("\r\n")
    asked = last_words(engine.requests[0])
    assert current in asked
    assert feedback in asked


def test_one_unusable_answer_leaves_everything_as_it_was() -> None:
    def answer(request: Request) -> str:
        if "second" in last_words(request) or request.purpose == "repair":
            return "I would rather not."
        return wrap("new", nonce(request))

    engine = Recorder(answer)
    variables = [leaf("old", role) for role in ("the first", "the second", "the third")]
    report = TGD(variables, engine=engine).step()
    assert [v.value for v in variables] == ["old"] * 3
    assert report.changed == ()
    assert len(report.failures) == 1
    assert "also after one repair" in report.failures[0]
    assert len(engine.asked("repair")) == 1


def test_a_failing_engine_leaves_everything_as_it_was_and_wastes_nothing(tmp_path: Path) -> None:
    failures = ["once"]

    def answer(request: Request) -> str:
        if "the first" in last_words(request) and failures:
            failures.pop()
            raise down()
        return wrap(f"new after {len(failures)}", nonce(request))

    for paid in (4, 0):  # three values and one failure; then the same program from its journal
        engine = Recorder(answer, yields=lambda r: 9 * ("the third" in last_words(r)))
        with Run(tmp_path / "run") as run:
            variables = [leaf("old", role) for role in ("the first", "the second", "the third")]
            optimizer = TGD(variables, engine=engine)
            if paid:
                with pytest.raises(EngineError):
                    optimizer.step()
                assert [v.value for v in variables] == ["old"] * 3
            assert len(optimizer.step().changed) == 3
            assert {v.value for v in variables} == {"new after 0"}
            assert run.model_calls_made == paid  # the one that failed was sent, too
        assert len(engine.requests) == paid


def test_another_step_is_another_place(tmp_path: Path) -> None:
    for paid in (3, 0):
        engine = writing(lambda r: str(len(last_words(r))))
        with Run(tmp_path / "run"):
            variable = leaf()
            optimizer = TGD([variable], engine=engine)
            values = []
            for _ in range(3):
                optimizer.step()
                values.append(variable.value)
        assert len(engine.requests) == paid


def test_the_budget_counts_every_call() -> None:
    with Run(budget=tg.Budget(calls=1)):
        variables = [leaf(), leaf()]
        with pytest.raises(BudgetExhausted):
            TGD(variables, engine=writing("new")).step()
        assert [v.value for v in variables] == ["old", "old"]


def test_rules_are_told_and_checked_and_a_broken_one_is_mended() -> None:
    short: tg.Constraint[str] = tg.Constraint(
        words="at most 5 letters", holds=lambda t: len(t) < 6
    )
    engine = writing(lambda r: "short" if r.purpose == "repair" else "much too long")
    variable = leaf()
    report = TGD([variable], engine=engine, constraints=["be polite", short]).step()
    assert variable.value == "short"
    assert report.failures == ()
    first, second = engine.requests
    assert "- be polite" in last_words(first)
    assert "- at most 5 letters" in last_words(first)
    assert "at most 5 letters" in last_words(second)
    assert second.messages[:-2] == first.messages
    stubborn = leaf()
    report = TGD([stubborn], engine=writing("much too long"), constraints=[short]).step()
    assert stubborn.value == "old"
    assert "at most 5 letters" in report.failures[0]


def test_a_value_of_a_domain_is_read_and_written_by_it() -> None:
    variable = Variable("ACGT", role_description="a DNA word", domain=ToyDomain())
    variable.gradients.add("longer")
    engine = writing(" acg tac\nga ")
    TGD([variable], engine=engine).step()
    assert variable.value == "ACGTACGA"
    assert "no letter four times in a row" in last_words(engine.requests[0])
    for bad, why in (("ACGX", "letters X"), ("AAAA", "four times in a row")):
        report = TGD([variable], engine=writing(bad)).step()
        assert variable.value == "ACGTACGA"
        assert why in report.failures[0]


def test_the_value_is_shown_in_full_whatever_the_limit() -> None:
    engine = writing("new")
    value = "\n".join(f"line {n}" for n in range(20_000))
    variable = Variable(value, role_description="a program")
    for n in range(3000):
        variable.gradients.add(Gradient(text=f"{n}: {'b' * 200}", context=f"talk {n} {'c' * 900}"))
    TGD([variable], engine=engine, max_context_chars=5_000).step()
    (request,) = engine.asked("proposal")
    asked = last_words(request)
    assert value in asked
    assert len(asked) < len(value) + 5_000 + 1_000
    assert "in short: " in asked


def test_shared_conversations_are_told_once() -> None:
    talk = "A long conversation."
    gradients = [Gradient(text=f"feedback {n}", context=talk) for n in range(9)]
    block = feedback_block(gradients, 10_000)
    assert block.count(talk) == 1
    assert all(f"feedback {n}" in block for n in range(9))
    assert "left out" not in block


@given(
    texts=st.lists(st.tuples(st.text(max_size=400), st.text(max_size=400)), max_size=30),
    limit=st.integers(200, 5000),
)
def test_feedback_never_exceeds_its_limit(texts: list[tuple[str, str]], limit: int) -> None:
    gradients = [Gradient(text=text, context=context) for text, context in texts]
    block = feedback_block(gradients, limit)
    assert len(block) <= limit
    if sum(len(t) + len(c) + 100 for t, c in texts) <= limit:
        assert all(t in block and c in block for t, c in texts)


@given(text=st.text(max_size=300), limit=st.integers(0, 300))
def test_a_cut_text_keeps_its_ends_and_its_length(text: str, limit: int) -> None:
    cut = clip(text, limit)
    assert len(cut) <= limit
    if len(text) <= limit:
        assert cut == text
    elif limit > 80:
        assert cut[:10] == text[:10]
        assert cut[-10:] == text[-10:]
        assert "left out" in cut


@given(sizes=st.lists(st.integers(0, 50), min_size=1, max_size=10), room=st.integers(0, 200))
def test_the_level_is_the_highest_that_fits(sizes: list[int], room: int) -> None:
    def filled(level: int) -> int:
        return sum(min(size, level) for size in sizes)

    level = even_level(sizes, room)
    assert filled(level) <= room
    assert filled(level) == sum(sizes) or filled(level + 1) > room
