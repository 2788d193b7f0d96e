"""Published problems read without being run: forms of assertions, signatures, addresses."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_code.datasets import (
    DATASETS,
    dataset_problem,
    humaneval,
    is_dataset_address,
    leetcode_dataset,
    leetcode_hard39,
)
from textgrad_code.datasets.asserts import read_assert
from textgrad_code.datasets.constants import NotConstant, constant, plain
from textgrad_code.datasets.humaneval_computed import COMPUTED
from textgrad_code.datasets.reflexion_runs import reflexion_outcomes
from textgrad_code.datasets.signatures import signature_of
from textgrad_code.datasets.textgrad_runs import read_programs
from textgrad_code.errors import ProblemError
from textgrad_code.problem import TestCase
from textgrad_code.problem_checks import check_problem
from textgrad_code.trusted import trusted_function
from textgrad_core.errors import DataError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def expression(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


def asserted(source: str, *parameters: str) -> TestCase:
    (statement,) = ast.parse(source).body
    return read_assert(statement, "f", parameters).test


@given(PLAIN)
def test_a_literal_is_read_as_python_reads_it(value: object) -> None:
    read = constant(expression(repr(value)))
    assert read == value
    assert repr(read) == repr(value)
    assert plain(read) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("3 * 19 - 4", 53),
        ("2.0/3.0", 2.0 / 3.0),
        ("0 ** 0", 1),
        ("'abc' + 'DEF'", "abcDEF"),
        ("-inf", float("-inf")),
        ("[null, true, false]", [None, True, False]),
        ("tree_node([1, None, 2])", [1, None, 2]),
        ("tree_node([1, None, None, 4])", [1, None, None]),
        ("tree_node([])", []),
        ("list_node([])", []),
        ("tuple([1, 2])", [1, 2]),
        ("(1, (2,))", (1, (2,))),
    ],
)
def test_what_data_sets_write_besides_literals_is_worked_out(source: str, value: object) -> None:
    assert constant(expression(source)) == value


REFUSED = """
x | f(1) | [*range(3)] | 9 ** 99 | 9 ** 9 ** 9 | 1 / 0 | 'a' * 5 | -'a' | not 1 | b'x' | 1j | ...
| {**{}} | f'{1}' | __import__('os') | 10 ** 20 * 10 ** 20 | {1} | [n for n in [1]]
"""


@pytest.mark.parametrize("source", [one.strip() for one in REFUSED.split("|")])
def test_whatever_would_have_to_be_run_is_refused(source: str) -> None:
    with pytest.raises(NotConstant):
        constant(expression(source))


@pytest.mark.parametrize("source", ["inf", "{1: 2}", "[-inf]"])
def test_what_json_cannot_hold_is_refused(source: str) -> None:
    with pytest.raises(NotConstant, match="no JSON form"):
        plain(constant(expression(source)))


@pytest.mark.parametrize(
    ("source", "arguments", "expected"),
    [
        ("assert f(1, [2]) == [3]", (1, [2]), [3]),
        ("assert f(b=[2], a=1) == (3, 'x')", (1, [2]), [3, "x"]),
        ("assert f(1, b=2) is True, 'message'", (1, 2), True),
        ("assert f(1, 2)", (1, 2), True),
        ("assert not f(1, 2)", (1, 2), False),
        ("assert tuple(f(1, 2)) == tuple([3, 4])", (1, 2), [3, 4]),
        ("assert is_same_tree(f(1, 2), tree_node([3, None, 4]))", (1, 2), [3, None, 4]),
        ("assert f(list_node([1]), None) == None", ([1], None), None),
        ("assert f(1, 2) == -inf", (1, 2), {"$float": "-inf"}),
    ],
)
def test_assertions_are_read(source: str, arguments: tuple[object, ...], expected: object) -> None:
    test = asserted(source, "a", "b")
    assert test.arguments == arguments
    assert test.expected == expected
    assert type(test.expected) is type(expected)


def test_the_tolerance_of_an_assertion_is_read() -> None:
    (statement,) = ast.parse("assert abs(f([1.0]) - 2.0/4.0) < 1e-6").body
    read = read_assert(statement, "f", ("x",))
    assert read.tolerance == 1e-6
    assert read.test == TestCase(arguments=([1.0],), expected=0.5)


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "assert g(1, 2) == 3",
        "assert f(1) == 3",
        "assert f(1, 2, 3) == 3",
        "assert f(1, c=2) == 3",
        "assert f(1, 2) != 3",
        "assert f(1, 2) == f(2, 1)",
        "assert f(x, 2) == 3",
        "assert 1 < f(1, 2) == 3",
        "assert len(f(1, 2)) == 3",
    ],
)
def test_other_statements_are_refused(source: str) -> None:
    with pytest.raises(NotConstant):
        asserted(source, "a", "b")


def test_signatures_are_read_from_code_without_a_body() -> None:
    method = signature_of(
        "class Solution:\n"
        "    def go(self, root: Optional[TreeNode], k: int) -> List[int]:\n        "
    )
    assert (method.kind, method.class_name, method.name) == ("method", "Solution", "go")
    assert [(p.name, p.type) for p in method.parameters] == [
        ("root", "Optional[TreeNode]"),
        ("k", "int"),
    ]
    assert method.returns == "List[int]"
    function = signature_of("import math\ndef a(x): return x\ndef b(y, z):\n    '''Doc.'''\n", "a")
    assert (function.kind, function.name, function.parameters[0].type) == ("function", "a", "Any")
    for source, entry in (("def a(x):", "b"), ("def a(x", ""), ("", "")):
        with pytest.raises(ProblemError):
            signature_of(source, entry)


def leetcode_row(**changed: object) -> dict[str, object]:
    return {
        "task_id": "add-up",
        "question_id": 1,
        "difficulty": "Easy",
        "tags": ["Math"],
        "problem_description": "Add up.\n\nExample 1:\n\nInput: a = 1, b = [2,3]\nOutput: 6\n"
        "Explanation: 1+2+3.\n\nExample 2:\n\nInput: a = 0, b = [null]\nOutput: 0\n\n"
        "Example 3:\n\nInput: see the drawing\nOutput: 4\n\n",
        "starter_code": "class Solution:\n"
        "    def addUp(self, a: int, b: List[int]) -> int:\n        ",
        "completion": "class Solution:\n    def addUp(self, a, b):\n        return a + sum(b)\n",
        "test": "def check(candidate):\n"
        "    assert candidate(a = 5,b = [1]) == 6\n"
        "    assert candidate(a = 1,b = [2, 3]) == 6\n"
        "    assert candidate(a = 5,b = [1]) == 6\n"
        "    assert candidate(a = 0,b = []) == 0\n",
        **changed,
    }


@pytest.mark.parametrize(
    ("declared", "words"),
    [("Optional[Node]", "leetcode: add-up: signature.parameters[1] has the type"),
     ("Optional[ListNode]", "leetcode: add-up: visible[1].input[1] is [None]")],
)  # fmt: skip
def test_types_and_nodes_of_a_data_set_are_checked(declared: str, words: str) -> None:
    head = f"class Solution:\n    def addUp(self, a: int, b: {declared}) -> int:\n        "
    row: Any = leetcode_row(starter_code=head)
    with pytest.raises(ProblemError) as caught:
        leetcode_dataset.problem_of(row)
    assert words in str(caught.value)


def test_a_leetcode_problem_shows_the_examples_of_its_statement() -> None:
    problem = leetcode_dataset.problem_of(leetcode_row())  # type: ignore[arg-type]
    check_problem(problem, "here")
    assert [t.arguments for t in problem.visible] == [(1, [2, 3]), (0, [None])]
    assert [t.arguments for t in problem.hidden] == [(5, [1]), (0, [])]
    assert problem.signature.name == "addUp"
    assert problem.checker.kind == "ordered"
    assert problem.checker.tolerance is None
    assert "MIT" in problem.source


def test_without_readable_examples_the_first_two_tests_are_shown() -> None:
    problem = leetcode_dataset.problem_of(leetcode_row(problem_description="Add."))  # type: ignore[arg-type]
    assert [t.arguments for t in problem.visible] == [(5, [1]), (1, [2, 3])]
    assert [t.arguments for t in problem.hidden] == [(0, [])]


@pytest.mark.parametrize(
    "change",
    [
        {"test": "def check(candidate):\n    assert candidate(a=now(), b=[]) == 1\n"},
        {"test": "not python"},
        {"completion": 3},
    ],
    ids=["computed", "broken", "no text"],
)
def test_a_leetcode_row_of_another_kind_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProblemError):
        leetcode_dataset.problem_of(leetcode_row(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "tests",
    [
        {"local_tests": ["assert twice(2) == 4", "assert twice(-1) == -2"]},
        {"test": ["assert twice(2) == 4", "assert twice(-1) == -2"], "prompt": "Twice."},
        {"test": "import x\nassert twice(2) == 4\nassert twice(-1) == -2\n"},
    ],
    ids=["index", "results", "text"],
)
def test_a_hard_problem_is_read_from_every_file(tests: dict[str, object]) -> None:
    row = {"task_id": "two-times", "signature": "twice(n: int) -> int:", **tests}
    problem = leetcode_hard39.problem_of(row)  # type: ignore[arg-type]
    check_problem(problem, "here")
    assert [(t.arguments, t.expected) for t in problem.visible] == [((2,), 4), ((-1,), -2)]
    assert problem.hidden == ()
    assert (problem.signature.kind, problem.signature.name) == ("function", "twice")
    assert problem.statement == tests.get("prompt", "")


@pytest.mark.parametrize("tests", [{}, {"test": []}, {"test": ["assert once(1)"]}], ids=str)
def test_a_hard_problem_without_tests_is_refused(tests: dict[str, object]) -> None:
    row = {"task_id": "two-times", "signature": "twice(n: int) -> int:", **tests}
    with pytest.raises(ProblemError):
        leetcode_hard39.problem_of(row)  # type: ignore[arg-type]


PROMPT = '''import math

def helper(x):
    """Not this one: area(9) is not shown."""
    return x

def area(r, times=1):
    """The area of a circle (or several).

    >>> area(1.0, 1)
    3.14
    area(2.0, (1)) is more; area(r, n) too.
    """
'''


def human_row(check: str) -> dict[str, object]:
    return {
        "task_id": "HumanEval/999",
        "prompt": PROMPT,
        "entry_point": "area",
        "canonical_solution": "    return round(math.pi * r * r * times, 2)\n",
        "test": f"METADATA = {{}}\n\n\ndef check(candidate):\n{check}",
    }


def test_a_humaneval_problem_shows_the_calls_of_its_docstring() -> None:
    check = (
        "    print\n    assert True, 'always'\n"
        "    assert candidate(3.0, 0) == 0.0\n"
        "    assert abs(candidate(1.0, 1) - 3.14) < 1e-6\n"
        "    assert candidate(2.0, 1) == 4 * 3.14\n"
        "    for r in range(3):\n        assert candidate(r, 0) == 0\n"
    )
    row = human_row(check)
    problem = humaneval.problem_of(row)  # type: ignore[arg-type]
    check_problem(problem, "here")
    assert [t.arguments for t in problem.visible] == [(1.0, 1), (2.0, 1)]
    assert [t.arguments for t in problem.hidden] == [(3.0, 0)]
    assert problem.checker.tolerance == 1e-6
    assert problem.signature.name == "area"
    assert problem.reference.startswith(PROMPT)
    read = humaneval.read_check(str(row["test"]), ("r", "times"))
    assert len(read.asserted) == 3
    assert [line.splitlines()[0] for line in read.left] == ["for r in range(3):"]


def test_a_humaneval_problem_without_tests_is_refused() -> None:
    for check in ("    pass\n", "    assert candidate(now(), 1) == 2\n"):
        with pytest.raises(ProblemError, match="no test"):
            humaneval.problem_of(human_row(check))  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match="check"):
        humaneval.read_check("def other(candidate): pass", ())


def every_third(numbers: list[int]) -> list[int]:
    thirds = sorted(n for i, n in enumerate(numbers) if i % 3 == 0)
    return [thirds[i // 3] if i % 3 == 0 else n for i, n in enumerate(numbers)]


def in_base(number: int, base: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, base)
        digits = str(digit) + digits
    return digits


def uncycled(text: str) -> str:
    groups = [text[i : i + 3] for i in range(0, len(text), 3)]
    return "".join(g[-1] + g[:-1] if len(g) == 3 else g for g in groups)


SOLUTIONS: dict[str, Callable[..., object]] = {
    "HumanEval/33": every_third,
    "HumanEval/38": uncycled,
    "HumanEval/44": in_base,
    "HumanEval/50": lambda text: "".join(chr((ord(c) - 97 - 5) % 26 + 97) for c in text),
    "HumanEval/53": lambda x, y: x + y,
    "HumanEval/151": lambda numbers: sum(n**2 for n in numbers if n > 0 and n % 2),
}


@pytest.mark.parametrize("name", sorted(SOLUTIONS))
def test_computed_tests_are_right_and_always_the_same(name: str) -> None:
    tests = COMPUTED[name].tests()
    assert tests == COMPUTED[name].tests()
    for test in tests:
        assert SOLUTIONS[name](*test.arguments) == test.expected


def test_a_zero_of_a_polynomial_is_checked_by_its_value() -> None:
    computed = COMPUTED["HumanEval/32"]
    check = trusted_function(computed.checker, "check", "a test")
    assert len(computed.tests()) == 100
    assert all(len(t.arguments[0]) % 2 == 0 for t in computed.tests())  # type: ignore[arg-type]
    for test in computed.tests():
        assert check(list(test.arguments), test.expected, test.expected) is True
    assert check([[-6, 11, -6, 1]], 1.0, 2.00000001) is True
    assert check([[-6, 11, -6, 1]], 0.0, 3) is True
    assert "not 0" in str(check([[-6, 11, -6, 1]], 0.0, 2.5))
    for answer in (None, "2", True, float("nan"), float("inf"), [2.0]):
        assert "number" in str(check([[-6, 11, -6, 1]], 0.0, answer))
    assert check([[1.0, 1.0]], 0.0, 1e308) is not True


def test_programs_are_read_from_the_released_table() -> None:
    table = (
        ",task_id,problem,seed,success,test_cases_passed,test_cases_total,runtime,local_tests,"
        "local_test_state,iteration_idx\n"
        '0,two-times,"def twice(n):\n    return ""2""\n",55,False,22,41,,text,"(True, False)",0\n'
        "1,two-times,def twice(n): return n*2,17,True,41,41,1 ms,,,1\n"
    )
    first, second = read_programs(table)
    assert first.program == 'def twice(n):\n    return "2"\n'
    assert (first.states, first.accepted, first.hidden_passed) == ((True, False), False, 22)
    assert (second.states, second.accepted, second.seed, second.iteration) == ((), True, 17, 1)


@pytest.mark.parametrize("states", ["(1, 2)", "[True]", "print(1)", "(True"])
def test_a_broken_row_of_the_released_table_is_refused(states: str) -> None:
    table = (
        "task_id,problem,seed,success,test_cases_passed,test_cases_total,local_test_state,"
        f'iteration_idx\na,b,1,True,1,1,"{states}",0\n'
    )
    with pytest.raises(ProblemError, match="row 1"):
        list(read_programs(table))


def test_reflexions_outcomes_are_complete() -> None:
    outcomes = list(reflexion_outcomes())
    assert len({(o.problem, o.seed) for o in outcomes}) == 195
    by_seed = [sum(o.solved for o in outcomes if o.seed == s) for s in (15, 17, 21, 55, 91)]
    assert by_seed == [14, 12, 11, 13, 10]


def test_addresses_name_data_set_and_problem(tmp_path: Path) -> None:
    assert is_dataset_address("leetcode:two-sum")
    assert is_dataset_address("humaneval:HumanEval/0")
    for other in ("two-sum", "leetcode", "my:file.toml", "./leetcode:x.toml"):
        assert not is_dataset_address(other)
    for address in ("leetcode:x", "humaneval:HumanEval/0", "leetcode-hard39:x"):
        with pytest.raises(DataError, match="--data DIR"):
            dataset_problem(address, tmp_path)
    with pytest.raises(ProblemError, match="humaneval:NAME"):
        dataset_problem("nothing:x")


def test_every_record_is_pinned() -> None:
    names = [d.name for d in DATASETS]
    assert len(set(names)) == len(names)
    for dataset in DATASETS:
        assert dataset.licence
        assert dataset.citation
        assert any(f.url for f in dataset.files)
        for file in dataset.files:
            assert file.url == "" or file.url.startswith("https://raw.githubusercontent.com/")
    assert json.dumps(names)
