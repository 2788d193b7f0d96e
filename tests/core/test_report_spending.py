"""What a run took is on its page; what nobody counted is said to be unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from result_samples import sample_result
from textgrad_core.report.page import render_report
from textgrad_core.report.spending import spending
from textgrad_core.search.result import Usage

FULL = Usage(
    evaluations=20,
    evaluations_run=12,
    model_calls=1_500,
    model_calls_made=1_500,
    prompt_tokens=1_234_567,
    completion_tokens=890,
    failed_attempts=4,
    cost=1.25,
    seconds=65.0,
)
PRICES = {"prices": {"currency": "EUR", "models": {}}}


def rows(usage: Usage, **changed: Any) -> dict[str, str]:
    return dict(spending(replace(sample_result(), usage=usage, **changed)))


def test_every_amount_is_shown() -> None:
    assert rows(FULL, settings=PRICES) == {
        "Evaluations": "20, of these 12 in this process",
        "Model calls": "1,500",
        "Requests that failed": "4",
        "Tokens sent": "1,234,567",
        "Tokens received": "890",
        "Cost": "1.25 EUR",
        "Time": "1 min 05 s in this process",
    }


@pytest.mark.parametrize(
    ("changed", "name", "shown"),
    [
        ({"cost": None}, "Cost", "unknown price"),
        ({"cost": None, "prompt_tokens": None}, "Cost", "unknown: a server did not count"),
        ({"completion_tokens": None}, "Tokens received", "unknown: a server did not count"),
        ({"cost": 0.0}, "Cost", "0"),
        ({"cost": 0.000012}, "Cost", "1.2e-05"),
    ],
)
def test_what_is_unknown_is_no_number(changed: dict[str, Any], name: str, shown: str) -> None:
    assert rows(replace(FULL, **changed), settings={})[name].startswith(shown)


def test_the_files_take_time_too_and_it_is_told_beside_that_of_the_search() -> None:
    slow = replace(FULL, seconds=0.2, report_seconds=19.0)
    assert rows(slow)["Time"] == "0.2 s in this process; files and report: 19 s"
    pytest.importorskip("jinja2", reason="the report extra is not installed")
    page = render_report(replace(sample_result(), usage=slow))
    assert "this process&#39;s part of the search; files and report: 19 s" in page


def test_without_a_model_there_is_no_word_about_tokens() -> None:
    assert set(rows(Usage(evaluations=3, evaluations_run=3))) == {"Evaluations", "Time"}


def test_the_page_has_the_section_where_there_is_an_account() -> None:
    pytest.importorskip("jinja2", reason="the report extra is not installed")
    hostile: dict[str, Any] = {"prices": {"currency": "<script>", "models": {}}}
    page = render_report(replace(sample_result(), usage=FULL, settings=hostile))
    assert "<h2>Spending</h2>" in page
    assert "1,234,567" in page
    assert "<script>" not in page
    assert "Spending" not in render_report(replace(sample_result(), usage=Usage()))
