"""What counts as right under a problem's own declarations: types, text output, own checkers."""

from __future__ import annotations

from typing import Any

import pytest

from judged import case, problem
from textgrad_code.answers import decode
from textgrad_code.grading import Grader
from textgrad_code.jail.node_classes import ChildrenNode, ListNode, TreeNode
from textgrad_code.jail.nodes import NotSerialisable, shape_of
from textgrad_code.jail.values import encode
from textgrad_code.problem import Checker, Problem, Signature


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
    ],
)
def test_printed_words(expected: str, answer: str, right: bool) -> None:
    assert printed(expected, answer) == right


def test_printed_decimals_in_any_order() -> None:
    assert printed("x 2.0\ny 3.0\nz 4", "z 4\ny 3\nx 2", "any-order")
    assert not printed("x 2.0\nz 4", "z 5\nx 2", "any-order")
    assert not printed("z 007", "z 7", "any-order")


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
