"""Messages arrive whole however the stream was chopped, and rubbish is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_core.errors import InstrumentError
from textgrad_molecules.docking.wire import Decoder, encode

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
messages = st.lists(st.dictionaries(st.text(max_size=5), values, max_size=3), max_size=5)


@given(messages, st.integers(1, 40))
def test_messages_survive_any_chopping(sent: list[dict[str, object]], size: int) -> None:
    stream = b"".join(encode(message) for message in sent)
    decoder, received = Decoder(), []
    for start in range(0, len(stream), size):
        received += decoder.feed(stream[start : start + size])
    assert received == sent


@pytest.mark.parametrize("stream", [b"Reading input ... done.", b"\0\0\0\2{]", b"\0\0\0\0021 "])
def test_printing_into_the_stream_is_noticed(stream: bytes) -> None:
    with pytest.raises(InstrumentError):
        Decoder().feed(stream)
