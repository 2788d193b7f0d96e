"""The comparison with TextGrad: its judgement of figures, and a small run of our side."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.core import batch, bench, branches, chain, nested_add, optimizer_prompt, run, sides
from benchmarks.core.table import HEADINGS, Row, at_most, number, render, times_faster


def row(ours: float | str, theirs: float | str | None, factor: float = 20) -> Row:
    return Row(
        name="n", unit="s", ours=ours, theirs=theirs, goal="faster", holds=times_faster(factor)
    )


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(0.1, 100))
def test_a_ratio_goal_is_met_exactly_when_theirs_is_that_much_more(
    ours: float, theirs: float, factor: float
) -> None:
    assert row(ours, theirs, factor).met == (theirs / ours >= factor)


@pytest.mark.parametrize("theirs", [None, "RecursionError"])
def test_without_a_figure_of_theirs_nothing_is_claimed(theirs: str | None) -> None:
    assert row(1.0, theirs).ratio is None
    assert row(1.0, theirs).met is None


def test_a_limit_judges_our_figure_alone() -> None:
    for ours, met in ((1.4, True), (1.5, True), (1.6, False), ("timeout", False)):
        judged = Row(name="n", unit="", ours=ours, goal="<= 1.5", holds=at_most(1.5))
        assert judged.met is met
    assert Row(name="n", unit="", ours=9.0).met is None


def test_the_table_lines_up_and_shows_every_figure() -> None:
    lines = render([row(0.25, 6.5), row(1.0, "RecursionError"), row(2.0, None)]).splitlines()
    assert lines[0].split() == list(HEADINGS)
    assert lines[1].split() == ["n", "s", "0.25", "6.5", "26x", "faster", "yes"]
    assert lines[2].split()[3:] == ["RecursionError", "-", "faster", "-"]
    assert len({line.index("faster") for line in lines[1:]}) == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), ("timeout", "timeout"), (1609603, "1,609,603"), (0.0123456, "0.0123"), (9, "9")],
)
def test_numbers_are_short(value: float | str | None, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize("name", ["ours", "ours-plain"])
def test_our_side_runs_every_measurement(name: str) -> None:
    side = sides.load(name)
    done = batch.measure(side, size=3, sleep_s=0.0)
    assert done["calls"] == batch.calls(3)
    assert branches.measure(side, branches=4, sleep_s=0.0)["calls"] == 4 + 1 + 1 + 1 + 1 + 4
    assert chain.measure(side, nodes=5).keys() == {
        "nodes",
        *(f"{p}_{c}" for p in ("forward", "backward") for c in ("us", "processor_us")),
    }
    for double in (False, True):
        deep = nested_add.measure(side, depth=9, double=double)
        assert deep["characters"] == nested_add.measure(side, depth=1, double=double)["characters"]
    assert optimizer_prompt.measure(side, size=40)["characters"] <= bench.PROMPT_CHARS


def test_a_worker_reports_from_a_process_of_its_own() -> None:
    alone = bench.Bench(textgrad=None, suite=None)
    found = alone.measure("ours", "nested_add", depth=2, double=False)
    assert found == {"depth": 2, "characters": len("well")}
    assert alone.measure("textgrad", "nested_add", depth=2, double=False) == {}
    assert all(figure["characters"] == 4 for figure in alone.raw.values())


def test_a_broken_textgrad_breaks_nothing(tmp_path: Path) -> None:
    broken = bench.Bench(textgrad=sys.executable, suite=None)  # has no TextGrad
    found = broken.measure("textgrad", "nested_add", depth=2, double=False)
    assert "No module named 'textgrad'" in found["error"]
    with pytest.raises(SystemExit, match="ours nested_add"):
        broken.measure("ours", "nested_add", depth="deep", double=False)
    assert json.loads(json.dumps(broken.raw))
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_has_a_default_for_everything() -> None:
    options = run.parse([])
    assert options.textgrad_python is options.make_environment is None
    assert options.batch == 32
