"""What JSON cannot hold, long whole numbers first: refused with its place wherever it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from judged import case, method, problem
from textgrad_code.errors import ProblemError
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem, Signature
from textgrad_code.problem_file import load_problem
from textgrad_code.problem_json import problem_from_json, problem_to_json
from textgrad_code.verdict import Verdict

LONG = 10**4300  # 4301 digits
REMEDY = "in JSON it may have 4300 decimal digits: take a smaller one, or write it as a text"
SIGNATURE = {"kind": "function", "name": "f", "parameters": ["n: int"], "returns": "int"}


def with_test(**test: Any) -> dict[str, Any]:
    return {"name": "mine", "signature": SIGNATURE, "visible": [test]}


@pytest.mark.parametrize(
    ("test", "place"),
    [
        ({"input": [LONG], "expected": 1}, "mine: visible[0].input"),
        ({"input": [{"a": [-LONG]}], "expected": 1}, "mine: visible[0].input"),
        ({"input": [1], "expected": LONG}, "mine: visible[0].expected"),
    ],
)
def test_a_problem_with_one_is_refused(test: dict[str, Any], place: str) -> None:
    with pytest.raises(ProblemError) as caught:
        problem_from_json(with_test(**test), "mine")
    assert str(caught.value) == f"{place} holds an integer of {LONG.bit_length()} bits: {REMEDY}"


def test_the_longest_is_taken() -> None:
    read = problem_from_json(with_test(input=[LONG - 1], expected=1 - LONG))
    assert read.visible == (case(LONG - 1, expected=1 - LONG),)


def test_a_field_that_holds_one_can_be_named() -> None:
    with pytest.raises(ProblemError, match="title is a value of type int that is too large"):
        problem_from_json({**with_test(input=[1], expected=1), "title": LONG})


def test_a_generator_of_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_text(
        '[signature]\nkind = "function"\nname = "f"\nparameters = ["n"]\n'
        '[[hidden]]\ngenerator = "def test(): return [10**5000], 2"\n'
    )
    with pytest.raises(ProblemError) as caught:
        load_problem(str(path))
    assert "long.toml: hidden[0].generator: the value of test() holds an integer" in str(
        caught.value
    )
    assert str(caught.value).endswith(REMEDY)


def test_one_in_a_problem_made_in_python_is_named() -> None:
    test = case(10**5000, expected=2 * 10**5000)
    with Judge() as judge, pytest.raises(ProblemError, match="the input of test 2 holds an int"):
        judge.judge(method("return 2 * x"), problem("f", "int"), [case(1, expected=2), test])
    asked = Problem(name="p", signature=Signature(kind="function", name="f"), visible=(test,))
    with pytest.raises(ProblemError, match="a test holds an integer of"):
        problem_to_json(asked)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "holds nan: JSON has no such number"),
        ([1.0, -float("inf")], "holds -inf: JSON has no such number"),
        ({1, 2}, "holds a value of type set: use None, bool"),
        ({"a": [b"x"]}, "holds a value of type bytes: use None, bool"),
    ],
)
def test_an_input_that_cannot_be_sent_is_named(value: Any, words: str) -> None:
    asked = [case(1, expected=1), case(value, expected=1)]
    with Judge() as judge, pytest.raises(ProblemError, match="the input of test 2 " + words):
        judge.judge(method("return x"), problem("f", "int"), asked)


def test_an_expected_answer_that_is_no_data_is_named() -> None:
    with (
        Judge() as judge,
        pytest.raises(ProblemError, match="is expected of test 1 holds a value"),
    ):
        judge.judge(method("return x"), problem("f", "int"), [case(1, expected={1})])


@pytest.mark.parametrize("value", [{1: 2}, [[{(1, 2): 3}]], {"a": ({None: 1},)}])
def test_keys_that_are_no_texts_are_refused(value: Any) -> None:
    with pytest.raises(ProblemError, match=r"the key .* JSON keys are texts: expect such a dict"):
        case(value, expected=1)
    with pytest.raises(ProblemError, match="the key"):
        case(1, expected=value)


def test_an_answer_may_be_longer() -> None:
    with Judge() as judge:
        asked, test = problem("f", "int"), case(5000, expected=10**5000)
        assert judge.judge(method("return 10 ** x"), asked, [test]).verdict is Verdict.AC
        assert judge.judge(method("return 10 ** x + 1"), asked, [test]).verdict is Verdict.WA
