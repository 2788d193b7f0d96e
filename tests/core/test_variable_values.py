"""What a variable may hold and be given: images, plain scalars, predecessors, feedback by hand."""

from __future__ import annotations

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from strategies import any_texts, json_values
from textgrad_core.errors import UsageError
from textgrad_core.gradient import Gradients
from textgrad_core.outcome import Evaluated, Rejected, Unmeasured
from textgrad_core.values import ImageURL, from_json, media_type, to_json
from textgrad_core.variable import NO_FEEDBACK, Gradient, Variable

PNG = b"\x89PNG\r\n\x1a\n....."


def leaf(value: Any = "x", role: str = "a leaf", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


class Scalar:
    """As array libraries have them."""

    shape = ()

    def __init__(self, number: float) -> None:
        self.number = number

    def item(self) -> float:
        return self.number


@pytest.mark.parametrize("number", [3, 2.5, True])
def test_a_scalar_of_an_array_library_is_a_plain_number(number: float) -> None:
    variable = leaf(Scalar(number))
    assert variable.value is number
    variable.value = Scalar(7)
    assert variable.value == 7


def test_an_image_is_read_when_its_value_is(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"not yet")
    variable = Variable(image_path=str(file), role_description="an image")
    file.write_bytes(PNG)
    assert "a.png" in repr(variable)
    assert variable.value == PNG
    file.unlink()
    assert variable.get_value() == PNG
    by_place = Variable("", Path(__file__), role_description="bytes")
    by_place.value = "instead"
    assert by_place.value == "instead"


def test_an_image_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.png"):
        Variable(image_path=str(tmp_path / "nowhere.png"), role_description="an image")
    with pytest.raises(UsageError, match="both"):
        Variable("text", str(tmp_path), role_description="an image")


def test_a_web_address_is_never_fetched() -> None:
    address = "http://127.0.0.1:9/there-is-no-server-here.png"
    variable = Variable(image_path=address, role_description="an image")
    assert isinstance(variable.value, ImageURL)
    assert variable.value == address


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_images_are_known_by_how_they_begin(data: bytes, kind: str) -> None:
    assert media_type(data) == kind


@pytest.mark.parametrize("data", [b"", b"RIFF....WAVE", b"%PDF-1.7"])
def test_other_bytes_are_no_image(data: bytes) -> None:
    with pytest.raises(UsageError, match="no PNG"):
        media_type(data)


@given(value=st.one_of(json_values(), st.binary(max_size=20)))
def test_what_is_stored_comes_back(value: Any) -> None:
    assert from_json(to_json(value)) == value
    for trap in ({"$bytes": value}, {"$value": value}):
        if not isinstance(value, bytes):
            assert from_json(to_json(trap)) == trap


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}], ids=["object", "nan", "set"])
def test_what_cannot_be_stored_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="cannot be stored"):
        to_json(value)


@given(text=any_texts(), words=st.integers(1, 12))
def test_a_short_value_is_the_value_or_its_two_ends(text: str, words: int) -> None:
    short = leaf(text).get_short_value(words)
    if len(text.split()) <= 2 * words:
        assert short == text
    else:
        head, _, tail = short.partition(" (...) ")
        assert text.startswith(head)
        assert text.endswith(tail)
        assert head.split() == text.split()[:words]


def test_lines_of_code_are_many_words() -> None:
    code = "\n".join(f"line{n}" for n in range(100))
    assert leaf(code).get_short_value(3) == "line0\nline1\nline2 (...) line97\nline98\nline99"


def test_roles_have_getter_and_setter() -> None:
    variable = leaf()
    variable.set_role_description("another role")
    assert variable.get_role_description() == variable.role_description == "another role"


def test_predecessors_may_be_given() -> None:
    first = leaf()
    made = Variable("made", predecessors=[first], role_description="made by hand")
    assert made.predecessors == (first,)
    made.backward(gradient="words")
    assert len(first.gradients) == 0  # nothing says how feedback flows back
    with pytest.raises(UsageError, match="requires feedback"):
        Variable("x", predecessors=[first], requires_grad=False, role_description="frozen")


def test_feedback_may_be_a_variable_as_in_textgrad() -> None:
    variable, feedback = leaf(), leaf("Shorter, please.", "feedback of a person")
    none: object = set()
    assert variable.gradients == none
    variable.gradients.add(feedback)
    variable.gradients_context[feedback] = {"context": "a talk", "response_desc": "answer"}
    assert feedback in variable.gradients
    assert [g.value for g in variable.gradients] == ["Shorter, please."]
    (gradient,) = variable.gradients
    assert gradient.context == "a talk"
    assert gradient.source == "feedback of a person"
    assert variable.gradients_context[feedback] == {
        "context": "a talk",
        "response_desc": "feedback of a person",
        "variable_desc": "a leaf",
    }
    variable.reset_gradients()
    assert len(variable.gradients_context) == 0
    assert variable.gradients_context.get(feedback) is None
    with pytest.raises(KeyError):
        variable.gradients_context[feedback] = {"context": "too late"}


def test_gradients_are_a_set_in_what_they_can_do() -> None:
    variable = leaf()
    variable.gradients = {Gradient(text="a")}
    variable.gradients |= {Gradient(text="b")}
    variable.gradients.update(["c"])
    three: object = {Gradient(text=t) for t in "abc"}
    assert variable.gradients == three
    variable.gradients.discard("b")
    variable.gradients.remove("a")
    assert [g.text for g in variable.gradients.copy()] == ["c"]
    assert [g.text for g in variable.gradients | Gradients(["d"])] == ["c", "d"]
    variable.gradients = set()
    assert not variable.gradients
    for nothing in (3, leaf(4)):
        assert nothing not in variable.gradients
        with pytest.raises(UsageError, match="no feedback"):
            variable.gradients.add(nothing)


def test_a_reader_survives_a_writer() -> None:
    variable = leaf()
    variable.gradients = ["a", "b"]
    for gradient in variable.gradients:
        variable.gradients.add(gradient.text + "!")
    assert len(variable.gradients) == 4


def test_threads_lose_no_feedback_and_readers_survive_them() -> None:
    variable = leaf()
    counts: list[int] = []

    def write(number: int) -> None:
        for turn in range(500):
            variable.gradients.add(f"{number} {turn}")
            counts.append(len(list(variable.gradients)) if turn % 50 == 0 else 0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))
    finally:
        sys.setswitchinterval(interval)
    wanted = {f"{number} {turn}" for number in range(8) for turn in range(500)}
    assert {g.text for g in variable.gradients} == wanted
    assert len(variable.gradients) == 4000


def test_backward_may_start_from_an_outcome() -> None:
    variable = leaf()
    variable.backward(gradient=Rejected(reason="ring of nine", hint="use six"))
    (rejection,) = variable.gradients
    assert rejection.text == "ring of nine (use six)"
    assert rejection.verbatim
    variable.reset_gradients()
    outcome = Evaluated(scores={"energy": -7.25}, feedback="too big", data={"atoms": 40})
    (variable + "!").backward(gradient=outcome)
    (measured,) = variable.gradients
    assert measured.text == "energy: -7.25\n\ntoo big"
    assert measured.data == {"atoms": 40}
    variable.reset_gradients()
    variable.backward(gradient=NO_FEEDBACK)
    assert not variable.gradients
    variable.backward(gradient=leaf("a person's words"))
    assert variable.get_gradient_text() == "a person's words"
    with pytest.raises(UsageError, match="Unmeasured is no feedback"):
        variable.backward(gradient=Unmeasured(cause="no receptor"))


def pickled(variable: Variable) -> Variable:
    again = pickle.loads(pickle.dumps(variable))  # noqa: S301 - what it has just written
    assert isinstance(again, Variable)
    return again


@pytest.mark.parametrize("again", [copy.deepcopy, pickled])
def test_a_copy_holds_value_and_feedback(again: Any) -> None:
    variable = leaf({"a": [1]}, requires_grad=False)
    variable.gradients.add(Gradient(text="words", context="a talk"))
    other = again(variable)
    assert other is not variable
    assert (other.value, other.role_description) == ({"a": [1]}, "a leaf")
    assert not other.requires_grad
    assert list(other.gradients) == list(variable.gradients)
    made = again(leaf("a") + "b")
    assert made.value == "ab"
    assert made.predecessors == ()


def test_the_graph_can_be_looked_at() -> None:
    drawn = (leaf("a { b", "first") + leaf("c", "second")).generate_graph()
    assert drawn.dot().startswith("digraph")
    assert "first" in drawn.dot()
    variable = leaf()
    variable.gradients.add("shorter words")
    assert "shorter words" in variable.generate_graph(print_gradients=True).dot()


def test_the_logger_says_nothing_by_itself() -> None:
    assert tg.logger.name == "textgrad_core"
    assert tg.logger.handlers
