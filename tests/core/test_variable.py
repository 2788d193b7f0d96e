"""Variables: deferred values, gradients, and errors that say where they come from."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from hypothesis import given

import textgrad_core as tg
from engines import Recorder, down
from graphs import Telling
from strategies import any_texts
from textgrad_core.autograd.function import Function
from textgrad_core.autograd.llm_calls import LLMCall
from textgrad_core.errors import EngineError, UsageError
from textgrad_core.run import Run
from textgrad_core.variable import Gradient, Gradients, Variable


def leaf(value: Any = "x", role: str = "a leaf") -> Variable:
    return Variable(value, role_description=role)


class Held(Function):
    """Waits until it is let go."""

    name: ClassVar[str] = "held"

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.runs = 0

    async def compute(
        self,
        run: Run,  # noqa: ARG002 - it has no effect that a run would record
        site: str,  # noqa: ARG002
        inputs: Sequence[Variable],
        memo: dict[str, Any],
    ) -> str:
        self.runs += 1
        await asyncio.to_thread(self.let_go.wait)
        memo["done"] = True
        return f"held {inputs[0].value}"


@pytest.mark.parametrize("value", ["", 0, 1.5, True, None, {"a": [1]}, b"png"], ids=repr)
def test_a_value_is_kept_as_it_is(value: object) -> None:
    variable = leaf(value)
    assert variable.value is value
    assert variable.get_value() is value
    other = object()
    variable.set_value(other)
    assert variable.value is other


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a {b}", "a {b}"),
        (1.5, "1.5"),
        (True, "True"),
        ({"a": ["ä", None]}, '{"a": ["ä", null]}'),
        (b"png", "[image of 3 bytes]"),
    ],
)
def test_a_value_has_a_text(value: object, text: str) -> None:
    assert str(leaf(value)) == text


@pytest.mark.parametrize("role", ["", "  ", None, 3])
def test_a_role_is_needed(role: Any) -> None:
    with pytest.raises(UsageError, match="role_description"):
        Variable("x", role_description=role)
    with pytest.raises(TypeError):
        Variable("x")  # type: ignore[call-arg]


def test_an_operation_returns_before_it_is_done() -> None:
    held = Held()
    out = held.apply([leaf()], "an answer")
    assert "under way" in repr(out)
    held.let_go.set()
    assert out.value == "held x"
    assert "under way" not in repr(out)
    assert out.value == "held x"
    assert held.runs == 1
    assert [v.value for v in out.predecessors] == ["x"]
    assert leaf().predecessors == ()


def test_many_threads_may_read_one_value() -> None:
    for _ in range(20):
        held = Held()
        out = held.apply([leaf()], "an answer")
        with ThreadPoolExecutor(8) as pool:
            reads = [pool.submit(lambda v: v.value, out) for _ in range(8)]
            held.let_go.set()
            assert {r.result() for r in reads} == {"held x"}


def test_a_value_that_is_set_meanwhile_stays() -> None:
    held = Held()
    out = held.apply([leaf()], "an answer")
    with ThreadPoolExecutor(1) as pool:
        began = threading.Event()

        def read() -> object:
            began.set()
            return out.value

        reader = pool.submit(read)
        began.wait()
        out.value = "by hand"
        held.let_go.set()
        assert reader.result() in ("held x", "by hand")
    assert out.value == "by hand"


def test_async_code_awaits_a_value() -> None:
    held = Held()
    out = held.apply([leaf()], "an answer")

    async def read() -> list[object]:
        waiting = asyncio.gather(*(as_task(out) for _ in range(3)))
        held.let_go.set()
        return [*await waiting, await out, await leaf("plain")]

    async def as_task(variable: Variable) -> object:
        return await variable

    assert asyncio.run(read()) == ["held x"] * 4 + ["plain"]


def test_an_error_is_raised_where_the_value_is_read_and_says_where_it_was_made() -> None:
    def refuse(_: object) -> str:
        raise down()

    call = LLMCall(Recorder(refuse))
    answer = call(leaf("question"), "the first answer")  # the line the note names
    judged = Telling("judge").apply([answer + "!"], "the verdict")
    for _ in range(2):
        with pytest.raises(EngineError) as caught:
            _ = judged.value
    notes = "\n".join(caught.value.__notes__)
    assert "'the first answer'" in notes
    assert "llm call" in notes
    assert "test_variable.py:" in notes
    assert "verdict" not in notes
    with pytest.raises(EngineError):
        judged.backward()
    with pytest.raises(EngineError):
        asyncio.run(judged.abackward())


def test_eager_waits_and_raises_at_the_call() -> None:
    engine = Recorder(lambda _: "answer", yields=lambda _: 20)
    with tg.eager():
        answer = LLMCall(engine)(leaf("question"))
        assert "under way" not in repr(answer)
        assert len(engine.requests) == 1

    def refuse(_: object) -> str:
        raise down()

    with tg.eager(), pytest.raises(EngineError):
        LLMCall(Recorder(refuse))(leaf("question"))


def test_what_is_no_variable_is_refused_at_the_call() -> None:
    with pytest.raises(UsageError, match="argument 1 of tell is str"):
        Telling("t").apply([leaf(), "plain"], "out")  # type: ignore[list-item]


@given(text=any_texts())
def test_hand_written_feedback_is_kept_in_order(text: str) -> None:
    variable = leaf()
    variable.gradients.add(text)
    variable.gradients.add(Gradient(text="second"))
    variable.gradients.add(text)
    assert [g.text for g in variable.gradients] == [text, "second", text]
    assert Gradient(text="second") in variable.gradients
    assert Gradient(text="third") not in variable.gradients
    distinct = [text] if text == "second" else [text, "second"]
    assert variable.get_gradient_text() == "\n".join(distinct)
    variable.reset_gradients()
    assert len(variable.gradients) == 0
    assert variable.get_gradient_text() == ""


def test_gradients_can_be_assigned() -> None:
    variable = leaf()
    variable.gradients = ["a", Gradient(text="b")]
    assert [g.text for g in variable.gradients] == ["a", "b"]
    assert repr(variable.gradients) == "Gradients(['a', 'b'])"
    other = leaf()
    other.gradients = variable.gradients
    assert len(other.gradients) == 2


def test_an_edge_counts_once() -> None:
    gradients = Gradients()
    gradients.add("first", ("edge", 1))
    gradients.add("other", ("edge", 2))
    gradients.add("again", ("edge", 1))
    assert [g.text for g in gradients] == ["again", "other"]


def test_gradients_are_values() -> None:
    one, same = Gradient(text="a", data={"x": [1]}), Gradient(text="a", data={"x": [1]})
    assert one == same
    assert len({one, same}) == 1
    with pytest.raises(AttributeError):
        one.text = "b"  # type: ignore[misc]


def test_a_plain_variable_has_no_outcome_and_no_score() -> None:
    assert leaf().item() is None
    assert leaf().outcome is None


def test_a_call_sees_its_inputs_as_they_were_when_it_was_made() -> None:
    gate = threading.Event()

    def slow(prompt: str, system_prompt: str | None = None) -> str:
        gate.wait(10)
        return f"{system_prompt}:{prompt}"

    system = Variable("s0", role_description="system prompt")
    text = Variable("t0", role_description="text", requires_grad=False)
    call = tg.LLMCall(slow, system)
    answers, joined = [], []
    for n in range(40):
        system.value, text.value = f"s{n}", f"t{n}"
        first = call(text)
        answers.append(call(first))
        joined.append(text + "!")
    system.value = text.value = "too late"
    gate.set()
    assert [a.value for a in answers] == [f"s{n}:s{n}:t{n}" for n in range(40)]
    assert [j.value for j in joined] == [f"t{n}!" for n in range(40)]
