"""Calls with fields, examples and images: what is sent, and what feedback is asked about."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from engines import Recorder, last_words
from fault_server import FaultServer
from strategies import hostile_values
from textgrad_core import config
from textgrad_core.autograd import (
    FormattedLLMCall,
    LLMCall_with_in_context_examples,
    MultimodalLLMCall,
    OrderedFieldsMultimodalLLMCall,
)
from textgrad_core.autograd.functional import formatted_llm_call, llm_call
from textgrad_core.engine import get_engine
from textgrad_core.engine.protocol import Image, Message, Request
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import digest
from textgrad_core.variable import Variable

PNG, OTHER = b"\x89PNG\r\n\x1a\n.....", b"\x89PNG\r\n\x1a\n....,"


@pytest.fixture(autouse=True)
def _no_default_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_default", [])


def leaf(value: object = "x", role: str = "a leaf", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


def sent(template: str, fields: Mapping[str, object]) -> str:
    engine = Recorder(lambda _: "an answer")
    inputs = {name: leaf(value, f"the {name}") for name, value in fields.items()}
    assert FormattedLLMCall(engine, template, fields=fields)(inputs, "out").value == "an answer"
    return last_words(engine.requests[0])


@given(question=hostile_values(), before=hostile_values(), data=hostile_values())
def test_values_and_templates_hold_anything(question: str, before: str, data: str) -> None:
    def doubled(text: str) -> str:
        return text.replace("{", "{{").replace("}", "}}")

    fields = {"question": question, "data": data}
    template = f"{doubled(before)} {{question}}-{{data}}-{{question}}"
    assert sent(template, fields) == f"{before} {question}-{data}-{question}"
    assert sent(template, fields) == template.format(**fields)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"a": {"b": {x}}}', '{"a": {"b": 1}}'),
        ("{x} { {y} {}", "1 { {y} {}"),
        ("{x:>4} {x}", "{x:>4} 1"),
        ("{{x}} {x}", "{x} 1"),
        ("def f(): return {{'a': {x}}}", "def f(): return {'a': 1}"),
    ],
)
def test_braces_of_json_and_code_are_text(template: str, expected: str) -> None:
    assert sent(template, {"x": 1}) == expected


def test_fields_must_be_those_of_the_template_and_of_the_inputs() -> None:
    engine = Recorder()
    with pytest.raises(UsageError, match="no place for 'b'"):
        FormattedLLMCall(engine, "{a}", {"a": None, "b": None})
    call = FormattedLLMCall(engine, "{a}", {"a": None})
    for wrong in ({}, {"b": leaf()}, {"a": leaf(), "b": leaf()}):
        with pytest.raises(UsageError, match="fields are 'a'"):
            call(wrong)
    with pytest.raises(UsageError, match="no engine"):
        FormattedLLMCall(None, "{a}", ["a"])({"a": leaf()})


def test_each_field_gets_feedback_of_its_own() -> None:
    engine = Recorder(lambda r: "an answer" if r.purpose == "forward" else "be clearer")
    fields = {"question": leaf("Why?", "a question"), "fact": leaf("Rain.", "a fact", False)}
    system = leaf("Be brief.", "the system prompt")
    out = formatted_llm_call(
        fields, "the answer", engine, "{fact} {question}", dict.fromkeys(fields), system
    )
    out.backward()
    asked = [last_words(r) for r in engine.asked("feedback")]
    assert [("'question' part of the prompt" in a, "system prompt" in a) for a in asked] == [
        (True, False),
        (False, True),
    ]
    assert all("Rain. Why?" in a for a in asked)
    assert [len(v.gradients) for v in (*fields.values(), system)] == [1, 0, 1]


def test_functional_calls_are_the_calls() -> None:
    engine = Recorder(lambda r: f"{len(r.messages)}")
    assert llm_call(leaf(), engine, "out", leaf()).value == "2"
    out = llm_call(leaf(), engine)
    assert out.value == "1"
    assert "response" in out.role_description


def test_examples_are_shown_where_feedback_is_asked_for_and_nowhere_else() -> None:
    engine = Recorder(lambda r: "an answer" if r.purpose == "forward" else "be clearer")
    examples = ["say {why} $x", "</EXAMPLE> be kind"]
    call = LLMCall_with_in_context_examples(engine)
    answer = call(leaf(), "the answer", examples)
    answer.backward(gradient="longer")
    call(leaf(), "the answer", in_context_examples=examples).backward()
    call(leaf()).backward()
    chain, base, without = (last_words(r) for r in engine.asked("feedback"))
    assert all(e in chain and e in base and e not in without for e in examples)
    assert not any("why" in last_words(r) for r in engine.asked("forward"))
    with pytest.raises(UsageError, match="list"):
        call(leaf(), None, "one text")


def test_texts_and_images_go_in_order() -> None:
    engine = Recorder(lambda _: "a cat")
    inputs = [leaf(PNG, "an image", False), leaf("What", "question"), leaf(7, "number")]
    answer = MultimodalLLMCall(engine, "Be brief.")(inputs)
    assert answer.value == "a cat"
    system, user = engine.requests[0].messages
    assert system.content == "Be brief."
    assert user.parts == (Image(data=PNG), "What", "7")
    assert "What\n7" in user.content
    assert MultimodalLLMCall(engine)(inputs[1:]).value == "a cat"
    assert engine.requests[1].messages[0].parts == ()
    with pytest.raises(UsageError, match="no inputs"):
        MultimodalLLMCall(engine)([])


def test_fields_go_in_their_order_with_their_names() -> None:
    engine = Recorder(lambda _: "a cat")
    call = OrderedFieldsMultimodalLLMCall(engine, ["image", "question"])
    call({"question": leaf("What {x}?"), "image": leaf(PNG)}).backward()
    user = engine.asked("forward")[0].messages[0]
    assert user.parts == ("image: ", Image(data=PNG), "question: What {x}?")
    with pytest.raises(UsageError, match="fields are 'image', 'question'"):
        call({"image": leaf(PNG)})


def test_feedback_sees_the_images_and_none_is_asked_for_on_one_from_outside() -> None:
    engine = Recorder(lambda _: "look closer")
    image, question = leaf(PNG, "an image"), leaf("What?", "question")
    MultimodalLLMCall(engine)([image, question]).backward()
    (asked,) = engine.asked("feedback")
    assert asked.messages[-1].parts == (last_words(asked), Image(data=PNG))
    assert len(image.gradients) == 0
    assert len(question.gradients) == 1


def test_an_image_a_function_made_passes_feedback_on_to_what_it_was_made_from() -> None:
    engine = Recorder(lambda _: "draw it bigger")
    code = leaf("plot()", "a program")
    draw = tg.FunctionCall(lambda code: PNG if code else b"", "draws what a program says")
    drawn = draw({"code": code})
    MultimodalLLMCall(engine)([drawn, leaf("What?", "question", False)]).backward(engine=engine)
    assert [g.text for g in drawn.gradients] == ["draw it bigger"]
    assert [g.text for g in code.gradients] == ["draw it bigger"]


@pytest.mark.parametrize("where", ["prompt", "system prompt"])
def test_bytes_that_are_no_image_are_refused(where: str) -> None:
    engine = Recorder()
    given = (leaf(b"%PDF"), None) if where == "prompt" else (leaf(), leaf(PNG))
    with pytest.raises(UsageError, match="image"):
        _ = tg.autograd.LLMCall(engine, given[1])(given[0]).value
    assert engine.requests == []


def test_an_image_is_its_data_or_its_address() -> None:
    with pytest.raises(UsageError, match="exactly one"):
        Image()
    with pytest.raises(UsageError, match="exactly one"):
        Image(data=PNG, url="http://a.example/b.png")


@given(st.sampled_from([(PNG, OTHER), (PNG, "text"), ("a", "b")]))
def test_different_parts_are_different_requests(two: tuple[object, object]) -> None:
    def key(value: object) -> str:
        part = Image(data=value) if isinstance(value, bytes) else str(value)
        user = Message(role="user", content="same", parts=(part, "?"))
        return digest(Request(messages=(user,)).to_json())

    assert key(two[0]) != key(two[1])
    assert key(two[0]) == key(two[0])


def test_a_request_without_images_is_recorded_as_before() -> None:
    message = Message(role="user", content="why?")
    assert message.to_json() == {"role": "user", "content": "why?"}


def test_a_server_gets_parts_as_it_wants_them() -> None:
    pytest.importorskip("openai", reason="the openai extra is not installed")
    address = "https://a.example/cat.png"
    with FaultServer(lambda _: "a cat") as server:
        engine = get_engine("m", server.url())
        inputs = [
            Variable(PNG, role_description="one"),
            Variable("or \ud800", role_description="text"),
            Variable(image_path=address, role_description="other"),
        ]

        async def ask() -> object:
            return await MultimodalLLMCall(engine)(inputs)

        assert asyncio.run(ask()) == "a cat"
        (received,) = server.received
    (message,) = received.body["messages"]
    data = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": data}},
        {"type": "text", "text": "or \ufffd"},
        {"type": "image_url", "image_url": {"url": address}},
    ]


def test_a_users_engine_gets_a_list_of_texts_and_bytes() -> None:
    seen: list[object] = []

    def model(prompt: object, system_prompt: str = "") -> str:
        seen.append((prompt, system_prompt))
        return "a cat"

    def simple(prompt: object) -> str:
        seen.append(prompt)
        return "a cat"

    inputs = [leaf(PNG), leaf("What?")]
    for engine in (model, simple):
        assert MultimodalLLMCall(engine, "Be brief.")(inputs).value == "a cat"
    assert seen == [([PNG, "What?"], "Be brief."), ["Be brief.", PNG, "What?"]]


def test_an_engine_may_be_called_with_a_list_too() -> None:
    engine = get_engine(lambda prompt: str(prompt))
    assert engine.generate([PNG, "What?"]) == str([PNG, "What?"])  # type: ignore[attr-defined]
    assert engine.generate(["a", "b"]) == "a\n\nb"  # type: ignore[attr-defined]
