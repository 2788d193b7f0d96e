"""Problems in files: what is read, what is refused and with which words."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import any_texts, json_values
from textgrad_code.errors import ProblemError
from textgrad_code.problem import Buggy, Checker, Limits, Parameter, Problem, Signature, TestCase
from textgrad_code.problem_file import (
    load_problem,
    problem_from_json,
    problem_names,
    problem_to_json,
    read_problem,
)
from textgrad_core.jsondata import canonical_json

SMALL = """
title = "Double"
statement = "Return twice the number."

[signature]
kind = "function"
name = "double"
parameters = ["number: int"]
returns = "int"

[[visible]]
input = '[2]'
expected = '4'
"""
STDIN = """
[signature]
kind = "stdin"

[[visible]]
input = "2\\n"
expected = "4\\n"
"""
DESIGN = """
[signature]
kind = "design"
name = "Counter"

[[visible]]
input = '[["Counter", "up"], [[], [3]]]'
expected = '[null, 3]'
"""


README = Path(__file__).parents[2] / "plugins" / "code" / "README.md"


def data(**changed: Any) -> dict[str, Any]:
    """A small problem as JSON data, with other fields."""
    return {**problem_to_json(read_problem(SMALL, "double.toml")), **changed}


def test_small_file_has_defaults() -> None:
    assert read_problem(SMALL, "double.toml") == Problem(
        name="double",
        title="Double",
        statement="Return twice the number.",
        signature=Signature(
            kind="function",
            name="double",
            parameters=(Parameter(name="number", type="int"),),
            returns="int",
        ),
        visible=(TestCase(arguments=(2,), expected=4),),
    )


def test_every_field_is_read() -> None:
    text = """
name = "loops/first"
tags = ["lists"]
source = "me"
constraints = ["few nodes"]
starter = "class Solver: ..."
reference = '''
class Solver:
    def run(self, head, n):
        return None
'''
extra = {level = 2}

[signature]
kind = "method"
name = "run"
class = "Solver"
parameters = ["head: Optional[ListNode]", "n"]
in_place = 0

[checker]
kind = "program"
tolerance = "exact"
source = '''
def check(arguments, expected, answer):
    return True
'''

[limits]
test_s = 0.5
total_s = 9
memory_mib = 64
output_bytes = 10
answer_bytes = 100

[[visible]]
name = "looped"
weight = 2.5
input = '[{"values": [1, 2], "cycle": 0}, null]'
expected = '[1.5, true]'

[[hidden]]
name = "large"
generator = '''
def test():
    return (list(range(3)), "x"), {"a": (1, 2)}
'''

[[buggy]]
fault = "does nothing"
source = "pass"
"""
    problem = read_problem(text, "anything.toml")
    assert problem.name == "loops/first"
    assert problem.signature == Signature(
        kind="method",
        name="run",
        class_name="Solver",
        parameters=(Parameter(name="head", type="Optional[ListNode]"), Parameter(name="n")),
        in_place=0,
    )
    assert problem.checker.tolerance is None
    assert problem.checker.kind == "program"
    assert problem.limits == Limits(
        test_s=0.5, total_s=9, memory_mib=64, output_bytes=10, answer_bytes=100
    )
    assert problem.visible == (
        TestCase(
            arguments=({"values": [1, 2], "cycle": 0}, None),
            expected=[1.5, True],
            name="looped",
            weight=2.5,
        ),
    )
    assert problem.hidden == (
        TestCase(arguments=([0, 1, 2], "x"), expected={"a": [1, 2]}, name="large"),
    )
    assert problem.buggy == (Buggy(source="pass", fault="does nothing"),)
    assert problem.extra == {"level": 2}


def test_input_of_stdin_programs_is_text() -> None:
    (test,) = read_problem(STDIN, "double.toml").visible
    assert test == TestCase(arguments=("2\n",), expected="4\n")


def test_input_of_stdin_programs_is_text_in_json_data_too() -> None:
    test = {"input": "3 4\n", "expected": "7\n"}
    given_data = {"name": "sum", "signature": {"kind": "stdin"}, "visible": [test]}
    asked = problem_from_json(given_data)
    assert asked.visible == (TestCase(arguments=("3 4\n",), expected="7\n"),)
    assert read_problem(json.dumps(given_data), "sum.json") == asked
    assert problem_from_json({**given_data, "visible": [{**test, "input": ["3 4\n"]}]}) == asked
    for wrong in (3, ["3", "4"], {"a": 1}):
        with pytest.raises(ProblemError, match=r"input is .*: write the text of standard input"):
            problem_from_json({**given_data, "visible": [{**test, "input": wrong}]})
    with pytest.raises(ProblemError, match="write the list of the arguments"):
        problem_from_json(data(visible=[{"input": "3 4", "expected": 7}]))


def test_operations_of_design_classes_are_read() -> None:
    (test,) = read_problem(DESIGN, "counter.toml").visible
    assert test.arguments == (["Counter", "up"], [[], [3]])


@pytest.mark.parametrize("parameters", ["n: int = 1", "*n: int", "n, /", "*, n", "**n"])
def test_an_operation_has_plain_parameters(parameters: str) -> None:
    signature = {"kind": "design", "name": "Counter", "operations": [f"up({parameters})"]}
    with pytest.raises(ProblemError, match=r"operations\[0\] is 'up.*write plain"):
        problem_from_json(data(signature=signature))


def test_problem_is_loaded_from_files_of_both_kinds(tmp_path: Path) -> None:
    toml, plain = tmp_path / "double.toml", tmp_path / "double.json"
    toml.write_text(SMALL, "utf-8")
    problem = load_problem(str(toml))
    plain.write_text(json.dumps(problem_to_json(problem)), "utf-8")
    assert load_problem(str(plain)) == problem


def test_json_file_may_hold_a_generator(tmp_path: Path) -> None:
    generated = {"generator": "def test():\n    return [3], 6\n"}
    path = tmp_path / "double.json"
    path.write_text(json.dumps(data(hidden=[generated])), "utf-8")
    assert load_problem(str(path)).hidden == (TestCase(arguments=(3,), expected=6),)


@pytest.mark.parametrize("name", problem_names())
def test_shipped_problem_survives_json(name: str) -> None:
    problem = load_problem(name)
    stored = json.loads(json.dumps(problem_to_json(problem)))
    assert problem_from_json(stored) == problem


identifiers = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name.isidentifier() and name not in ("as", "if", "in", "is", "or", "not", "and")
)
types = st.sampled_from(["int", "List[int]", "Optional[str]", "Dict[str, List[int]]"])
parameters = st.builds(lambda name, kind: Parameter(name=name, type=kind), identifiers, types)


texts = any_texts()
values = json_values()


def cases_of(count: int) -> st.SearchStrategy[list[TestCase]]:
    """Tests that give so many arguments."""
    one = st.builds(
        TestCase,
        arguments=st.tuples(*[values] * count),
        expected=values,
        name=texts,
        weight=st.floats(0.01, 100),
    )
    return st.lists(one, min_size=1, max_size=2)


TESTS = {count: cases_of(count) for count in (1, 2)}


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Any sound problem that calls a method or function."""
    asked = draw(st.lists(parameters, min_size=1, max_size=2))
    tests = TESTS[len(asked)]
    seconds, tolerance = draw(st.floats(0.1, 10)), draw(st.floats(1e-12, 1))
    return Problem(
        name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,9}", fullmatch=True)),
        title=draw(texts),
        statement=draw(texts),
        signature=Signature(
            kind=draw(st.sampled_from(["method", "function"])),
            name="f_" + draw(identifiers),
            class_name="C_" + draw(identifiers),
            parameters=tuple(asked),
            returns=draw(types),
            in_place=draw(st.sampled_from([None, *range(len(asked))])),
        ),
        visible=tuple(draw(tests)),
        hidden=tuple(draw(tests)),
        checker=Checker(
            kind=draw(st.sampled_from(["ordered", "any-order", "nested-any-order"])),
            tolerance=draw(st.sampled_from([None, tolerance])),
        ),
        limits=Limits(test_s=seconds, total_s=seconds * 2),
        constraints=(draw(texts),),
        starter=draw(texts),
        buggy=(Buggy(source=draw(texts), fault=draw(texts)),),
        tags=(draw(texts),),
        extra={"any": draw(values)},
    )


@given(problems())
def test_problem_survives_json(problem: Problem) -> None:
    stored = json.loads(json.dumps(problem_to_json(problem), ensure_ascii=False))
    again = problem_from_json(stored)
    assert again == problem
    # 1 == 1.0 == True: the texts tell a change of type
    assert canonical_json(problem_to_json(again)) == canonical_json(problem_to_json(problem))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": ""}, ["mine: name is ''", "1 to 100 letters"]),
        ({"name": "a b"}, ["name is 'a b'"]),
        ({"title": 3}, ["mine: title is 3", "write a text"]),
        ({"constrains": []}, ["constrains is no field", "did you mean 'constraints'"]),
        ({"constraints": "few"}, ["constraints is 'few'", "write a list"]),
        ({"tags": [1]}, ["tags[0] is 1"]),
        ({"signature": {}}, ["signature.kind is missing", "method, function, design, stdin"]),
        ({"signature": {"kind": "class"}}, ["signature.kind is 'class'", "write one of"]),
        ({"signature": {"kind": "method", "name": "a-b"}}, ["signature.name is 'a-b'"]),
        ({"signature": {"kind": "function", "name": "class"}}, ["signature.name is 'class'"]),
        (
            {"signature": {"kind": "function", "name": "f", "parameters": ["a: List["]}},
            ["signature.parameters[0] is 'a: List['", "nums: List[int]"],
        ),
        (
            {"signature": {"kind": "function", "name": "f", "parameters": ["a b: int"]}},
            ["'a b' is no name of a parameter"],
        ),
        (
            {"signature": {"kind": "function", "name": "f", "parameters": ["a"], "in_place": 1}},
            ["signature.in_place is 1", "1 parameters"],
        ),
        ({"signature": {"kind": "stdin", "name": "f"}}, ["stdin", "leave out name"]),
        ({"visible": [], "hidden": []}, ["0 tests", "[[visible]]"]),
        ({"visible": [{"input": [1], "expected": 2, "weight": 0}]}, ["visible[0].weight is 0"]),
        ({"visible": [{"input": 1, "expected": 2}]}, ["visible[0].input is 1", "list"]),
        ({"visible": [{"input": [1]}]}, ["visible[0].expected is missing"]),
        ({"hidden": [{"input": [1, 2], "expected": 2}]}, ["hidden[0].input holds 2", "names 1"]),
        ({"hidden": [7]}, ["hidden[0] is 7", "table"]),
        ({"checker": {"kind": "program"}}, ["checker.source", "defines no function 'check'"]),
        (
            {"checker": {"kind": "program", "source": "def check(:"}},
            ["checker.source is no Python program"],
        ),
        ({"checker": {"source": "def check(): ..."}}, ["checker.kind is 'ordered'"]),
        ({"checker": {"tolerance": -1}}, ["checker.tolerance is -1", "above 0 of at most 1"]),
        ({"checker": {"tolerance": True}}, ["checker.tolerance is True"]),
        ({"limits": {"test_s": 0}}, ["limits.test_s is 0", "above 0"]),
        ({"limits": {"test_s": "1"}}, ["limits.test_s is '1'"]),
        ({"limits": {"memory_mib": 0}}, ["limits.memory_mib is 0", "from 1"]),
        ({"limits": {"memory_mib": 1.5}}, ["limits.memory_mib is 1.5", "whole number"]),
        ({"limits": {"test_s": 9, "total_s": 3}}, ["limits.total_s is 3", "9 s"]),
        ({"reference": "def f(:"}, ["reference is no Python program"]),
        ({"buggy": [{"source": "x"}]}, ["buggy[0].fault is missing"]),
        ({"extra": 1}, ["extra is 1", "table"]),
        ({"extra": {"x": {1}}}, ["extra is", "JSON"]),
    ],
)
def test_unsound_problem_is_refused(changed: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ProblemError) as caught:
        problem_from_json(data(**changed), "mine")
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).startswith("mine: ")


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        (SMALL, "'[2]'", "'[2'", ["bad.toml: visible[0].input is '[2'", "not JSON"]),
        (SMALL, "'4'", "4", ["bad.toml: visible[0].expected is 4", "JSON in quotes"]),
        (SMALL, "'4'", "'NaN'", ["visible[0].expected", "NaN"]),
        (SMALL, "title =", "title", ["bad.toml is no TOML"]),
        (SMALL, "input = '[2]'", "generator = 'x'", ["both generator and expected"]),
        (STDIN, '"4\\n"', "4", ["visible[0].expected is 4", "text to be printed"]),
        (STDIN, 'input = "2\\n"', "input = 2", ["visible[0].input is 2"]),
        (DESIGN, '"up"], [[], [3]]', '"up"], [[]]', ["2 operations and 1 lists"]),
        (DESIGN, '["Counter", "up"]', '["up", "up"]', ["begin with the class, 'Counter'"]),
        (DESIGN, "[null, 3]", "[3]", ["visible[0].expected is [3]", "2 answers"]),
        (DESIGN, "[3]]]", "3]]", ["operation 1 is 'up' with 3"]),
        (DESIGN, '\'[["Counter", "up"], [[], [3]]]\'', "'[1]'", ["write two lists"]),
    ],
)
def test_unsound_file_is_refused(text: str, old: str, new: str, words: list[str]) -> None:
    assert old in text
    with pytest.raises(ProblemError) as caught:
        read_problem(text.replace(old, new), "bad.toml")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("generator", "words"),
    [
        ("'x = 1'", ["hidden[0].generator", "defines no function 'test'"]),
        ("'def test(:'", ["hidden[0].generator is no Python program"]),
        ('"def test():\\n    return 1 / 0"', ["hidden[0].generator", "ZeroDivisionError"]),
        ('"def test():\\n    return 1"', ["(list of arguments, expected)"]),
        ('"def test():\\n    return [{1}], 2"', ["not JSON serializable"]),
        ('"import nowhere_to_be_found\\ndef test(): ..."', ["ModuleNotFoundError"]),
        ("3", ["hidden[0].generator is 3"]),
    ],
)
def test_unsound_generator_is_refused(generator: str, words: list[str]) -> None:
    with pytest.raises(ProblemError) as caught:
        read_problem(f"{SMALL}\n[[hidden]]\ngenerator = {generator}\n", "bad.toml")
    for word in words:
        assert word in str(caught.value)


def test_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ProblemError, match="did you mean recent-cache"):
        load_problem("recent-cash")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"nowhere\.toml cannot be read"):
        load_problem(str(tmp_path / "nowhere.toml"))


@pytest.mark.parametrize("text", ["[]", "[1, 2", '{"name": NaN}', "[" * 10_000])
def test_json_that_holds_no_problem_is_refused(text: str) -> None:
    with pytest.raises(ProblemError, match=r"bad\.json"):
        read_problem(text, "bad.json")


def test_problem_without_hidden_tests_is_sound() -> None:
    problem = read_problem(SMALL, "double.toml")
    assert problem_from_json(problem_to_json(replace(problem, hidden=()))).hidden == ()


def readme_section() -> str:
    """The part of the plugin's README that describes the format."""
    return README.read_text("utf-8").split("## Own problems\n")[1].split("\n## ")[0]


def test_examples_of_the_readme_are_problems() -> None:
    whole, nodes, generated, checked = re.findall(
        r"```toml\n(.*?)```", readme_section(), re.DOTALL
    )
    tests = "[[visible]]\ninput = '[[\"Codec\"], [[]]]'\nexpected = '[null]'\n"
    codec = read_problem(nodes + tests, "codec.toml").signature
    assert [one.name for one in codec.operations] == ["serialize", "deserialize"]
    double = read_problem(whole, "double.toml")
    assert (len(double.visible), len(double.hidden)) == (1, 1)
    (_, made) = read_problem(whole + generated, "double.toml").hidden
    assert made == TestCase(arguments=(10**300,), expected=2 * 10**300, name="a long number")
    assert read_problem(whole + checked, "double.toml").checker.kind == "program"


def test_error_of_the_readme_is_what_is_said() -> None:
    (shown,) = re.findall(r"```text\n(.*?)\n```", readme_section())
    with pytest.raises(ProblemError) as caught:
        read_problem(SMALL + "\n[[hidden]]\ninput = '[1, 2]'\nexpected = '3'\n", "double.toml")
    assert str(caught.value) == shown


def test_every_field_is_in_the_readme() -> None:
    described = readme_section()
    for name, value in problem_to_json(read_problem(SMALL, "double.toml")).items():
        assert f"{name}" in described
        for inner in value if isinstance(value, dict) else ():
            assert inner in described
