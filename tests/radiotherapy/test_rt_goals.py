"""Goals as people write them, and how a dose is judged by them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_cases import ball, case_of, centred_grid, listed_case, listed_dose, occupied
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.figures.goal_table import goal_table_figure
from textgrad_radiotherapy.goal_notation import parse_goal
from textgrad_radiotherapy.goals import Goal, Metric, MetricKind, Protocol
from textgrad_radiotherapy.judgement import judge, verdict_on
from textgrad_radiotherapy.notice import NOTICE


def protocol_of(
    *goals: Goal,
    prescription: dict[str, float] | None = None,
    fractions: int | None = 39,
    aliases: Mapping[str, tuple[str, ...]] | None = None,
    normalise: tuple[str, float, float] | None = None,
) -> Protocol:
    return Protocol(
        name="own",
        title="Own goals",
        prescription_gy=prescription or {"PTV": 70.2},
        fractions=fractions,
        goals=goals,
        normalise=normalise,
        source="by hand",
        aliases=aliases or {},
    )


@pytest.mark.parametrize(
    ("text", "kind", "argument", "direction", "limit"),
    [
        ("PTV D95% >= 70.2 Gy", "D%", 95, ">=", 70.2),
        ("PTV D95 >= 70.2Gy", "D%", 95, ">=", 70.2),
        ("PTV D95% >= 7020 cGy", "D%", 95, ">=", 70.2),
        ("PTV D95% >= 100 %", "D%", 95, ">=", 70.2),
        ("PTV D0.03cc <= 107 %", "Dcc", 0.03, "<=", 75.114),
        ("PTV D0.03 cm3 < 75 gy", "Dcc", 0.03, "<=", 75),
        ("PTV D1cc outside targets <= 107 %", "Dcc_outside", 1.0, "<=", 75.114),
        ("PTV D1 cm3 beyond 2 cm < 50 Gy", "Dcc_2cm", 1.0, "<=", 50),
        ("PTV V40Gy <= 35 %", "V%", 40, "<=", 35),
        ("PTV V40 ≤ 35%", "V%", 40, "<=", 35),
        ("PTV V4000cGy =< 35%", "V%", 40, "<=", 35),
        ("PTV V95% > 98 %", "V%", 66.69, ">=", 98),
        ("PTV V50 Gy <= 5 cc", "Vcc", 50, "<=", 5),
        ("PTV Dmean < 10 Gy", "mean", 0, "<=", 10),
        ("PTV mean < 35 %", "mean", 0, "<=", 24.57),
        ("PTV gEUD(a=-10) => 68 Gy", "gEUD", -10, ">=", 68),
        ("PTV gEUD(8) <= 40 Gy", "gEUD", 8, "<=", 40),
        ("PTV CI >= 0.8", "CI", 0, ">=", 0.8),
        ("PTV RTOG CI <= 1.2", "CI_RTOG", 0, "<=", 1.2),
        ("PTV HI <= 0.1", "HI", 0, "<=", 0.1),
        ("PTV gradient index <= 4", "GI", 0, "<=", 4),
    ],
)
def test_notation(
    text: str, kind: MetricKind, argument: float, direction: str, limit: float
) -> None:
    goal = parse_goal(text, 2, prescription_gy={"PTV": 70.2, "Boost": 80.0})
    assert goal.metric == Metric(structure="PTV", kind=kind, argument=argument)
    assert goal.limit == pytest.approx(limit)
    assert goal.direction == direction
    assert goal.priority == 2


@pytest.mark.parametrize("name", ["Femur_L", "Femoral Head L", "PTV 70", "Rectum-PTV", "V1 D2"])
def test_structures_have_many_names(name: str) -> None:
    goal = parse_goal(f"{name} V50Gy <= 5 cc")
    assert goal.metric == Metric(structure=name, kind="Vcc", argument=50)


def test_percent_of_an_organ_goes_by_the_highest_prescription() -> None:
    both = {"Low": 50.0, "High": 60.0}
    assert parse_goal("Rectum Dmean <= 50 %", prescription_gy=both).limit == 30
    assert parse_goal("Low D95% >= 95 %", prescription_gy=both).limit == 47.5
    assert parse_goal("Low D95% >= 95 %", prescription_gy=10.0).limit == 9.5


def test_acceptable_bounds_are_in_the_goals_own_unit() -> None:
    goal = parse_goal("PTV D2% <= 107 %", prescription_gy=70.0, acceptable=110)
    assert goal.acceptable == pytest.approx(77)


NUMBERS = st.floats(0.001, 199, allow_nan=False)
VOLUMES: list[MetricKind] = ["Dcc", "V%", "Vcc"]
PLAIN: list[MetricKind] = ["mean", "CI", "CI_RTOG", "HI", "GI"]
SHARE: MetricKind = "D%"
GEUD: MetricKind = "gEUD"
METRICS: st.SearchStrategy[tuple[MetricKind, float]] = st.one_of(
    st.tuples(st.just(SHARE), st.floats(0.001, 99.9)),
    st.tuples(st.sampled_from(VOLUMES), NUMBERS),
    st.tuples(st.just(GEUD), st.one_of(st.floats(1, 50), st.floats(-50, -0.1))),
    st.tuples(st.sampled_from(PLAIN), st.just(0.0)),
)


@given(METRICS, st.sampled_from(["<=", ">="]), st.floats(0.01, 99))
def test_names_read_back(metric: tuple[MetricKind, float], direction: str, limit: float) -> None:
    kind, number = metric
    limit = limit / 100 if kind == "CI" else limit
    goal = Goal(
        metric=Metric(
            structure="Left kidney 2",
            kind=kind,
            argument=float(f"{number:g}"),
        ),
        direction="<=" if direction == "<=" else ">=",
        limit=float(f"{limit:g}"),
    )
    assert parse_goal(goal.name) == goal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no goal; write it like 'PTV D95% >= 70.2 Gy'"),
        ("PTV", "is no goal"),
        ("PTV D95% 70 Gy", "is no goal"),
        ("D95% >= 70 Gy", "is no goal"),
        ("PTV X95% >= 70 Gy", "is no goal"),
        ("PTV D95% >= many Gy", "is no goal"),
        ("PTV D95% >= 70 mGy", "'mGy' is no unit; use Gy, cGy, %, cc"),
        ("PTV D95Gy >= 70 Gy", "D is read at a volume"),
        ("PTV V5cc <= 70 %", "V is read at a dose"),
        ("PTV D95% >= 70", "a dose is bounded in Gy, cGy or % .* not in nothing"),
        ("PTV D95% >= 70 cc", "a dose is bounded in"),
        ("PTV V40Gy <= 35", "a volume is bounded in % or cc, not in nothing"),
        ("PTV V40Gy <= 35 Gy", "a volume is bounded in % or cc, not in Gy"),
        ("PTV CI >= 0.8 Gy", "an index has no unit"),
        ("PTV D95% >= 100 %", "needs the prescription it refers to"),
        ("PTV V95% >= 98 %", "needs the prescription it refers to"),
        ("PTV D105% >= 70 Gy", "between 0 and 100 %, not 105 %"),
        ("PTV D-5% >= 70 Gy", "between 0 and 100 %, not -5 %"),
        ("PTV D-5cc >= 70 Gy", "-5 is below 0"),
        ("PTV V40Gy <= 135 %", "at most 100 % of a structure, not 135 %"),
        ("PTV CI >= 1.5", "Paddick's index is at most 1, not 1.5; .* CI_RTOG"),
        ("PTV V40Gy <= -5 %", "bound below 0"),
        ("PTV gEUD(a=0.5) <= 40 Gy", "at least 1 or below 0"),
        ("PTV Dmax <= 75 Gy", "single voxel.*D0.03cc instead"),
        ("PTV max <= 75 Gy", "D0.03cc instead"),
        ("PTV D0% <= 75 Gy", "D0.03cc instead"),
        ("PTV D0cc <= 75 Gy", "D0.03cc instead"),
        ("PTV Dmin >= 65 Gy", "D98% or D99% instead"),
        ("PTV D100% >= 65 Gy", "D98% or D99% instead"),
        ("PTV D95% >= 1e999 Gy", "finite"),
    ],
)
def test_notation_that_is_refused(text: str, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        parse_goal(text)


def test_priorities_and_acceptable_bounds_that_are_refused() -> None:
    with pytest.raises(GoalError, match="priorities start at 1, not 0"):
        parse_goal("PTV D95% >= 70 Gy", 0)
    with pytest.raises(GoalError, match="60 is stricter than the goal itself"):
        parse_goal("Rectum Dmean <= 70 Gy", acceptable=60)
    with pytest.raises(GoalError, match="stricter"):
        parse_goal("Rectum Dmean <= 70 Gy", acceptable=math.nan)


@pytest.mark.parametrize(
    ("text", "acceptable", "measured", "verdict"),
    [
        ("R V40Gy <= 35 %", 45.0, 35.0, "pass"),
        ("R V40Gy <= 35 %", 45.0, 35.0 + 1e-9, "pass"),
        ("R V40Gy <= 35 %", 45.0, 35.1, "acceptable"),
        ("R V40Gy <= 35 %", 45.0, 45.1, "fail"),
        ("R V40Gy <= 35 %", None, 35.1, "fail"),
        ("P D95% >= 70 Gy", 68.0, 70.0 - 1e-9, "pass"),
        ("P D95% >= 70 Gy", 68.0, 69.99, "acceptable"),
        ("P D95% >= 70 Gy", 68.0, 67.9, "fail"),
        ("P HI <= 0.1", None, math.inf, "fail"),
    ],
)
def test_verdicts(text: str, acceptable: float | None, measured: float, verdict: str) -> None:
    assert verdict_on(parse_goal(text, acceptable=acceptable), measured) == verdict


@pytest.fixture(scope="module")
def pelvis() -> Case:
    grid = centred_grid(30, 3.0)
    return case_of(
        grid,
        occupied("PTV_70.2", "target", ball(14), grid, 3),
        occupied("RECTUM", "oar", ball(8, (0, 22, 0)), grid, 3),
        prescription_gy={"PTV_70.2": 99.0},
    )


GOALS = (
    parse_goal("PTV D95% >= 70.2 Gy"),
    parse_goal("Rectum Dmean <= 35 Gy", 2, acceptable=40.0),
    parse_goal("Rectum V30Gy <= 10 %", 2),
    parse_goal("Rectum D20cc <= 30 Gy", 3),
    parse_goal("Bladder Dmean <= 35 Gy", 3),
    parse_goal("PTV RTOG CI <= 40", 3),
)
ALIASES = {"PTV": ("PTV70.2", "PTV_High")}


def test_a_table_of_goals(pelvis: Case) -> None:
    dose = np.where(pelvis.grid.centres_mm()[:, 1] < 18, 70.2, 37.0)
    dose[pelvis.structures["RECTUM"].voxels] = 37.0
    dose[pelvis.structures["PTV_70.2"].voxels] = 70.2
    table = judge(pelvis, dose, protocol_of(*GOALS, aliases=ALIASES))
    verdicts = [row.verdict for row in table.rows]
    assert verdicts[:5] == ["pass", "acceptable", "fail", "unjudged", "unjudged"]
    first, second, third, fourth, fifth, _ = table.rows
    assert first.goal.name == "PTV_70.2 D95% >= 70.2 Gy"
    assert first.per_fraction_gy == pytest.approx(1.8)
    rectum = pelvis.structures["RECTUM"]
    mean = np.average(dose[rectum.voxels], weights=rectum.occupancy)
    assert second.value == pytest.approx(mean)
    assert second.margin == pytest.approx(35 - mean)
    assert third.per_fraction_gy is None
    assert "RECTUM has only 2." in fourth.remark
    assert fifth.remark == "the case has no Bladder"
    assert table.rows[5].value is not None
    assert table.rows[5].value > 1, "at the protocol's 70.2 Gy, not the case's 99 Gy"
    assert len(table.judged) == 4
    assert not table.all_met
    assert table.met_by_priority() == {1: (1, 1), 2: (0, 2), 3: (1, 1)}
    assert table.weighted_met == pytest.approx((1 + 0.25) / (1 + 0.5 + 0.5 + 0.25))


def test_the_table_as_text_and_data(pelvis: Case) -> None:
    dose = np.full(pelvis.grid.voxels, 70.2)
    long = parse_goal(f"{'Rectum of a very long name indeed ' * 3}Dmean <= 35 Gy", 4)
    table = judge(pelvis, dose, protocol_of(*GOALS, long, aliases=ALIASES))
    text = table.text()
    assert max(map(len, text.splitlines())) <= 80
    assert "70.20 Gy" in text
    assert "1.800" in text
    assert "in 39 fractions (1.8 Gy each)" in text
    assert "2 of 4 goals met (priority 1: 1 of 1, priority 2: 0 of 2" in " ".join(text.split())
    assert text.splitlines()[-1] == NOTICE
    data = json.loads(json.dumps(table.data(), allow_nan=False))
    assert data["met"] == 2
    assert data["doses"] == "Gy per course"
    assert data["rows"][1]["value"] == pytest.approx(70.2)
    assert data["rows"][4]["value"] is None


def test_goals_that_the_source_does_not_have_are_marked(pelvis: Case) -> None:
    dose = np.full(pelvis.grid.voxels, 70.2)
    plain = judge(pelvis, dose, protocol_of(*GOALS, aliases=ALIASES))
    assert "(a)" not in plain.text()
    assert plain.assumed_note() == ""
    goals = (*GOALS[:2], *(replace(goal, assumed=True) for goal in GOALS[2:]))
    table = judge(pelvis, dose, protocol_of(*goals, aliases=ALIASES))
    assert table.summary() == plain.summary()
    lines = table.text().splitlines()
    assert max(map(len, lines)) <= 80
    for row in table.rows:
        (line,) = [line for line in lines if line[4:].startswith(row.goal.name)]
        assert (f"{row.goal.name} (a)" in line) == row.goal.assumed
    judged = [row for row in table.judged if row.goal.assumed]
    met = sum(row.verdict == "pass" for row in judged)
    note = "(a) assumed: not in the protocol's source"
    assert f"{note} ({met} of {len(judged)} met)" in " ".join(table.text().split())
    drawn = [text.get_text() for text in goal_table_figure(table).texts]
    assert table.assumed_note() in drawn
    assert f"{table.rows[-1].goal.name} (a)" in " ".join(drawn)


def test_a_dose_too_low_for_an_index_fails_it(pelvis: Case) -> None:
    goals = (parse_goal("PTV HI <= 0.1"), parse_goal("PTV CI >= 0.1"))
    dose = np.zeros(pelvis.grid.voxels)
    table = judge(pelvis, dose, protocol_of(*goals, aliases=ALIASES))
    assert [row.verdict for row in table.rows] == ["fail", "fail"]
    assert json.loads(json.dumps(table.data(), allow_nan=False))["rows"][0]["value"] is None


def test_volumes_below_a_voxel_are_remarked_on_once() -> None:
    case = listed_case([1.0] * 5)
    goals = (parse_goal("PTV D0.03cc <= 62 Gy"), parse_goal("PTV D0.1cc <= 50 Gy"))
    table = judge(case, listed_dose([60.0] * 5), protocol_of(*goals, prescription={"PTV": 60.0}))
    assert "judge on a finer grid" in table.rows[0].remark
    text = table.text()
    assert text.count("judge on a finer grid") == 1
    assert "pass*" in text
    assert "fail*" in text


def test_structures_a_protocol_cannot_do_without(pelvis: Case) -> None:
    dose = np.zeros(pelvis.grid.voxels)
    with pytest.raises(CaseError, match=r"prescribes to PTV, but case by-hand has PTV_70.2, REC"):
        judge(pelvis, dose, protocol_of(*GOALS))
    two = case_of(
        pelvis.grid,
        pelvis.structures["PTV_70.2"],
        occupied("PTV high", "target", ball(5), pelvis.grid, 2),
    )
    with pytest.raises(CaseError, match=r"'PTV' may be PTV_70.2 or PTV high"):
        judge(two, dose, protocol_of(*GOALS, aliases=ALIASES))
    empty = listed_case([])
    with pytest.raises(CaseError, match="PTV is empty"):
        judge(empty, np.zeros(1), protocol_of(*GOALS))


def test_single_voxels_are_never_judged() -> None:
    case = listed_case([1.0, 1.0])
    goal = Goal(metric=Metric(structure="PTV", kind="D%", argument=0.0), direction="<=", limit=75)
    with pytest.raises(GoalError, match=r"judge by D0.03cc instead"):
        judge(case, listed_dose([70.0, 70.0]), protocol_of(goal))


@pytest.mark.parametrize(
    ("goal", "acceptable", "message"),
    [
        ("PTV D98% >= 68 Gy", 1.8, r"asks 1.8 Gy of a target.*below 20% of it"),
        ("Rectum D30% <= 20 Gy", 7500.0, "cGy, write 75 Gy"),
    ],
)
def test_a_wider_limit_per_fraction_is_refused(goal: str, acceptable: float, message: str) -> None:
    protocol = protocol_of(parse_goal(goal, acceptable=acceptable), fractions=39)
    with pytest.raises(GoalError, match=message):
        judge(listed_case([1.0]), listed_dose([70.0]), protocol)


@pytest.mark.parametrize(
    ("prescription", "fractions", "goal", "message"),
    [
        (
            2.0,
            39,
            "PTV D95% >= 2 Gy",
            r"0.0513 Gy per fraction, below 0.5 Gy; .* 78 Gy per course",
        ),
        (1.8, None, "PTV D95% >= 1.8 Gy", "look like the dose of one fraction .*below 5 Gy"),
        (70.0, 39, "PTV D95% >= 1.8 Gy", r"below 20% of it.*1.8 x 39 = 70.2 Gy"),
        (70.0, None, "PTV Dmean <= 2.1 Gy", "give doses per course$"),
        (70.0, 39, "PTV V1.7Gy >= 95 %", "asks 1.7 Gy of a target prescribed 70 Gy"),
        (7020.0, 39, "PTV D95% >= 70 Gy", "above 200 Gy.*cGy, write 70.2 Gy"),
        (70.0, 39, "Rectum D5% <= 6500 Gy", "cGy, write 65 Gy"),
        (70.0, 0, "PTV D95% >= 70 Gy", "0 fractions are no course"),
        (-1.0, 39, "PTV D95% >= 70 Gy", "above 0"),
        (math.nan, 39, "PTV D95% >= 70 Gy", "above 0"),
    ],
)
def test_doses_per_fraction_are_refused(
    prescription: float, fractions: int | None, goal: str, message: str
) -> None:
    protocol = protocol_of(
        parse_goal(goal), prescription={"PTV": prescription}, fractions=fractions
    )
    with pytest.raises(GoalError, match=message):
        judge(listed_case([1.0]), listed_dose([70.0]), protocol)


def test_a_normalisation_per_fraction_is_refused() -> None:
    protocol = protocol_of(parse_goal("PTV D95% >= 70 Gy"), normalise=("PTV", 95.0, 1.8))
    with pytest.raises(GoalError, match=r"normalisation of PTV D95%.*1.8 x 39"):
        judge(listed_case([1.0]), listed_dose([70.0]), protocol)


def test_the_dose_of_one_fraction_is_refused() -> None:
    case, protocol = listed_case([1.0, 1.0]), protocol_of(parse_goal("PTV D95% >= 70.2 Gy"))
    with pytest.raises(
        CaseError, match=r"D50% of PTV is 1.85 Gy, nearer to the 1.8 Gy of one of 39.*by 39"
    ):
        judge(case, listed_dose([1.85, 1.85]), protocol)
    for low_gy in (0.3, 1.2, 5.0, 11.0):  # by ratio nearer to 1.8 than to 70.2 and to 1.8 / 39
        with pytest.raises(CaseError, match="looks like that of one fraction"):
            judge(case, listed_dose([low_gy, low_gy]), protocol)
        # weights may leave a target cold: a dose that was planned here is a course's
        assert judge(case, listed_dose([low_gy, low_gy]), protocol, planned=True).met == 0
    for missed_gy in (0.2, 11.5, 60.0):
        assert judge(case, listed_dose([missed_gy, missed_gy]), protocol).met == 0
    assert judge(case, listed_dose([0.0, 0.0]), protocol).met == 0
    few = protocol_of(parse_goal("PTV D95% >= 9 Gy"), prescription={"PTV": 9.0}, fractions=3)
    assert judge(case, listed_dose([3.0, 3.0]), few).met == 0


def test_a_dose_in_centigray_is_refused() -> None:
    case = listed_case([1.0, 1.0])
    for fractions in (39, None):
        protocol = protocol_of(parse_goal("PTV D95% >= 70.2 Gy"), fractions=fractions)
        with pytest.raises(
            CaseError, match=r"D50% of PTV is 7020 Gy, above 3 times the 70.2 Gy.*cGy.*by 100"
        ):
            judge(case, listed_dose([7020.0, 7020.0]), protocol)
        with pytest.raises(CaseError, match="above 3 times"):
            judge(case, listed_dose([211.0, 211.0]), protocol)
        assert judge(case, listed_dose([210.0, 210.0]), protocol).all_met
        assert judge(case, listed_dose([7020.0, 7020.0]), protocol, planned=True).all_met


def test_low_limits_of_organs_are_not_refused() -> None:
    case = listed_case([1.0])
    table = judge(
        case,
        listed_dose([70.2]),
        protocol_of(parse_goal("Lens D0.03cc <= 2 Gy"), parse_goal("PTV D95% >= 70 Gy")),
    )
    assert [row.verdict for row in table.rows] == ["unjudged", "pass"]
