"""What counts as right under a problem's own declarations: types, text output, own checkers."""

from __future__ import annotations

from typing import Any

import pytest

from judged import case, problem
from textgrad_code.answers import decode
from textgrad_code.errors import ProblemError
from textgrad_code.grading import Grader
from textgrad_code.jail.node_classes import ChildrenNode, ListNode, TreeNode
from textgrad_code.jail.nodes import NotSerialisable, build, shape_of
from textgrad_code.jail.values import encode
from textgrad_code.problem import Checker, Operation, Problem, Signature


def printed(expected: str, answer: str, kind: Any = "ordered") -> bool:
    asked = Problem(name="p", signature=Signature(kind="stdin"), checker=Checker(kind=kind))
    return Grader(asked).fault(case("", expected=expected), answer) is None


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        ("2.0", "2", True),
        ("1e5", "100000", True),
        ("2", "2.0", False),
        ("007", "7", False),
        ("a 0.5 3", "a 0.500001 3", True),
        ("a 0.5 3", "a 0.6 3", False),
        ("0.5", "half", False),
        ("1 2.0", "1", False),
        ("1\r\n2\r\n", "1\n2", True),
        ("a\nb", "a\x0bb", False),
        ("a\nb", "a\u2028b", False),
        ("a\nb", "a\x1cb", False),
        ("2.5", "\u0662.\u0665", False),
        ("\u0662.\u0665", "2.5", False),
    ],
)
def test_printed_words(expected: str, answer: str, right: bool) -> None:
    assert printed(expected, answer) == right


@pytest.mark.parametrize("more", ["\n1" * 3_000_000, " 1" * 3_000_000])
def test_much_more_than_expected_is_not_compared(more: str) -> None:
    told = Grader(Problem(name="p", signature=Signature(kind="stdin"))).fault(
        case("", expected="1"), "1" + more
    )
    assert told is not None
    assert told.startswith("the output has more than")
    assert printed("1", "1" + " \n" * 3_000_000)


def test_printed_decimals_in_any_order() -> None:
    assert printed("x 2.0\ny 3.0\nz 4", "z 4\ny 3\nx 2", "any-order")
    assert not printed("x 2.0\nz 4", "z 5\nx 2", "any-order")
    assert not printed("z 007", "z 7", "any-order")
    assert not printed("x 2.0\nz 14", "z 1\u0664\nx 2.0", "any-order")


def test_the_type_of_a_changed_argument_decides() -> None:
    asked = problem("f", "List[float]", returns="None", in_place=0)
    assert Grader(asked).fault(case([1], expected=[3]), [3.0000000001]) is None
    asked = problem("f", "List[int]", returns="float", in_place=0)
    assert Grader(asked).fault(case([1], expected=[3]), [3.0000000001]) is not None


def test_own_checkers_get_plain_numbers() -> None:
    source = """
def check(arguments, expected, answer):
    nan, infinite, large = answer["a"]
    return nan != nan and infinite == float("-inf") and large == 7 ** 5000
"""
    asked = Problem(
        name="p",
        signature=Signature(kind="function", name="f"),
        checker=Checker(kind="program", source=source),
    )
    answer = decode(encode({"a": [float("nan"), float("-inf"), 7**5000]}))
    assert Grader(asked).fault(case(expected=0), answer) is None


@pytest.mark.parametrize(
    ("notation", "node"),
    [
        ("TreeNode", TreeNode(None)),
        ("TreeNode", TreeNode(1, None, TreeNode(None))),
        ("ListNode", ListNode(None)),
        ("Node.children", ChildrenNode(None)),
        ("Node.children", ChildrenNode(1, [ChildrenNode(None)])),
    ],
)
def test_a_node_without_a_value_is_not_taken_for_no_node(notation: str, node: Any) -> None:
    with pytest.raises(NotSerialisable, match="a node without a value"):
        encode(node, shape_of(notation))


def test_every_operation_is_judged_by_its_own_declaration() -> None:
    signature = Signature(
        kind="design",
        name="Trees",
        operations=(
            Operation(name="root", returns="Optional[TreeNode]"),
            Operation(name="mean", returns="float"),
        ),
    )
    grader = Grader(Problem(name="trees", signature=signature, checker=Checker(kind="any-order")))
    names = ["Trees", "root", "mean", "all"]
    test = case(names, [[], [], [1, 2], []], expected=[None, None, 3, [1, 2]])
    assert grader.fault(test, [None, [], 3.0000001, [2, 1]]) is None
    assert grader.fault(test, [None, [], 3.1, [2, 1]]) == (
        "operation 2, mean(1, 2): expected 3.0, got 3.1"
    )
    assert grader.fault(test, [None, [], [2, 1], 3]) is not None  # answers are not mixed up
    assert grader.fault(test, [None, [], 3]) == "expected 4 items, got 3 items"


SECRET = 918_273


@pytest.mark.parametrize(
    "source",
    ["def check(a, expected, b): return expected",
     "def check(a, expected, b): return [expected, missing_name]",
     "def check(a, expected, b): raise ImportError(str(expected))"],
)  # fmt: skip
def test_a_broken_checker_is_named_without_values_of_the_test(source: str) -> None:
    checker = Checker(kind="program", source=source)
    grader = Grader(Problem(name="p", signature=Signature(kind="function"), checker=checker))
    with pytest.raises(ProblemError, match="the checker of p") as raised:
        grader.fault(case(1, expected=SECRET), 5)
    assert str(SECRET) not in str(raised.value)


@pytest.mark.parametrize("answer", ["1 +", "nope + 1"])
def test_an_answer_that_a_checker_evaluates_in_vain_is_wrong(answer: str) -> None:
    checker = Checker(kind="program", source="def check(a, e, b): return eval(b) == e")
    grader = Grader(Problem(name="p", signature=Signature(kind="function"), checker=checker))
    assert "cannot read the answer" in str(grader.fault(case(1, expected=2), answer))
    assert grader.fault(case(1, expected=2), "1 + 1") is None


READS_A_PAIR = "def check(a, e, b): return b[0] + b.second == e[0]"
NEEDS_A_COUNT = "def check(a, e, b): return len(b) == e"


def faulted(source: str, returns: str, expected: Any, answer: Any) -> str | None:
    asked = problem(returns=returns, checker=Checker(kind="program", source=source))
    return Grader(asked).fault(case(1, expected=expected), answer)


def test_a_checker_that_fails_on_the_expected_answer_is_broken() -> None:
    for answer in ([SECRET, 2], [], 5):
        with pytest.raises(ProblemError, match="on the expected answer too: ") as raised:
            faulted(READS_A_PAIR, "List[int]", [SECRET, 2], answer)
        assert str(SECRET) not in str(raised.value)
    with pytest.raises(ProblemError, match="IndexError"):
        faulted("def check(a, e, b): return b.split()[9]", "str", "1 2", "1")


@pytest.mark.parametrize(
    ("source", "returns", "expected"),
    [
        (NEEDS_A_COUNT, "List[int]", 3),  # no answer
        (NEEDS_A_COUNT, "Any", 3),  # nobody says what an answer is
        (READS_A_PAIR, "List[int]", None),
        (READS_A_PAIR, "List[int]", []),
        ("def check(a, e, b): return len(b) == len(e)", "List[int]", [1]),
    ],
)
def test_an_answer_that_a_checker_cannot_read_is_wrong(
    source: str, returns: str, expected: Any
) -> None:
    assert "cannot read the answer" in str(faulted(source, returns, expected, 5))


def test_own_checkers_are_not_asked_about_immense_answers() -> None:
    checker = Checker(kind="program", source="def check(a, e, b): return len(b) > e")
    grader = Grader(Problem(name="p", signature=Signature(kind="function"), checker=checker))
    assert grader.fault(case(1, expected=2), [0] * 400_000) is None
    told = grader.fault(case(1, expected=2), [0] * 600_000)
    assert told == "the answer has more than 500030 values"


def test_a_graph_of_one_node_without_neighbours() -> None:
    signature = Signature(kind="function", returns="Optional[Node.neighbors]")
    grader = Grader(Problem(name="p", signature=signature))
    shape = shape_of("Node.neighbors")
    alone, nothing = encode(build(shape, [[]]), shape), encode(build(shape, []), shape)
    assert (alone, nothing) == ([[]], [])
    assert grader.fault(case(1, expected=[[]]), alone) is None
    assert grader.fault(case(1, expected=[[]]), nothing) is not None
    assert grader.fault(case(1, expected=[]), nothing) is None


TREE = "Optional[TreeNode]"
LOOP = {"values": [1, 2, 3], "cycle": 0}
OTHER_LOOP = {"values": [1, 3, 2], "cycle": 0}


@pytest.mark.parametrize("kind", ["any-order", "nested-any-order"])
@pytest.mark.parametrize(
    ("returns", "expected", "answer", "right"),
    [
        (TREE, [1, 2, 3], [1, 2, 3], True),
        (TREE, [1, 2, 3], [1, 3, 2], False),
        (f"List[{TREE}]", [[1, 2, 3]], [[1, 3, 2]], False),
        (f"List[{TREE}]", [[1, 2, 3], [4]], [[4], [1, 2, 3]], True),
        (f"List[{TREE}]", [[1, 0.5], [4]], [[4], [1, 0.500001]], True),
        ("List[ListNode]", [LOOP], [OTHER_LOOP], False),
        ("List[ListNode]", [LOOP, [1]], [[1], LOOP], True),
        (f"List[List[{TREE}]]", [[[1, 2]], [[3]]], [[[3]], [[1, 2]]], True),
        (f"List[List[{TREE}]]", [[[1, 2]]], [[[2, 1]]], False),
    ],
)
def test_nodes_are_one_value_in_any_order(
    kind: Any, returns: str, expected: Any, answer: Any, right: bool
) -> None:
    checker = Checker(kind=kind)
    plain = problem("f", returns=returns, checker=checker)
    assert (Grader(plain).fault(case(1, expected=expected), answer) is None) is right
    operations = (Operation(name="get", returns=returns),)
    signature = Signature(kind="design", name="A", operations=operations)
    grader = Grader(Problem(name="p", signature=signature, checker=checker))
    test = case(["A", "get"], [[], []], expected=[None, expected])
    assert (grader.fault(test, [None, answer]) is None) is right
