"""The reading of server answers, without a server."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault_server import completion
from textgrad_core.engine.protocol import Reply
from textgrad_core.engine.replies import (
    classify,
    failure_from_error_object,
    failure_from_status,
    normalise,
    storable,
)
from textgrad_core.errors import EngineError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(min_size=1).filter(str.strip))
def test_any_text_arrives_as_it_was_sent(text: str) -> None:
    assert normalise(json.dumps(completion(text)).encode()).text == text


@given(st.binary(max_size=200))
def test_no_bytes_escape_as_anything_but_a_reply_or_a_typed_failure(body: bytes) -> None:
    with contextlib.suppress(EngineError):
        assert isinstance(normalise(body), Reply)


@given(
    st.dictionaries(
        st.sampled_from(["choices", "error", "usage", "model"]),
        json_values
        | st.lists(
            st.dictionaries(
                st.sampled_from(["message", "finish_reason"]),
                json_values
                | st.dictionaries(
                    st.sampled_from(["content", "refusal", "tool_calls"]), json_values
                ),
            )
        ),
    )
)
def test_no_json_escapes_as_anything_but_a_reply_or_a_typed_failure(body: object) -> None:
    with contextlib.suppress(EngineError):
        assert normalise(json.dumps(body).encode()).text.strip()


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_storable_text_fits_into_utf8(text: str) -> None:
    pair = re.compile("[\ud800-\udbff][\udc00-\udfff]")
    joined = pair.sub(lambda m: m[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    assert storable(text) == re.sub("[\ud800-\udfff]", "\ufffd", joined)
    storable(text).encode("utf-8")


def test_a_byte_order_mark_does_no_harm() -> None:
    assert normalise(b"\xef\xbb\xbf" + json.dumps(completion("x")).encode()).text == "x"


def test_deep_nesting_is_a_wrong_shape() -> None:
    with pytest.raises(EngineError) as caught:
        normalise(b"[" * 200_000)
    assert caught.value.kind == "wrong_shape"


@pytest.mark.parametrize(
    ("sent", "read"),
    [("stop", "stop"), ("length", "length"), ("max_tokens", "length"), (None, "other")],
)
def test_finish_reasons(sent: object, read: str) -> None:
    assert normalise(json.dumps(completion("x", finish=sent)).encode()).finish_reason == read


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000",
        "the request exceeds the available context size (2048 tokens), try increasing it",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)",
    ],
)
def test_overflow_is_known_by_its_words(message: str) -> None:
    assert classify(400, "", "", message) == ("overflow", False)


@pytest.mark.parametrize(
    ("status", "code", "type_", "message", "kind"),
    [
        (400, "", "", "unknown field 'context'", "request"),
        (400, "", "", "invalid temperature", "request"),
        (400, "content_filter", "", "blocked", "refused"),
        (413, "rate_limit_exceeded", "tokens", "Request too large: tokens per minute", "rate"),
        (429, "", "", "You exceeded your current quota", "rate"),
        (429, "", "insufficient_quota", "", "quota"),
        (408, "", "", "", "timeout"),
        (409, "", "", "", "server"),
        (529, "", "", "overloaded", "server"),
    ],
)
def test_failures_are_told_apart(
    status: int, code: str, type_: str, message: str, kind: str
) -> None:
    assert classify(status, code, type_, message)[0] == kind


def test_an_error_without_the_usual_shape_is_still_told() -> None:
    assert "Not Found" in str(failure_from_status(404, {"detail": "Not Found"}))
    assert "no text" in str(failure_from_status(500, ""))
    assert failure_from_error_object("overloaded").kind == "server"
    assert failure_from_error_object({"message": "slow", "code": 429}).kind == "rate"


def test_a_long_message_is_shortened() -> None:
    assert len(str(failure_from_status(400, {"message": "x" * 10_000}))) < 500
