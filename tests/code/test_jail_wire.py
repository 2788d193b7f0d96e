"""Records between the sandbox and its fork server survive the way."""

from __future__ import annotations

import select

from hypothesis import given
from hypothesis import strategies as st

from textgrad_code.jail.child import not_begun
from textgrad_code.jail.wire import (
    END_BYTES,
    ENDED,
    LAUNCH,
    NOT_BEGUN,
    NOT_BEGUN_BYTES,
    ORDER_BYTES,
    End,
    Order,
)

NATURAL = st.integers(0, 2**64 - 1)


@given(run=NATURAL, entry=st.integers(0, 255), memory_mib=NATURAL, cpu_s=NATURAL)
def test_orders(run: int, entry: int, memory_mib: int, cpu_s: int) -> None:
    order = Order(kind=LAUNCH, run=run, entry=entry, memory_mib=memory_mib, cpu_s=cpu_s)
    assert len(order.pack()) == ORDER_BYTES
    assert Order.unpack(order.pack()) == order


@given(
    status=st.integers(-(2**31), 2**31 - 1),
    cpu_s=st.floats(allow_nan=False),
    peak_kib=st.integers(0, 2**63 - 1),
)
def test_ends(status: int, cpu_s: float, peak_kib: int) -> None:
    end = End(status=status, cpu_s=cpu_s, peak_kib=peak_kib)
    packed = end.pack()
    assert len(packed) == END_BYTES
    assert packed.startswith(ENDED)
    assert End.unpack(packed) == end


@given(st.text())
def test_a_reason_is_written_whole(text: str) -> None:
    record = not_begun(RuntimeError(text))
    assert record.startswith(NOT_BEGUN)
    assert len(record) <= NOT_BEGUN_BYTES <= select.PIPE_BUF
