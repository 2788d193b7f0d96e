"""What headers say: a wait in any of its three forms, and what is left of a limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_core.engine.headers import headroom, wait_asked_s
from textgrad_core.engine.protocol import Headroom
from textgrad_core.engine.replies import failure_from_status

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:01:30 -0000"}, 90.0),
    ],
)
def test_a_wait_is_read_in_each_of_its_forms(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert wait_asked_s(headers, NOON.timestamp()) == seconds


@given(st.integers(0, 10**6))
def test_a_date_is_so_many_seconds_from_now(seconds: int) -> None:
    said = format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)
    assert wait_asked_s({"retry-after": said}, NOON.timestamp()) == seconds


@given(st.text())
def test_nonsense_is_no_wait_below_zero(said: str) -> None:
    wait = wait_asked_s({"retry-after": said}, NOON.timestamp())
    assert wait is None or wait >= 0


def test_what_is_left_is_read_where_it_is_said() -> None:
    names = ("x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens")
    assert headroom({}) is None
    assert headroom({names[0]: "3"}) == Headroom(requests=3)
    assert headroom(dict(zip(names, ("3", "40"), strict=True))) == Headroom(requests=3, tokens=40)
    assert headroom(dict(zip(names, ("-1", "many"), strict=True))) is None


def test_a_server_may_say_that_trying_again_is_useless() -> None:
    assert failure_from_status(503, {}).retryable
    assert not failure_from_status(503, {}, may_retry=False).retryable
    assert not failure_from_status(401, {}, may_retry=True).retryable
