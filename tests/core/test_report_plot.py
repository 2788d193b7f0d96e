from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from result_samples import VINA, sample_result, scored, unmeasured
from textgrad_core.domain import Objective
from textgrad_core.report.axis import axis_range, fraction, tick_labels, ticks
from textgrad_core.report.plot import Level, Mark, MarkKind, Panel, beyond_axis, trajectory_svg
from textgrad_core.report.trajectory import leaders, panels, scalar_decimals

SVG = "{http://www.w3.org/2000/svg}"
MARKS = {f"tp-{kind}" for kind in ("accepted", "worse", "rejected", "unmeasured", "beyond")}
finite = st.floats(allow_nan=False, allow_infinity=False)
kinds: st.SearchStrategy[MarkKind] = st.sampled_from(["accepted", "worse"])


def panel(values: list[float | None], **changes: object) -> Panel:
    marks = tuple(
        Mark(x=float(i), y=v, kind="rejected" if v is None else "worse", label=f"mark {i}")
        for i, v in enumerate(values)
    )
    return replace(Panel(name="energy (kcal/mol)", better="lower", marks=marks), **changes)  # type: ignore[arg-type]


def drawn(svg: str) -> list[ET.Element]:
    root = ET.fromstring(svg)  # noqa: S314 - our own output, parsed to see that it is XML
    return [e for e in root.iter() if e.get("class") in MARKS]


def place(mark: ET.Element) -> tuple[float, float]:
    """Where a mark stands: the centre of a circle, the first point of a path."""
    if mark.tag == f"{SVG}circle":
        return float(mark.attrib["cx"]), float(mark.attrib["cy"])
    found = re.match(r"M(-?[\d.]+) (-?[\d.]+)", mark.attrib["d"])
    assert found
    return float(found[1]), float(found[2])


@given(st.lists(finite, max_size=30))
def test_range_holds_every_value_and_never_collapses(values: list[float]) -> None:
    low, high = axis_range(values)
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low < high
    assert all(low <= v <= high for v in values)


@given(finite, finite)
def test_ticks_are_inside_and_rising_and_few(a: float, b: float) -> None:
    low, high = axis_range([a, b])
    found = ticks(low, high)
    assert all(low <= t <= high for t in found)
    assert all(s < t for s, t in pairwise(found))
    assert 1 <= len(found) <= 11
    assert len(tick_labels(found)) == len(found)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_evenly_spaced_by_a_round_step(low: float, span: float, about: int) -> None:
    found = ticks(low, low + span, about)
    steps = [b - a for a, b in pairwise(found)]
    assume(span > abs(low) * 1e-6)
    assert len(found) >= 2
    assert max(steps) == pytest.approx(min(steps), rel=1e-6)
    mantissa = float(f"{steps[0]:.3e}".split("e")[0])
    assert mantissa in (1.0, 2.0, 5.0)


def test_ticks_of_a_docking_run_are_what_a_person_would_choose() -> None:
    assert ticks(-9.3, -4.8, 5) == (-9.0, -8.0, -7.0, -6.0, -5.0)
    assert tick_labels((0.0, 0.2, 0.4, 0.6000000000000001)) == ("0.0", "0.2", "0.4", "0.6")


def y_labels(svg: str) -> list[str]:
    """What stands beside the y axis, from below."""
    return re.findall(r'text-anchor="end">([^<]*)</text>', svg)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=20), st.sampled_from([1.0, -1.0]))
def test_what_is_counted_has_whole_ticks_on_its_side_of_zero(
    counts: list[int], sign: float
) -> None:
    values: list[float | None] = [sign * count for count in counts]
    svg = trajectory_svg(panel(values, whole=True, lane=False), width=520.0, height=260.0)
    kept = [m.get("class") != "tp-beyond" for m in drawn(svg)]
    on_axis = [v for v, k in zip(values, kept, strict=True) if k and v is not None]
    labels = y_labels(svg)
    assert all(re.fullmatch(r"-?\d+", label) for label in labels)
    assert 1 <= len(labels) <= 11
    assert all(0 <= sign * int(label) <= 1.1 * max(map(abs, on_axis)) for label in labels)
    if min(on_axis) < max(on_axis):
        assert len(labels) > 1, "one number makes no scale"


def test_missed_goals_are_counted_in_whole_numbers() -> None:
    def labels(values: list[float | None], *, whole: bool) -> list[str]:
        shown = panel(values, whole=whole)
        return y_labels(trajectory_svg(shown, width=520.0, height=260.0))

    assert labels([2.0, 2.0, 3.0], whole=False) == ["2.0", "2.5", "3.0"]
    assert labels([2.0, 2.0, 3.0], whole=True) == ["2", "3"]
    assert labels([0.0, 0.0], whole=True) == ["0"]
    assert labels([2.3, 2.6], whole=True) == labels([2.3, 2.6], whole=False)


def test_an_objective_without_decimals_is_counted() -> None:
    result = sample_result()
    one = replace(result, objectives=(replace(VINA, decimals=0), result.objectives[1]))
    assert [p.whole for p in panels(one)] == [False, True, False]


@given(finite, st.lists(finite, min_size=2, max_size=8))
def test_fraction_keeps_order_and_stays_within_bounds(a: float, values: list[float]) -> None:
    low, high = axis_range([a, *values])
    shares = [fraction(v, low, high) for v in sorted(values)]
    assert shares == sorted(shares)
    assert all(0.0 <= s <= 1.0 for s in shares)


@given(st.lists(st.none() | finite, min_size=1, max_size=40), st.sampled_from(["lower", "higher"]))
def test_every_trial_is_one_mark_in_its_place(values: list[float | None], better: str) -> None:
    shown = panel(values, better=better)
    marks = drawn(trajectory_svg(shown))
    assert len(marks) == len(values)
    xs = [place(m)[0] for m in marks]
    # Shapes start at different corners, all within 5 px of the centre.
    assert all(a <= b + 10 for a, b in pairwise(xs))
    scored_marks = [
        (v, place(m)[1])
        for v, m in zip(values, marks, strict=True)
        if v is not None and m.get("class") != "tp-beyond"
    ]
    heights = [y for _, y in sorted(scored_marks, key=lambda pair: pair[0])]
    assert all(a >= b for a, b in pairwise(heights)), "a larger value is never drawn lower"


@given(st.lists(finite, min_size=1, max_size=40), kinds)
def test_circles_stand_in_order_from_left_to_right(values: list[float], kind: MarkKind) -> None:
    marks = tuple(Mark(x=float(i), y=v, kind=kind) for i, v in enumerate(values))
    found = drawn(trajectory_svg(Panel(name="e", better="lower", marks=marks)))
    xs = [place(m)[0] for m in found if m.tag == f"{SVG}circle"]
    assert all(a < b for a, b in pairwise(xs))


def test_trials_without_score_stand_in_the_lane_below_all_others() -> None:
    marks = drawn(trajectory_svg(panel([-3.0, None, -9.0])))
    lane = [place(m)[1] for m in marks if m.get("class") == "tp-rejected"]
    scores = [place(m)[1] for m in marks if m.get("class") == "tp-worse"]
    assert len(lane) == 1
    assert len(scores) == 2
    assert lane[0] > max(scores)


def test_a_panel_without_lane_leaves_unscored_trials_out() -> None:
    assert len(drawn(trajectory_svg(panel([-3.0, None, -9.0], lane=False)))) == 2


@pytest.mark.parametrize(("better", "sign"), [("lower", 1.0), ("higher", -1.0)])
def test_only_marks_far_on_the_bad_side_leave_the_axis(better: str, sign: float) -> None:
    values = [sign * v for v in (-5.0, -5.2, -5.4, -5.1, -6.0, -5.8, -5.5, 400.0, -90.0)]
    shown = panel(list(values), better=better)
    assert beyond_axis(shown) == {7}
    classes = [m.get("class") for m in drawn(trajectory_svg(shown))]
    assert classes.count("tp-beyond") == 1
    assert classes[7] == "tp-beyond"


def test_the_start_and_the_references_never_leave_the_axis() -> None:
    values: list[float | None] = [300.0, -5.0, -5.1, -5.2, -5.3, -5.4, -5.5, -5.6, 200.0]
    assert beyond_axis(panel(values)) == frozenset()
    later = [-5.0, *values[1:]]
    assert beyond_axis(panel(later)) == {8}
    assert beyond_axis(panel(later, levels=(Level(y=250.0, label="bad"),))) == frozenset()


def test_best_line_is_a_staircase_that_only_goes_the_good_way() -> None:
    svg = trajectory_svg(
        panel([-1.0, -3.0, -2.0, -4.0], best=((0.0, -1.0), (1.0, -3.0), (3, -4.0)))
    )
    path = re.search(r'class="tp-best" d="M([\d.]+) ([\d.]+)([^"]*)"', svg)
    assert path
    downs = [float(path[2]), *(float(v) for v in re.findall(r"V([\d.]+)", path[3]))]
    rights = [float(path[1]), *(float(h) for h in re.findall(r"H([\d.]+)", path[3]))]
    assert downs == sorted(downs)
    assert len(downs) == 3
    assert rights == sorted(rights)


def test_labels_of_close_references_do_not_overlap() -> None:
    levels = tuple(Level(y=-6.0 - i * 0.001, label=f"reference {i}") for i in range(4))
    svg = trajectory_svg(panel([-5.0, -9.0], levels=levels))
    ys = [float(y) for y in re.findall(r'class="tp-level-name" x="[\d.]+" y="([\d.]+)"', svg)]
    assert len(ys) == 4
    assert all(b - a >= 14 for a, b in pairwise(ys))


def test_hostile_labels_stay_text() -> None:
    hostile = '"><script>alert(1)</script>\x00\u202e]]>&amp;'
    marks = (Mark(x=0.0, y=1.0, kind="worse", label=hostile),)
    svg = trajectory_svg(
        Panel(name=hostile, better="lower", marks=marks, levels=(Level(y=2.0, label=hostile),))
    )
    root = ET.fromstring(svg)  # noqa: S314 - our own output, parsed to see that it is XML
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
        *("svg", "style", "text", "tspan", "line", "circle", "title", "path", "rect")
    }
    titles = [e.text for e in root.iter(f"{SVG}title")]
    assert titles == ['"><script>alert(1)</script>\\u0000\\u202e]]>&amp;'] * 2


def test_thousands_of_marks_are_all_drawn_without_tooltips() -> None:
    svg = trajectory_svg(panel([float(i % 97) for i in range(3000)]))
    assert len(drawn(svg)) == 3000
    assert "<title>" not in svg


def test_leaders_follow_the_lowest_scalar() -> None:
    result = sample_result()
    assert [t.canonical if t else None for t in leaders(result.trials)] == [
        *("CCO", "CCOC", "CCOC", "CCOC", "CCOCC", "CCOCC")
    ]


def test_one_panel_for_the_scalar_and_one_for_each_objective() -> None:
    found = panels(sample_result())
    assert [(p.name, p.better, p.lane) for p in found] == [
        ("vina - 3 qed", "lower", True),
        ("vina (kcal/mol)", "lower", False),
        ("qed", "higher", False),
    ]
    assert found[1].best == ((0.0, -2.5), (1.0, -3.5), (4.0, -4.0))
    assert found[1].levels == (Level(y=-5.0, label="phenol"),)
    assert [m.y for m in found[1].marks] == [-2.5, -3.5, None, None, -4.0, -2.0]


def test_a_single_objective_that_is_the_scalar_has_one_panel() -> None:
    result = sample_result()
    trials = tuple(replace(scored(0, i, f"C{i}", v), scalar=v) for i, v in enumerate((-1.0, -2.0)))
    one = replace(result, objectives=(VINA,), trials=trials)
    assert [(p.name, p.lane) for p in panels(one)] == [("vina (kcal/mol)", True)]


def test_an_axis_that_nothing_stands_on_carries_no_numbers() -> None:
    nothing = replace(sample_result(), trials=(unmeasured(0, 0),), references=())
    (only,) = panels(nothing)
    assert only.name == "vina - 3 qed"
    svg = trajectory_svg(only)
    assert len(drawn(svg)) == 1
    assert "tp-grid" not in svg.split("</style>")[1]


@pytest.mark.parametrize(
    ("decimals", "shown"), [((0,), 0), ((1,), 1), ((0, 1), 2), ((1, 3), 3), ((), 2)]
)
def test_the_minimised_number_is_as_precise_as_what_it_is_made_of(
    decimals: tuple[int, ...], shown: int
) -> None:
    objectives = [Objective(name=f"o{i}", decimals=d) for i, d in enumerate(decimals)]
    assert scalar_decimals(objectives) == shown


def test_accepted_trials_are_drawn_over_the_others() -> None:
    marks = (
        Mark(x=0.0, y=1.0, kind="accepted"),
        Mark(x=1.0, y=2.0, kind="worse"),
        Mark(x=2.0, y=0.0, kind="accepted"),
    )
    found = drawn(trajectory_svg(Panel(name="e", better="lower", marks=marks)))
    assert [m.get("class") for m in found] == ["tp-worse", "tp-accepted", "tp-accepted"]


@pytest.mark.parametrize("scalar", [math.inf, math.nan, None])
def test_a_scalar_that_is_no_number_is_never_the_best(scalar: float | None) -> None:
    odd = replace(scored(0, 0, "C", -9.0), scalar=scalar)
    assert leaders((odd,)) == (None,)
    result = replace(sample_result(), trials=(odd,))
    assert panels(result)[0].marks[0].y is None
