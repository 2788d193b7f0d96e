"""A program's own functions in the graph: values, failures, feedback of their own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from engines import Recorder, down, last_words
from strategies import hostile_values, json_values
from textgrad_core.autograd import Failure, FunctionCall, LLMCall, StringBasedFunction
from textgrad_core.errors import BackwardError, EngineError, Invalid, UsageError
from textgrad_core.loss import TextLoss
from textgrad_core.run import Run
from textgrad_core.variable import NO_FEEDBACK, Gradient, Variable


def leaf(value: object = "x", role: str = "a leaf", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


def texts(variable: Variable) -> list[str]:
    return [g.text for g in variable.gradients]


def identity(a: Any) -> Any:
    return a


@given(value=json_values())
def test_any_json_value_goes_in_and_comes_out(value: Any) -> None:
    out = FunctionCall(identity, "gives back")({"a": leaf(value)}, "the same")
    assert out.value == json.loads(json.dumps(value, ensure_ascii=False))
    assert out.role_description == "the same"


@pytest.mark.parametrize("value", [b"\x00png", (1, 2)])
def test_bytes_and_tuples_too(value: object) -> None:
    out = FunctionCall(identity, "gives back")(a=leaf(value)).value
    assert (tuple(out) if isinstance(out, list) else out) == value


def test_values_or_variables_are_passed() -> None:
    def total(**inputs: Any) -> int:
        return sum(int(getattr(v, "value", v)) for v in inputs.values())

    def kinds(**inputs: Any) -> list[str]:
        return [type(v).__name__ for v in inputs.values()]

    given = {"a": leaf(1), "b": leaf(2)}
    for kind, passed in ((FunctionCall, "int"), (StringBasedFunction, "Variable")):
        assert kind(total, "adds")(given).value == 3
        assert kind(kinds, "tells")(given).value == [passed] * 2
        assert kind(total, function_purpose="adds")(inputs=given).value == 3


def test_async_functions_are_awaited() -> None:
    async def double(a: int) -> int:
        await asyncio.sleep(0)
        return 2 * a

    out = FunctionCall(double, "doubles")(a=leaf(2))
    assert FunctionCall(double, "doubles")(a=out).value == 8


def test_many_run_at_once_unless_they_must_not() -> None:
    meeting = threading.Barrier(8, timeout=20)

    def meet(a: int) -> int:
        meeting.wait()
        return a

    call = FunctionCall(meet, "meets")
    assert [v.value for v in [call(a=leaf(n)) for n in range(8)]] == list(range(8))

    class Alone:
        thread_safe = False

        def __init__(self) -> None:
            self.inside = self.peak = 0

        def __call__(self, a: int) -> int:
            self.inside += 1
            self.peak = max(self.peak, self.inside)
            threading.Event().wait(0.001)
            self.inside -= 1
            return a

    alone = Alone()
    one_by_one = FunctionCall(alone, "counts")
    assert [v.value for v in [one_by_one(a=leaf(n)) for n in range(20)]] == list(range(20))
    assert alone.peak == 1


def test_functions_may_build_and_read_variables_without_end() -> None:
    """More functions than threads wait for functions they called themselves."""

    def inner(a: int) -> int:
        return a + 1

    def outer(a: int) -> int:
        return int(FunctionCall(inner, "adds one")(a=leaf(a)).value)

    def outermost(a: int) -> int:
        return int(FunctionCall(outer, "adds one")(a=leaf(a)).value)

    call = FunctionCall(outermost, "adds one")
    assert [v.value for v in [call(a=leaf(n)) for n in range(100)]] == list(range(1, 101))


def divide(a: float, b: float) -> float:
    return a / b


def test_an_exception_is_a_value_that_flows_and_feedback_without_a_model() -> None:
    a, b = leaf(1, "dividend"), leaf(0, "divisor")
    ratio = FunctionCall(divide, "divides a by b")({"a": a, "b": b}, "the ratio")
    assert ratio.value == Failure(function="divide", error="ZeroDivisionError: division by zero")
    assert str(ratio) == "divide failed: ZeroDivisionError: division by zero"
    text = "the result: " + ratio
    assert text.value == "the result: divide failed: ZeroDivisionError: division by zero"
    text.backward(gradient="This is no number.")
    for variable, name in ((a, "a"), (b, "b")):
        (gradient,) = variable.gradients
        assert "ZeroDivisionError: division by zero" in gradient.text
        assert "divides a by b" in gradient.text
        assert f"Change {name} " in gradient.text
        assert gradient.verbatim


def test_a_failed_input_is_not_worked_with_and_is_alone_at_fault() -> None:
    calls: list[object] = []

    def use(ratio: float, other: float) -> float:
        calls.append((ratio, other))
        return ratio + other

    a, other = leaf(0, "divisor"), leaf(1, "other")
    ratio = FunctionCall(divide, "divides")({"a": leaf(1, "one", False), "b": a})
    out = FunctionCall(use, "adds")({"other": other, "ratio": ratio})
    assert out.value == ratio.value
    assert calls == []
    out.backward()
    assert len(other.gradients) == 0
    (gradient,) = a.gradients
    assert "ZeroDivisionError" in gradient.text


def test_a_judge_sees_what_failed() -> None:
    engine = Recorder(lambda r: "It failed." if r.purpose == "forward" else "Never zero.")
    b = leaf(0, "divisor")
    ratio = FunctionCall(divide, "divides")({"a": leaf(1, "one", False), "b": b})
    TextLoss("Is it right?", engine)(ratio).backward()
    assert "ZeroDivisionError" in last_words(engine.asked("forward")[0])
    (gradient,) = b.gradients
    assert "ZeroDivisionError" in gradient.text
    assert len(engine.asked("feedback")) == 1  # for the loss; the function needs no model


def test_what_is_not_the_inputs_fault_is_raised() -> None:
    def asks(a: str) -> str:  # noqa: ARG001 - it never gets so far
        raise down()

    def refuses(a: str) -> str:
        raise Invalid(f"{a} is no molecule", "write SMILES")

    with pytest.raises(EngineError):
        _ = FunctionCall(asks, "asks a server")(a=leaf()).value
    refused = FunctionCall(refuses, "parses")(a=leaf()).value
    assert refused.error == "x is no molecule (write SMILES)"
    with pytest.raises(UsageError, match="cannot be stored"):
        _ = FunctionCall(lambda a: object() if a else None, "makes")(a=leaf()).value
    with pytest.raises(UsageError, match="give a function"):
        FunctionCall("no function", "none")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="wrap it in Variable"):
        FunctionCall(divide, "divides")({"a": 1, "b": 2})


def test_a_function_may_explain_itself() -> None:
    asked: list[object] = []

    def explain(inputs: dict[str, Any], result: Any, received: tuple[str, ...]) -> Any:
        asked.append((inputs, result, received))
        return {"a": f"{inputs['a']} makes {result}", "b": Gradient(text="lower", score=2.0)}

    def no_words(*_: object) -> object:
        return NO_FEEDBACK

    a, b, c = leaf(6, "a"), leaf(3, "b"), leaf(1, "c")

    def three(a: float, b: float, c: float) -> float:
        return a / b + c

    out = FunctionCall(three, "computes", feedback=explain)({"a": a, "b": b, "c": c})
    out.backward(gradient="too big")
    assert asked == [({"a": 6, "b": 3, "c": 1}, 3.0, ("too big",))]
    assert texts(a) == ["6 makes 3.0"]
    assert [(g.text, g.score) for g in b.gradients] == [("lower", 2.0)]
    assert texts(c) == []
    out.backward(gradient="too big")
    assert len(asked) == 2  # another pass asks anew
    for silent in (no_words, lambda *_: None):
        d = leaf(4)
        FunctionCall(identity, "gives back", feedback=silent)(a=d).backward(gradient="words")
        assert texts(d) == []


def test_the_explanation_may_be_an_attribute_of_the_function() -> None:
    class Instrument:
        def __call__(self, a: int) -> int:
            return a * a

        def explain(self, inputs: dict[str, Any], result: int, received: tuple[str, ...]) -> str:
            return f"{inputs['a']}^2 = {result}, {len(received)} said so"

    v = leaf(3)
    FunctionCall(Instrument(), "squares")(a=v).backward()
    assert texts(v) == ["3^2 = 9, 0 said so"]


def test_an_explanation_that_fails_is_an_error_and_is_tried_again() -> None:
    failures = ["once"]

    def explain(*_: object) -> str:
        if failures:
            failures.pop()
            raise ConnectionError("the instrument is away")
        return "words"

    a, b = leaf(6), leaf(3)
    out = FunctionCall(divide, "divides", feedback=explain)({"a": a, "b": b})
    with pytest.raises(BackwardError, match="the instrument is away"):
        out.backward()
    assert texts(a) == texts(b) == []
    out.backward()
    assert texts(a) == texts(b) == ["words"]


@given(value=hostile_values(), purpose=hostile_values(), feedback=hostile_values())
def test_otherwise_a_model_writes_the_feedback(value: str, purpose: str, feedback: str) -> None:
    engine = Recorder(lambda _: "shorter")
    a, b = leaf(value, "first text"), leaf("frozen", "second text", False)
    out = FunctionCall(lambda a, b: f"{b}{a}", purpose)({"a": a, "b": b}, "the joined text")
    out.backward(engine, feedback)
    (asked,) = engine.asked("feedback")
    for part in (value, purpose, feedback, f"frozen{value}", "the joined text", "first text"):
        assert part in last_words(asked)
    assert texts(a) == ["shorter"]
    assert [g.source for g in a.gradients] == ["the joined text"]
    assert all(value in g.context for g in a.gradients)
    with pytest.raises(UsageError, match="feedback="):
        out.backward(gradient=feedback)


def test_results_and_failures_are_recorded_and_not_computed_again(tmp_path: Path) -> None:
    calls: list[int] = []

    def half(a: int) -> float:
        calls.append(a)
        if a == 2:
            raise ValueError("two is not allowed")
        return a / 2

    told = []
    for _ in range(2):
        with Run(tmp_path / "run"):
            outs = [FunctionCall(half, "halves")(a=leaf(n)) for n in range(5)]
            told.append([v.value for v in outs])
    assert sorted(calls) == [0, 1, 2, 3, 4]
    assert told[0] == told[1]
    assert isinstance(told[1][2], Failure)


def test_a_strict_replay_runs_no_function_and_asks_no_model(tmp_path: Path) -> None:
    def program(engine: Recorder, fn: Callable[[str], str]) -> list[str]:
        v = leaf("draft")
        out = FunctionCall(fn, "checks")(a=LLMCall(engine)(v))
        out.backward(engine=engine)
        return [str(out), *texts(v)]

    def check(a: str) -> str:
        return f"checked {a}"

    def check_nothing(a: str) -> str:
        raise AssertionError(f"called with {a}")

    check_nothing.__name__ = "check"
    with Run(tmp_path / "run"):
        live = program(Recorder(lambda r: r.purpose), check)
    with Run(tmp_path / "run", mode="replay"):
        silent = Recorder()
        assert program(silent, check_nothing) == live
    assert silent.requests == []


def test_calls_made_inside_a_function_have_places_of_their_own(tmp_path: Path) -> None:
    answers = Recorder(lambda r: f"answer to {last_words(r)}")

    def agent(a: str) -> str:
        first = LLMCall(answers)(leaf(a)).value
        return str(LLMCall(answers)(leaf(first)).value)

    told = []
    for order in (range(6), range(6)):
        with Run(tmp_path / "run"):
            outs = [FunctionCall(agent, "asks twice")(a=leaf(f"q{n}")) for n in order]
            told.append([v.value for v in outs])
    assert told[0] == told[1] == [f"answer to answer to q{n}" for n in range(6)]
    assert len(answers.requests) == 12
    lines = (tmp_path / "run" / "journal.jsonl").read_text("utf-8").splitlines()
    sites = [json.loads(line).get("site", "") for line in lines]
    asked = [s for s in sites if "llm call" in s]
    assert sorted(asked) == sorted(
        f"function call {n}/llm call {k}" for n in range(1, 7) for k in (1, 2)
    )


@pytest.mark.parametrize("make", [FunctionCall, StringBasedFunction])
def test_frozen_inputs_need_no_engine(make: Callable[..., FunctionCall]) -> None:
    out = make(lambda a: str(a), "shows")(a=leaf(requires_grad=False))
    assert not out.requires_grad
    v = leaf()
    (out + v).backward(gradient="words")
    assert texts(v) == ["words"]
