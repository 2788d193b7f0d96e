"""Values leave the sandbox and arrive as they were; whatever else arrives is refused."""

from __future__ import annotations

import enum
import json
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_code.answers import TooManyValues, Violation, decode, parse_frame
from textgrad_code.differences import size_of
from textgrad_code.jail.node_classes import ListNode
from textgrad_code.jail.nodes import AnswerTooLarge, NotSerialisable, build, shape_of
from textgrad_code.jail.values import encode

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=5).filter(lambda k: k[:1] != "$"), inner, max_size=5)
    ),
    max_leaves=30,
)
Pair = namedtuple("Pair", "a b")


def sent(value: Any, **kwargs: Any) -> Any:
    """What the judge gets for a value of a program."""
    form = json.loads(json.dumps(encode(value, **kwargs), allow_nan=False))
    return decode(form)


@given(PLAIN)
def test_plain_data_arrive_as_they_were(value: Any) -> None:
    assert repr(sent(value)) == repr(value)  # tells 1 from 1.0 and True, and 0.0 from -0.0


@given(st.lists(st.integers()), st.lists(st.text()))
def test_long_lists_of_one_type_are_no_exception(numbers: list[int], texts: list[str]) -> None:
    assert sent([numbers, texts, tuple(numbers)]) == [numbers, texts, numbers]


class Colour(enum.IntEnum):
    RED = 1


class Liar(list[int]):
    def __eq__(self, other: object) -> bool:
        return True

    def __iter__(self) -> Any:
        return iter([9, 9])

    __hash__ = None


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ((1, (2,)), [1, [2]]),
        (Pair(1, 2), [1, 2]),
        (Liar([1, 2]), [1, 2]),
        (Colour.RED, 1),
        (defaultdict(int, {"a": 1}), {"a": 1}),
        (OrderedDict(b=1), {"b": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        ({1: 2}, {"$dict": [[1, 2]]}),
        ({"$int": "0x1"}, {"$dict": [["$int", "0x1"]]}),
        ({3, 1, 2}, {"$set": [1, 2, 3]}),
        (frozenset("a"), {"$set": ["a"]}),
        (deque([1]), {"$deque": [1]}),
        (b"\x00\xff", {"$bytes": "00ff"}),
        (math.nan, {"$float": "nan"}),
        (-math.inf, {"$float": "-inf"}),
        ([math.nan, 1.0], [{"$float": "nan"}, 1.0]),
        ("\ud800", {"$text": "\\ud800"}),
        (["a", "\udfff"], ["a", {"$text": "\\udfff"}]),
        (2**53, 2**53),
        (2**64, 2**64),
        (ListNode(1, ListNode(2)), [1, 2]),
    ],
)
def test_forms(value: Any, form: Any) -> None:
    assert sent(value) == form


def test_integers_that_cannot_be_printed_stay_tagged() -> None:
    assert sent([-(10**4500)]) == [{"$int": hex(-(10**4500))}]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ((n for n in [1]), "generator"),
        (iter([]), "list_iterator"),
        (map(str, []), "map"),
        (range(3), "range"),
        (lambda: 1, "function"),
        (object(), "object"),
        (1j, "complex"),
        ({}.keys(), "dict_keys"),
        (int, "type"),
    ],
)
def test_what_has_no_form(value: Any, name: str) -> None:
    with pytest.raises(NotSerialisable, match=f"^cannot serialise a value of type {name}(;|$)"):
        encode([value])


def test_depth_cycles_and_size_have_bounds() -> None:
    deep: Any = []
    for _ in range(10**5):
        deep = [deep]
    cyclic: list[Any] = []
    cyclic.append({"a": cyclic})
    for value in (deep, cyclic):
        with pytest.raises(NotSerialisable, match="nested deeper than 100 levels or contains"):
            encode(value)
    shared: Any = 0
    for _ in range(60):
        shared = [shared, shared]
    for value in (shared, [0] * 2000, [[0, "a"]] * 900):
        with pytest.raises(AnswerTooLarge):
            encode(value, most=1000)


FORGED = [
    {"$pickle": "gASV"},
    {"$int": "10"},
    {"$int": 10},
    {"$int": "0x" + "g"},
    {"$float": "1.0"},
    {"$float": 1.0},
    {"$set": 1},
    {"$dict": [[1]]},
    {"$dict": {"a": 1}},
    {"$text": "é"},
    {"$int": "0x1", "b": 1},
    {"a": 1, "$set": []},
    {"$set": [{"$no": 1}]},
    2**53 + 1,
    [2**60, 2**60],
    "\ud800",
    ["a", "\ud800"],
    {"\ud800": 1},
]


@pytest.mark.parametrize("form", FORGED, ids=repr)
def test_forged_forms_are_refused(form: Any) -> None:
    with pytest.raises(Violation):
        decode(form)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        '{"é": 1}'.encode(),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_malformed_frames_are_refused(body: bytes) -> None:
    with pytest.raises(Violation):
        parse_frame(body)


def test_a_number_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(Violation):
        decode(parse_frame(b'{"answer": 1e999}')["answer"])


@given(st.binary(max_size=200))
def test_any_bytes_give_an_object_or_a_violation(body: bytes) -> None:
    try:
        frame = parse_frame(body)
    except Violation:
        return
    assert isinstance(frame, dict)


@pytest.mark.parametrize(
    ("notation", "data"),
    [
        ("ListNode", [1, 2, 3]),
        ("Optional[ListNode]", []),
        ("ListNode | None", {"values": [1, 2, 3], "cycle": 1}),
        ("List[Optional[ListNode]]", [[1], [], [2, 3]]),
        ("TreeNode", [5, 3, 8, None, 4, None, None, 1]),
        ("Optional[TreeNode]", []),
        ("List[TreeNode]", [[1, None, 2], []]),
        ("Node.children", [1, None, 3, 2, 4, None, 5, 6]),
        ("Node.children", [1, None, 2, 3, 4, 5, None, None, 6, 7, None, 8, None, 9, 10]),
        ("Node.random", [[7, None], [13, 0], [11, 4], [10, 2], [1, 0]]),
        ("Node.neighbors", [[2, 4], [1, 3], [2, 4], [1, 3]]),
        ("Node.neighbors", [[]]),
    ],
)
def test_nodes_are_built_and_read_back(notation: str, data: Any) -> None:
    shape = shape_of(notation)
    assert shape is not None
    assert sent(build(shape, data), shape=shape) == data


@given(st.lists(st.integers(0, 9) | st.none(), max_size=20))
def test_trees_have_one_form(values: list[int | None]) -> None:
    shape = shape_of("TreeNode")
    once = sent(build(shape, values), shape=shape)
    assert sent(build(shape, once), shape=shape) == once


def test_long_lists_and_deep_trees_need_no_recursion() -> None:
    values = list(range(50_000))
    chain = [one for value in values for one in (value, None)][:-1]
    for notation, data in (("ListNode", values), ("TreeNode", chain)):
        shape = shape_of(notation)
        assert sent(build(shape, data), shape=shape) == data


@pytest.mark.parametrize("notation", ["int", "List[int]", "Dict[str, int]", "Any", "NodeList"])
def test_other_types_are_passed_as_they_are(notation: str) -> None:
    assert shape_of(notation) is None


@pytest.mark.parametrize(("notation", "value"), [("TreeNode", [1]), ("List[ListNode]", 5)])
def test_what_is_no_node_is_refused(notation: str, value: Any) -> None:
    with pytest.raises(NotSerialisable):
        encode(value, shape_of(notation))


@pytest.mark.parametrize("value", [0, "", [], {"a": []}, None, [1, {"b": 2.5}]])
def test_a_frame_with_far_too_many_values_is_not_read(value: Any) -> None:
    frame = {"answer": [value] * 30_000}
    body = json.dumps(frame, separators=(",", ":")).encode()
    with pytest.raises(TooManyValues, match="more than 25000 values"):
        parse_frame(body, lambda: 15_000)
    most = size_of(frame)
    assert parse_frame(body, lambda: most) == frame


@pytest.mark.parametrize(
    "text", ["1,2," * 50_000, '\\",[' * 50_000, "{\\" * 50_001, "é,\n" * 50_000]
)
def test_what_is_in_a_text_is_no_value(text: str) -> None:
    frame = {"answer": [text, {text: text}]}
    assert parse_frame(json.dumps(frame).encode(), lambda: 0) == frame
