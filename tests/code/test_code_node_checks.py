"""Types and nodes of a problem: what is refused when it is loaded, and what means the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judged import case, problem
from textgrad_code.errors import ProblemError
from textgrad_code.grading import Grader
from textgrad_code.jail.calls import build_arguments
from textgrad_code.jail.nodes import NODE_TYPES, Shape, build, read, shape_of
from textgrad_code.node_data import canonical_nodes, fault_of
from textgrad_code.problem import Operation, Problem, Signature
from textgrad_code.problem_json import problem_from_json


def loaded(
    arguments: list[Any],
    *types: str,
    expected: Any = None,
    returns: str = "Any",
    **signature: Any,
) -> Problem:
    """A problem with one visible test, as read from a file."""
    parameters = [f"p{index}: {one}" for index, one in enumerate(types)]
    described = {"kind": "function", "name": "f", "parameters": parameters, "returns": returns}
    tests = [{"input": arguments, "expected": expected}]
    return problem_from_json(
        {"name": "mine", "signature": {**described, **signature}, "visible": tests}, "mine"
    )


CYCLE_3 = {"values": [1, 2, 3], "cycle": 3}


@pytest.mark.parametrize(
    ("notation", "value", "words"),
    [
        ("ListNode", CYCLE_3, ["is {'cycle': 3, ", "from 0 to 2, or -1 for none"]),
        ("ListNode", {"values": [1, 2, 3], "cycle": -2}, ["cycle is -2", "3 nodes"]),
        ("ListNode", {"values": [1], "cycle": True}, ["cycle is True"]),
        ("ListNode", {"values": [], "cycle": 0}, ["0 nodes: write -1 for none"]),
        ("ListNode", {"value": [1]}, ["write its values and the index"]),
        ("ListNode", 5, ["is 5, which is no ListNode: write the list of its values"]),
        ("ListNode", [1, None, 2], ["value 1 of its nodes is None"]),
        ("Optional[ListNode]", [[1], [2]], ["value 0 of its nodes is [1]"]),
        ("List[ListNode]", [[1], 2], ["no list of ListNode: item 1 is wrong: write the list"]),
        ("List[ListNode]", {"a": 1}, ["write a list, a ListNode for each"]),
        ("TreeNode", {"a": 1}, ["is {'a': 1}, which is no TreeNode", "level by level"]),
        ("TreeNode", "abc", ["is 'abc'", "level by level"]),
        ("TreeNode", [None, 1], ["value 1 has no parent"]),
        ("TreeNode", [1, None, None, 4], ["value 3 has no parent"]),
        ("Node.children", [1, 2], ["null after the root"]),
        ("Node.children", [1, None, None, 2], ["the null at 2 is one group", "too many"]),
        ("Node.neighbors", [[9]], ["a neighbour of node 1 is 9: write a node from 1 to 1"]),
        ("Node.neighbors", [[0]], ["is 0"]),
        ("Node.neighbors", [1], ["write the neighbours"]),
        ("Node.random", [[7, 9]], ["the random of node 0 is 9", "from 0 to 0"]),
        ("Node.random", [[7, -1]], ["is -1"]),
        ("Node.random", [7], ["[value, index of random or null]"]),
    ],
)
def test_values_that_are_no_nodes_are_refused(notation: str, value: Any, words: list[str]) -> None:
    with pytest.raises(ProblemError) as caught:
        loaded([0, value], "int", notation)
    for word in ["mine: visible[0].input[1] is ", *words]:
        assert word in str(caught.value)
    with pytest.raises(ProblemError, match=r"visible\[0\]\.expected is "):
        loaded([0], "int", returns=notation, expected=value)
    with pytest.raises(ProblemError, match=r"visible\[0\]\.expected is "):
        loaded([None], notation, expected=value, in_place=0)


def test_a_checker_may_expect_something_else() -> None:
    checker = {"kind": "program", "source": "def check(a, e, b): return len(b) == e"}
    signature = {"kind": "function", "name": "f", "parameters": ["x"], "returns": "ListNode"}
    tests = [{"input": [1], "expected": 5}]
    given_data = {"name": "m", "signature": signature, "visible": tests, "checker": checker}
    assert problem_from_json(given_data).visible[0].expected == 5


TREES = ("TreeNode", "TreeNode")


def test_an_integer_may_name_a_node_of_an_earlier_argument() -> None:
    assert loaded([[6, 2, 8], 8], *TREES).visible
    assert loaded([{"values": [4, 5], "cycle": 0}, 5], "ListNode", "ListNode").visible
    for arguments, types, words in [
        ([[6, 2, 8], 9], TREES, "input[1] is 9: no node of the first TreeNode has that value"),
        ([8, [6, 2, 8]], TREES, "input[0] is 8"),
        ([[6, 2], 6], ("TreeNode", "ListNode"), "input[1] is 6"),
        ([[[6]], 6], ("List[TreeNode]", "TreeNode"), "input[1] is 6"),
    ]:
        with pytest.raises(ProblemError) as caught:
            loaded(arguments, *types)
        assert words in str(caught.value)


def test_a_list_of_trees_is_not_the_tree_whose_node_an_integer_names() -> None:
    shapes = tuple(map(shape_of, ("List[TreeNode]", "TreeNode", "TreeNode")))
    *_, tree, named = build_arguments(shapes, [[[6]], [7, 8], 8])
    assert named is tree.left


DESIGN = {"kind": "design", "name": "Walk", "parameters": ["root: TreeNode"]}


def design(lists: list[Any], expected: list[Any]) -> Problem:
    names = ["Walk", *["cut"] * (len(lists) - 1)]
    operations = ["cut(node: TreeNode) -> TreeNode"]
    tests = [{"input": [names, lists], "expected": expected}]
    signature = {**DESIGN, "operations": operations}
    return problem_from_json({"name": "mine", "signature": signature, "visible": tests}, "mine")


def test_nodes_of_operations_are_checked() -> None:
    assert design([[[1, 2]], [2], [[5]]], [None, [2], []]).visible
    with pytest.raises(ProblemError, match=r"visible\[0\]\.input\[1\]\[0\]\[0\] is 'x'"):
        design([["x"], [2]], [None, [2]])
    with pytest.raises(ProblemError, match=r"visible\[0\]\.input\[1\]\[1\]\[0\] is 3: no node"):
        design([[[1, 2]], [3]], [None, [2]])
    with pytest.raises(ProblemError, match=r"visible\[0\]\.expected\[1\] is 2"):
        design([[[1, 2]], [2]], [None, 2])


CODEC = ["serialize(root: TreeNode) -> str", "size(root: TreeNode, most: int) -> int"]


@pytest.mark.parametrize(
    ("operations", "lists", "words"),
    [
        (CODEC, [[1], [[5]], [[5], 3]], []),
        ([], [[1], [[5], 7], []], []),  # not named there: plain data
        (
            ["serialise(root: TreeNode) -> str"],
            [[1], [[5]], [[5], 3]],
            [
                "signature.operations names 'serialise'",
                "which no test calls, and not 'serialize', which one does",
            ],
        ),
        ([CODEC[0], "zap()"], [[1], [[5]], [[5], 3]], ["'zap', which no", "not 'size', which"]),
        ([*CODEC, "zap()"], [[1], [[5]], [[5], 3]], []),  # maybe left to other tests
        (CODEC, [[], [[5]], [[5], 3]], ["input[1][0] holds 0 arguments", "parameters names 1"]),
        (CODEC, [[1, 2], [[5]], [[5], 3]], ["input[1][0] holds 2 arguments"]),
        (CODEC, [[1], [], [[5], 3]], ["input[1][1] holds 0", "'serialize' names 1: write one"]),
        (CODEC, [[1], [[5]], [[5]]], ["input[1][2] holds 1", "the operation 'size' names 2"]),
    ],
)
def test_calls_of_a_design_class_are_as_declared(
    operations: list[str], lists: list[Any], words: list[str]
) -> None:
    signature = {"kind": "design", "name": "Codec", "parameters": ["start: int"]}
    test = {"input": [["Codec", "serialize", "size"], lists], "expected": [None, "5", 1]}
    data = {"name": "a", "signature": {**signature, "operations": operations}}
    if not words:
        assert problem_from_json({**data, "hidden": [test]}, "mine").hidden
        return
    with pytest.raises(ProblemError) as caught:
        problem_from_json({**data, "hidden": [test]}, "mine")
    for word in ["mine: ", *words]:
        assert word in str(caught.value)


def test_a_constructor_without_declared_parameters_takes_plain_data() -> None:
    test = {"input": [["A", "up"], [[7], []]], "expected": [None, 8]}
    signature = {"kind": "design", "name": "A"}
    assert problem_from_json({"name": "a", "signature": signature, "visible": [test]}).visible


@pytest.mark.parametrize(
    ("notation", "written", "answers"),
    [
        ("ListNode", {"values": [1, 2], "cycle": -1}, [1, 2]),
        ("ListNode", {"values": [1, 2], "cycle": None}, [1, 2]),
        ("ListNode", {"values": [1, 2]}, [1, 2]),
        ("ListNode", {"values": [], "cycle": -1}, []),
        ("TreeNode", [1, 2, None], [1, 2]),
        ("TreeNode", [None], []),
        ("List[Optional[TreeNode]]", [[1, None, None], None], [[1], []]),
        ("Node.children", [1, None], [1]),
        ("Node.children", [1, None, 2, None, None], [1, None, 2]),
    ],
)
def test_conventions_of_leetcode_mean_the_same(notation: str, written: Any, answers: Any) -> None:
    shape = shape_of(notation)
    assert shape is not None
    assert read(shape, build(shape, written), lambda: None) == answers
    asked = loaded([written], notation, returns=notation, expected=written)
    assert Grader(asked).fault(asked.visible[0], answers) is None
    changed = loaded([written], notation, expected=written, in_place=0)
    assert Grader(changed).fault(changed.visible[0], answers) is None


def test_an_operation_may_expect_trailing_nulls() -> None:
    operations = (Operation(name="tree", returns="TreeNode"),)
    signature = Signature(kind="design", name="A", operations=operations)
    test = case(["A", "tree"], [[], []], expected=[None, [1, 2, None]])
    grader = Grader(Problem(name="p", signature=signature))
    assert grader.fault(test, [None, [1, 2]]) is None
    assert grader.fault(test, [None, [1, None, 2]]) is not None


def test_nulls_of_plain_lists_count() -> None:
    assert Grader(problem()).fault(case(1, expected=[1, None]), [1]) is not None


levels = st.lists(st.one_of(st.none(), st.integers(1, 3)), max_size=8)
numbers = st.one_of(st.none(), st.integers(-1, 3))
pairs = st.lists(st.tuples(st.integers(1, 3), numbers).map(list), max_size=4)
cyclic = st.builds(lambda v, c: {"values": v, "cycle": c}, levels, st.integers(-2, 4))


@given(st.sampled_from(NODE_TYPES), st.one_of(levels, pairs, cyclic, st.lists(levels, max_size=3)))
def test_what_is_accepted_can_be_built_and_read_back(node: str, data: Any) -> None:
    shape = Shape(node, 0)
    if fault_of(shape, data):
        return
    again = read(shape, build(shape, data), lambda: None)
    right = canonical_nodes(shape, data)
    if node == "Node.neighbors":  # only what can be reached from node 1 is read
        assert isinstance(right, list)
        assert len(again) <= len(right)
    else:
        assert again == right


@pytest.mark.parametrize(
    ("notation", "words"),
    [
        ("Optional[Node]", ["say which Node: Node.children or Node.random or Node.neighbors"]),
        ("Node", ["say which"]),
        ("List['Node']", ["say which"]),
        ("Foo", ["Foo is no type known here", "write Any"]),
        ("Node.child", ["did you mean Node.children?"]),
        ("List[Treenode]", ["did you mean TreeNode?"]),
        ("listnode", ["did you mean ListNode?"]),
        ("Literal['int']", ["Literal is no type known here: for plain data"]),
        ("NestedInteger", ["NestedInteger is no type known here: for plain data"]),
        ("Interval", ["Interval is no type known here: for plain data"]),
        ("Union[TreeNode, int]", ["inside List and Optional only"]),
        ("Dict[str, TreeNode]", ["inside List and Optional only", "Optional[TreeNode]"]),
        ("List[3]", ["write a type, such as List[int], or Any"]),
    ],
)
def test_types_that_mean_nothing_are_refused(notation: str, words: list[str]) -> None:
    for place, types, returns in [
        ("signature.parameters[0]", notation, "Any"),
        ("signature.returns", "Any", notation),
    ]:
        with pytest.raises(ProblemError) as caught:
            loaded([None], types, returns=returns)
        for word in [f"mine: {place} has the type {notation!r}: ", *words]:
            assert word in str(caught.value)
    design_of = {"kind": "design", "name": "A", "operations": [f"f(x: {notation})"]}
    tests = [{"input": [["A"], [[]]], "expected": [None]}]
    with pytest.raises(ProblemError, match=r"signature\.operations\[0\] has the type"):
        problem_from_json({"name": "a", "signature": design_of, "visible": tests})


@pytest.mark.parametrize(
    ("notation", "lists"),
    [("Union[TreeNode, None]", 0), ("Union[None, 'TreeNode']", 0), ("None | TreeNode", 0),
     ("TreeNode | None", 0), ("List[Union[TreeNode, None]]", 1),
     ("Union[List[Optional[TreeNode]], None]", 1)],
)  # fmt: skip
def test_nodes_may_be_absent_in_every_way_to_write_it(notation: str, lists: int) -> None:
    tree: Any = [[1, 2]] if lists else [1, 2]
    asked = loaded([tree], notation, expected=tree, returns=notation)
    assert shape_of(asked.signature.returns) == Shape("TreeNode", lists)


@pytest.mark.parametrize(
    "notation",
    ["TreeNode | None", "Optional['TreeNode']", "typing.Dict[str, int]", "Tuple[int, ...]",
     "Union[int, str, None]", "list[list[double]]", "Callable[[int], bool]", "None"],
)  # fmt: skip
def test_types_of_python_and_leetcode_are_known(notation: str) -> None:
    assert loaded([None], notation, returns=notation).signature.returns == notation


@pytest.mark.parametrize("place", ["returns", "parameters", "operations"])
def test_lists_in_any_order_hold_nodes_at_once(place: str) -> None:
    def given(notation: str, kind: str) -> dict[str, Any]:
        signature: dict[str, Any] = {"kind": "function", "name": "f", "parameters": ["x"]}
        test: dict[str, Any] = {"input": [[]], "expected": []}
        if place == "returns":
            signature["returns"] = notation
        elif place == "parameters":
            signature |= {"parameters": [f"x: {notation}"], "in_place": 0}
        else:
            signature = {"kind": "design", "name": "A", "operations": [f"f() -> {notation}"]}
            test = {"input": [["A", "f"], [[], []]], "expected": [None, []]}
        return {"name": "a", "signature": signature, "visible": [test], "checker": {"kind": kind}}

    assert problem_from_json(given("List[TreeNode]", "nested-any-order")).visible
    assert problem_from_json(given("List[List[TreeNode]]", "any-order")).visible
    with pytest.raises(ProblemError, match="'nested-any-order', but answers have the type"):
        problem_from_json(given("List[List[TreeNode]]", "nested-any-order"))
