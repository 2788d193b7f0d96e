"""Figures hold the numbers they are drawn from, and are the same for the same input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from rt_cases import ball, case_of, centred_grid, occupied
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import case_names
from textgrad_radiotherapy.comparison import Comparison
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.figures import report_sections
from textgrad_radiotherapy.figures.convergence import convergence_figure
from textgrad_radiotherapy.figures.dose_wash import ISODOSES, dose_wash_figure
from textgrad_radiotherapy.figures.drawing import ACCEPTABLE, MET, MISSED, png_bytes, svg_text
from textgrad_radiotherapy.figures.dvh import dvh_figure
from textgrad_radiotherapy.figures.goal_markers import goal_markers
from textgrad_radiotherapy.figures.goal_table import goal_table_figure
from textgrad_radiotherapy.figures.history import Step, history_csv
from textgrad_radiotherapy.figures.pictures import draw
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goal_notation import parse_goal
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.imports.arrays import COLOURS
from textgrad_radiotherapy.judgement import GoalRow, GoalTable, judge
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.phantoms.catalogue import phantom_named
from textgrad_radiotherapy.protocols import load_protocol, protocol_names

Planned = tuple[Case, Floats, GoalTable]


@pytest.fixture(scope="module")
def planned() -> Planned:
    grid = centred_grid(40.0, 5.0)
    case = case_of(
        grid,
        occupied("Body", "external", ball(38.0), grid, samples=3),
        occupied("PTV", "target", ball(12.0), grid, samples=3),
        occupied("Cord", "oar", ball(8.0, (20.0, 15.0, 0.0)), grid, samples=3),
        prescription_gy={"PTV": 60.0},
    )
    dose = np.clip(70.0 - np.linalg.norm(grid.centres_mm(), axis=1), 0.0, None)
    goals = ("PTV D95% >= 80 Gy", "Cord V50Gy <= 60 %", "Cord D1cc <= 65 Gy", "Cord Dmean <= 9 Gy")
    protocol = Protocol(
        name="p", title="P", prescription_gy={"PTV": 60.0}, fractions=30,
        goals=tuple(parse_goal(g) for g in goals), normalise=None, source="test",
    )  # fmt: skip
    return case, dose, judge(case, dose, protocol)


def test_markers_are_at_the_goals(planned: Planned) -> None:
    case, dose, table = planned
    lines: list[Any] = list(dvh_figure(case, dose, table).axes[0].get_lines())
    drawn = {line.get_gid(): line for line in lines}
    cord_cc = case.structures["Cord"].volume_cc(case.grid)
    for name, x, y, tip in (
        ("PTV D95% >= 80 Gy", 80.0, 95.0, (1, 0)),
        ("Cord V50Gy <= 60 %", 50.0, 60.0, (0, -1)),
        ("Cord D1cc <= 65 Gy", 65.0, 100 / cord_cc, (-1, 0)),
    ):
        line = drawn[f"goal-{name}"]
        assert line.get_xydata()[0] == pytest.approx((x, y))
        corners = np.asarray(line.get_marker().vertices)
        assert tuple(corners[np.abs(corners).max(axis=1).argmax()]) == tip
        verdict = next(r.verdict for r in table.rows if r.goal.name == name)
        hue = MET if verdict == "pass" else MISSED
        assert (line.get_markerfacecolor(), line.get_markeredgecolor()) == (hue, hue)
        base, of = drawn[f"structure-{name}"], case.structures[name.split()[0]].colour
        assert base.get_xydata()[0] == pytest.approx((x, y))
        assert base.get_markeredgecolor() == of
        assert base.get_marker() == ("_" if tip[1] else "|")
        assert base.get_markersize() < line.get_markersize()
    assert len(goal_markers(case, table)) == 3
    for before, label in ((None, "goal met"), (dose, "goal met (after)")):
        keys = dvh_figure(case, dose, table, before_gy=before).axes[0].get_legend()
        assert keys is not None
        assert label in [text.get_text() for text in keys.get_texts()]
    assert drawn["prescription-60"].get_xdata()[0] == 60.0


def test_goals_at_one_point_are_all_to_be_seen_and_missed_ones_are_hollow(
    planned: Planned,
) -> None:
    case, dose, table = planned
    goals = ("Cord D30% <= 70 Gy", "PTV D30% <= 70 Gy", "PTV D95% >= 80 Gy")
    protocol = replace(table.protocol, goals=tuple(parse_goal(g) for g in goals))
    figure = dvh_figure(case, dose, judge(case, dose, protocol))
    lines: dict[Any, Any] = {line.get_gid(): line for line in figure.axes[0].get_lines()}
    places = [
        line.get_transform().transform(line.get_xydata()[0])
        for line in (lines[f"goal-{goal}"] for goal in goals[:2])
    ]
    assert np.hypot(*(places[1] - places[0])) >= 12 * figure.dpi / 72  # a marker's width apart
    notes: list[Any] = [note for note in figure.axes[0].texts if note.get_gid()]
    leaders = {note.get_gid(): note for note in notes}
    assert list(leaders) == [f"leader-{goals[1]}"]  # from the one aside to the point of its goal
    assert leaders[f"leader-{goals[1]}"].xy == pytest.approx((70.0, 30.0))
    keys = figure.axes[0].get_legend()
    assert keys is not None
    assert "goal at the dot, drawn aside" in [text.get_text() for text in keys.get_texts()]
    alone = dvh_figure(case, dose, table).axes[0]
    assert not [note for note in alone.texts if note.get_gid()]
    triangle, hollow = (lines[f"goal-{goal}"].get_marker().vertices for goal in goals[1:])
    assert len(hollow) == 2 * len(triangle)


def test_the_dose_before_is_dashed(planned: Planned) -> None:
    case, dose, table = planned
    figure = dvh_figure(case, dose, table, before_gy=dose / 2)
    lines = {line.get_gid(): line for line in figure.axes[0].get_lines()}
    half, full = lines["before-PTV"], lines["after-PTV"]
    assert half.get_linestyle() == "--"
    assert full.get_linestyle() == "-"
    x, y = np.asarray(full.get_xydata()).T
    u, v = np.asarray(half.get_xydata()).T
    assert np.interp(30.0, u, v) == pytest.approx(np.interp(60.0, x, y), abs=0.5)


def test_patients_are_the_right_way_round(planned: Planned) -> None:
    case, dose, _ = planned
    axes = {a.get_label(): a for a in dose_wash_figure(case, dose).axes}
    for view, letters in (("axial", "RLAP"), ("coronal", "RLSI"), ("sagittal", "APSI")):
        plane = axes[view]
        assert "".join(t.get_text() for t in plane.texts[:4]) == letters
        assert plane.get_aspect() == 1.0
        left, right = plane.get_xlim()
        bottom, top = plane.get_ylim()
        assert left < right
        assert (bottom > top) == (view == "axial")  # +y is posterior and drawn below


def test_the_wash_shows_percent_of_the_prescription_through_the_hot_spot(planned: Planned) -> None:
    case, dose, _ = planned
    figure = dose_wash_figure(case, dose)  # no beams: through the hot spot, at the origin
    axial: Any = next(a for a in figure.axes if a.get_label() == "axial")
    wash = next(i for i in axial.images if i.get_gid() == "wash")
    assert float(np.max(wash.get_array())) == pytest.approx(100 * 70 / 60, rel=0.02)
    (where,) = [text.get_text() for text in figure.texts if text.get_gid() == "where"]
    assert "planes through the hot spot (0.0, 0.0, 0.0)" in where
    assert "70.0 Gy at (0.0, 0.0, 0.0)" in where
    with pytest.raises(CaseError, match="off the grid"):
        dose_wash_figure(case, dose, through=(0.0, 900.0, 0.0))
    with pytest.raises(CaseError, match="prescribes no dose"):
        dose_wash_figure(case, dose, prescription_gy={})


def test_same_input_gives_the_same_bytes(planned: Planned) -> None:
    case, dose, table = planned
    first, second = (dvh_figure(case, dose, table) for _ in range(2))
    assert svg_text(first) == svg_text(second)
    assert png_bytes(first) == png_bytes(second)


def test_sections_carry_the_notice_and_pictures(planned: Planned) -> None:
    case, dose, table = planned
    drawn = draw(case, dose, table, before_gy=dose / 2, before_goals=table)
    sections = report_sections(table, drawn)
    assert NOTICE in sections[0].text.lower()
    kinds = [artefact.media_type for s in sections for artefact in s.artefacts]
    assert kinds == ["image/svg+xml", "image/svg+xml", "image/png", "image/png"]
    root = ElementTree.fromstring(sections[0].artefacts[0].text)  # noqa: S314 - our own text
    assert root.tag.endswith("svg")
    words = {"".join(e.itertext()).strip() for e in root.iter() if e.tag.endswith("}text")}
    assert NOTICE in words


def test_every_picture_carries_the_notice(planned: Planned) -> None:
    case, dose, table = planned
    steps = [Step(weights={"a": 1.0}, penalty=2.0, goals_met=1, accepted=True),
             Step(weights={"a": 2.0}, penalty=3.0, goals_met=0, accepted=False)]  # fmt: skip
    strips = convergence_figure(steps, 4)
    for figure in (dvh_figure(case, dose, table), dose_wash_figure(case, dose), strips):
        assert NOTICE in [text.get_text() for text in figure.texts]
    kept, lost = strips.axes[0].get_lines()
    assert np.asarray(kept.get_xydata()).tolist() == [[0.0, 2.0]]
    assert np.asarray(lost.get_xydata()).tolist() == [[1.0, 3.0]]
    named = [axes.get_ylabel().replace("\n", " ") for axes in strips.axes]
    assert named == ["penalty with reserve [%]", "goals met"]
    heads = history_csv(steps).splitlines()[0].split(",")
    assert {"penalty with reserve", "goals met"} < set(heads)
    assert_legible(strips)


def words_of(figure: Any) -> list[Any]:
    """Boxes of all words on the figure itself, in its legends or beside its axes, in pixels."""
    figure.canvas.draw()
    texts = [*figure.texts, *(text for key in figure.legends for text in key.get_texts())]
    texts += [axis.label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    return [text.get_window_extent() for text in texts if text.get_text()]


def assert_legible(figure: Any) -> None:
    """Every word is inside the figure and none covers another."""
    boxes, whole = words_of(figure), figure.bbox
    for box in boxes:
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if a.overlaps(b)]


def table_of(protocol: Protocol) -> GoalTable:
    """A table of long numbers, verdicts in turn."""
    verdicts = ("acceptable", "pass", "unjudged", "fail")
    rows = tuple(
        GoalRow(
            goal=goal,
            value=None if verdicts[n % 4] == "unjudged" else 123.45,
            margin=None if verdicts[n % 4] == "unjudged" else -123.45,
            verdict=verdicts[n % 4],  # type: ignore[arg-type]
            per_fraction_gy=12.345,
        )
        for n, goal in enumerate(protocol.goals)
    )
    return GoalTable(case="tg119-prostate", protocol=protocol, rows=rows)


def beside(table: GoalTable, held_back: bool = False) -> Comparison:
    counts = {"PTV": (8, 64)} if held_back else {}
    values = {row.goal.name: 98.76 for row in table.judged}
    return Comparison(grid="8 voxels of 5 mm", values=values, held_back=counts)


@pytest.mark.parametrize("name", sorted(protocol_names()))
def test_the_goal_table_of_every_protocol_is_legible(name: str) -> None:
    table = table_of(load_protocol(name))
    for before in (None, table):
        for comparison in (None, beside(table), beside(table, held_back=True)):
            figure = goal_table_figure(table, before, comparison)
            told = " ".join(text.get_text() for text in figure.texts)
            assert_legible(figure)
            assert table.protocol.title in told
            assert table.summary() in told
            assert table.assumed_note() in told
            assert all(row.goal.marked in told for row in table.rows)


def test_the_goal_table_breaks_long_names_and_takes_dollar_signs_as_they_are() -> None:
    long = "Organ_" + 12 * "next_to_the_target_"
    goals = (f"{long} D30% <= 70 Gy", "Rectum $_{ D10% <= 75 Gy")
    protocol = Protocol(
        name="p", title="Costs $5^ and $_{ " + 30 * "words of a title ", fractions=30,
        prescription_gy={"PTV": 60.0}, goals=tuple(map(parse_goal, goals)), normalise=None,
        source="test",
    )  # fmt: skip
    table = table_of(protocol)
    figure = goal_table_figure(table, table, beside(table))
    assert_legible(figure)
    told = [text.get_text() for text in figure.texts]
    assert goals[1] in told
    assert long in "".join(told)
    assert "Costs $5^ and $_{" in " ".join(told)


def test_the_goal_table_shows_the_same_fluence_where_it_was_planned() -> None:
    table = table_of(load_protocol("tg119-prostate"))
    for held_back, head in ((False, "planning grid"), (True, "held back")):
        drawn = goal_table_figure(table, comparison=beside(table, held_back))
        cells = [text.get_text() for text in drawn.texts]
        heads = [cells.index(word) for word in ("goal", head, "value", "margin", "verdict")]
        assert heads == sorted(heads)
        assert sum(cell.startswith("98.76") for cell in cells) == len(table.judged)
        assert [cell for cell in cells if cell.startswith(f"{head}: the same fluence")]
    alone = [text.get_text() for text in goal_table_figure(table).texts]
    assert {"planning grid", "held back", "before", "after"}.isdisjoint(alone)
    nothing = Comparison(grid="", values={}, held_back={"PTV": (0, 8)})
    none_held = [text.get_text() for text in goal_table_figure(table, table, nothing).texts]
    assert "held back" not in none_held
    assert {"before", "after"} <= set(none_held)


@pytest.mark.parametrize("half_mm", [38.0, 150.0])
def test_words_beside_the_planes_never_cover_each_other(half_mm: float) -> None:
    grid = centred_grid(half_mm + 2.0, half_mm / 8)
    case = case_of(
        grid,
        occupied("Body", "external", ball(half_mm), grid, samples=2),
        occupied("PTV", "target", ball(half_mm / 3), grid, samples=2),
        prescription_gy={"PTV": 60.0},
    )
    figure = dose_wash_figure(case, np.full(grid.voxels, 60.0))
    boxes = words_of(figure)
    assert len(boxes) > 14
    assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if a.overlaps(b)]
    whole = figure.bbox
    assert all(whole.x0 <= b.x0 and b.x1 <= whole.x1 for b in boxes)


def test_isodoses_are_told_in_percent_and_gy(planned: Planned) -> None:
    case, dose, _ = planned
    (key,) = [k for k in dose_wash_figure(case, dose).legends if k.get_gid() == "isodoses"]
    told = [text.get_text() for text in key.get_texts()]
    assert "95 %  57.0 Gy" in told
    assert len(told) == len(ISODOSES)


# Machado, Oliveira and Fernandes (2009), deuteranopia, on linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
     [-0.011820, 0.042940, 0.968881]]
)  # fmt: skip
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
APART = 20.0  # CIE 1976 difference; 2.3 is just noticed side by side


def seen(colour: str, eye: Any) -> Any:
    """CIELAB coordinates of a colour as an eye sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    white = XYZ @ np.ones(3)
    share = (XYZ @ np.clip(eye @ linear, 0, 1)) / white
    f = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("palette", [*case_names(), "imports", "verdicts"])
def test_colours_are_told_apart_with_red_green_blindness_too(palette: str) -> None:
    phantom = phantom_named(palette)
    colours = list(COLOURS) if palette == "imports" else [MET, ACCEPTABLE, MISSED]
    if phantom is not None:
        colours = [part.colour for part in phantom.parts]
    for eye in (np.eye(3), DEUTERANOPIA):
        points = [seen(colour, eye) for colour in colours]
        pairs = [(n, m) for n in range(len(points)) for m in range(n)]
        assert min(float(np.linalg.norm(points[n] - points[m])) for n, m in pairs) > APART


def test_the_goal_table_tells_wider_bounds_and_no_minus_zero(planned: Planned) -> None:
    case, dose, table = planned
    level = table.rows[1].value
    assert level is not None
    goals = (
        replace(parse_goal("Cord V50Gy <= 1 %"), acceptable=100.0),
        parse_goal(f"Cord V50Gy <= {level - 1e-9:.12f} %"),
    )
    drawn = goal_table_figure(judge(case, dose, replace(table.protocol, goals=goals)))
    cells = [text.get_text() for text in drawn.texts]
    assert "Cord V50Gy <= 1 % (acceptable 100)" in cells
    assert "+0.00" in cells
    assert "-0.00" not in cells
