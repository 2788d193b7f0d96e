"""Embedded protocols, a user's own, and every way in which one may be wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rt_cases import ball, case_of, centred_grid, occupied
from textgrad_core.cli import main
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.feasibility import find_infeasible
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.judgement import judge
from textgrad_radiotherapy.protocols import (
    load_protocol,
    protocol_data,
    protocol_from_data,
    protocol_names,
)
from textgrad_radiotherapy.structure_names import find_structure, matched

EMBEDDED = {
    "tg119-multitarget": (50.0, 25),
    "tg119-prostate": (75.6, 42),
    "tg119-head-neck": (50.0, 25),
    "tg119-cshape-easy": (50.0, 25),
    "tg119-cshape-hard": (50.0, 25),
    "quantec-prostate": (78.0, 39),
    "prostate-78-39": (78.0, 39),
    "chhip-60-20": (60.0, 20),
    "textgrad-70.2-39": (70.2, 39),
    "portpy-70.2-26": (70.2, 26),
}


def names_of(protocol: str) -> set[str]:
    return {goal.name for goal in load_protocol(protocol).goals if not goal.assumed}


def test_the_embedded_protocols() -> None:
    assert set(protocol_names()) == set(EMBEDDED)
    assert list(protocol_names()) == sorted(protocol_names())


@pytest.mark.parametrize("name", EMBEDDED)
def test_what_is_not_of_a_protocol_s_source_is_marked(name: str) -> None:
    protocol = load_protocol(name)
    elsewhere = ("ICRU", "RTOG", "not of the source")
    for goal in protocol.goals:
        borrowed = any(word in goal.source for word in elsewhere)
        assert not borrowed or goal.assumed, goal.name


def test_quantec_states_limits_of_rectum_and_bladder_alone() -> None:
    rectum = ((50, 50), (60, 35), (65, 25), (70, 20), (75, 15))
    bladder = ((65, 50), (70, 35), (75, 25), (80, 15))
    assert names_of("quantec-prostate") == {
        *(f"Rectum V{dose}Gy <= {volume} %" for dose, volume in rectum),
        *(f"Bladder V{dose}Gy <= {volume} %" for dose, volume in bladder),
    }


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_protocol(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.name == name
    assert (max(protocol.prescription_gy.values()), protocol.fractions) == EMBEDDED[name]
    assert len(protocol.source) > 40
    assert all(goal.source for goal in protocol.goals)
    assert protocol.normalise is not None
    assert protocol.normalise[0] in protocol.prescription_gy
    assert protocol_from_data(protocol_data(protocol)) == protocol
    assert protocol_from_data(json.loads(json.dumps(protocol_data(protocol)))) == protocol


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_protocol_guards_normal_tissue_and_says_that_the_guard_is_its_own(name: str) -> None:
    protocol = load_protocol(name)
    guards = {g.metric.label: g.limit for g in protocol.goals if g.assumed}
    highest = max(protocol.prescription_gy.values())
    assert guards["D1cc outside targets"] == pytest.approx(1.07 * highest)
    assert guards["D1cc beyond 2 cm"] == pytest.approx(0.75 * highest)
    assert any(text.startswith("Normal tissue: ") for text in protocol.assumptions)


def test_an_assumption_is_true_or_false() -> None:
    data = copy.deepcopy(OWN)
    data["goals"][0]["assumed"] = "yes"
    with pytest.raises(GoalError, match='assumed is "yes", not true or false'):
        protocol_from_data(data)


def test_limits_of_the_sources() -> None:
    """Typed in again from the publications, as a second reading of the files."""
    assert names_of("tg119-prostate") == {
        "PTV D95% >= 75.6 Gy", "PTV D5% <= 83 Gy", "Rectum D30% <= 70 Gy", "Rectum D10% <= 75 Gy",
        "Bladder D30% <= 70 Gy", "Bladder D10% <= 75 Gy",
    }  # fmt: skip
    assert names_of("tg119-multitarget") == {
        "PTV_Center D99% >= 50 Gy", "PTV_Center D10% <= 53 Gy", "PTV_Superior D99% >= 25 Gy",
        "PTV_Superior D10% <= 35 Gy", "PTV_Inferior D99% >= 12.5 Gy", "PTV_Inferior D10% <= 25 Gy",
    }  # fmt: skip
    assert names_of("tg119-head-neck") == {
        "PTV D90% >= 50 Gy", "PTV D99% >= 46.5 Gy", "PTV D20% <= 55 Gy",
        "SpinalCord D0.03cc <= 40 Gy", "Parotid_L D50% <= 20 Gy", "Parotid_R D50% <= 20 Gy",
    }  # fmt: skip
    assert "Core D10% <= 25 Gy" in names_of("tg119-cshape-easy")
    assert "Core D10% <= 10 Gy" in names_of("tg119-cshape-hard")
    quantec = {50: 50, 60: 35, 65: 25, 70: 20, 75: 15}
    assert {f"Rectum V{d}Gy <= {v} %" for d, v in quantec.items()} <= names_of("quantec-prostate")
    assert "Bladder V80Gy <= 15 %" in names_of("quantec-prostate")
    # 102, 35, 58 and 94 % of 70.2 Gy
    assert {
        "Rectum D0.03cc <= 71.604 Gy", "Rectum Dmean <= 24.57 Gy", "Rectum D25% <= 40.716 Gy",
        "Bladder D10% <= 65.988 Gy", "Femur_Head_L D0.03cc <= 54.756 Gy",
    } <= names_of("portpy-70.2-26")  # fmt: skip
    textgrad = {goal.name: goal.acceptable for goal in load_protocol("textgrad-70.2-39").goals}
    assert textgrad["Rectum Dmean <= 17.18 Gy"] == 23.88
    assert textgrad["Bladder D5% <= 65.96 Gy"] == 67.81


@pytest.mark.parametrize("name", EMBEDDED)
def test_what_a_source_does_not_say_is_marked(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.assumptions
    assert all(a.endswith(".") and len(a) > 20 for a in protocol.assumptions)
    told = " ".join(protocol.assumptions)
    if name.startswith("tg119") or name == "textgrad-70.2-39":
        assert "fraction" in told
    if any("D0.03cc" in goal.name and "maximum there" in goal.source for goal in protocol.goals):
        assert "D0.03cc" in told


def test_assumptions_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["radiotherapy", "protocols", "chhip-60-20"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "Assumed here, not in the source:" in shown
    assert "3 % is quoted too" in " ".join(shown.split())
    assert main(["radiotherapy", "protocols", "textgrad-70.2-39"]) == 0
    assert "(acceptable 23.88)" in capsys.readouterr().out


def test_limits_that_a_protocol_leaves_out_of_its_source_are_named() -> None:
    told = " ".join(load_protocol("prostate-78-39").assumptions)
    for word in ("V35 < 100 %", "penile bulb", "small bowel"):
        assert word in told


def test_dose_levels_of_chhip_are_whole_per_cents_of_the_prescription() -> None:
    for goal in load_protocol("chhip-60-20").goals:
        if goal.metric.kind in ("V%", "Vcc"):
            given = float(goal.source.split(", ")[1].split(" Gy")[0])
            assert goal.metric.argument == pytest.approx(round(100 * given / 74) * 60 / 100)


OWN: dict[str, Any] = {
    "name": "own",
    "title": "Our clinic",
    "source": "our tumour board",
    "prescription_gy": {"PTV": 60.0},
    "fractions": 20,
    "normalise": {"structure": "PTV", "volume_percent": 95, "dose_gy": 60},
    "goals": [
        {"goal": "PTV D95% >= 100 %", "priority": 1, "source": "ours"},
        {"goal": "Rectum V40Gy <= 35 %", "acceptable": 45},
    ],
    "aliases": {"Rectum": ["Rektum"]},
    "assumptions": ["Volumes are those of the whole organ."],
}

OWN_TOML = """
name = "own"
title = "Our clinic"
source = "our tumour board"
fractions = 20
assumptions = ["Volumes are those of the whole organ."]
[prescription_gy]
PTV = 60.0
[normalise]
structure = "PTV"
volume_percent = 95
dose_gy = 60
[[goals]]
goal = "PTV D95% >= 100 %"
priority = 1
source = "ours"
[[goals]]
goal = "Rectum V40Gy <= 35 %"
acceptable = 45
[aliases]
Rectum = ["Rektum"]
"""


def test_a_users_own_files(tmp_path: Path) -> None:
    as_json, as_toml = tmp_path / "own.json", tmp_path / "own.TOML"
    as_json.write_text(json.dumps(OWN), encoding="utf-8")
    as_toml.write_text(OWN_TOML, encoding="utf-8")
    protocol = load_protocol(as_json)
    assert protocol == load_protocol(str(as_toml))
    assert protocol.goals[0].limit == 60
    assert protocol.goals[1].acceptable == 45
    assert protocol.normalise == ("PTV", 95, 60)
    assert protocol.aliases == {"Rectum": ("Rektum",)}


def test_what_may_be_left_out() -> None:
    data = {k: v for k, v in OWN.items() if k not in ("fractions", "normalise", "aliases")}
    protocol = protocol_from_data(data)
    assert (protocol.fractions, protocol.normalise, protocol.aliases) == (None, None, {})


def changed(path: tuple[str | int, ...], new: object) -> dict[str, Any]:
    """The user's protocol with one thing changed; None takes it away."""
    data = copy.deepcopy(OWN)
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    if new is None:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return data


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        (("title",), None, "mine lacks title"),
        (("goals",), None, "mine lacks goals"),
        (("goals",), [], "goals is empty"),
        (("goals",), {"a": 1}, r'goals is \{"a": 1\}, not a list'),
        (("goal",), [], "unknown field 'goal'; known are name, title"),
        (("name",), 7, "name is 7, not a text"),
        (("fractions",), 2.5, "fractions is 2.5, not a whole number"),
        (("fractions",), True, "fractions is true, not a whole number"),
        (("prescription_gy",), {}, "no target has a prescribed dose"),
        (("prescription_gy",), 60, "prescription_gy is 60, not an object"),
        (("prescription_gy", "PTV"), "60", 'prescription_gy of PTV is "60", not a number'),
        (("prescription_gy", "PTV"), 3.0, "3 Gy prescribed to PTV in 20 fractions.*60 Gy per"),
        (("prescription_gy", "PTV"), 6000.0, "if it is in cGy, write 60 Gy"),
        (("prescription_gy", "PTV"), float("nan"), "nan Gy prescribed to PTV are no dose"),
        (("goals", 0), "PTV D95% >= 60 Gy", "goal 1 is .* not an object"),
        (("goals", 0, "goal"), None, "goal 1 lacks goal"),
        (("goals", 0, "goal"), "PTV Dmax <= 63 Gy", "D0.03cc instead"),
        (("goals", 0, "goal"), "PTV D95% >= 3 Gy", "3 x 20 = 60 Gy"),
        (("goals", 0, "goal"), "Rectum V40Gy <= 35 %", "is given 2 times"),
        (("goals", 0, "goal"), "Rectum CI >= 0.7", "needs a prescription of Rectum"),
        (("goals", 0, "limit"), 3, "goal 1 has an unknown field 'limit'"),
        (("goals", 1, "priority"), 0, "priorities start at 1"),
        (("goals", 1, "priority"), 1.5, r"goal 2 \(Rectum V40Gy <= 35 %\): priority is 1.5"),
        (("goals", 1, "acceptable"), 30, "30 is stricter than the goal"),
        (("goals", 1, "acceptable"), "45 %", "acceptable is .* not a number"),
        (("normalise", "structure"), "CTV", "CTV has no prescription; PTV has"),
        (("normalise", "volume_percent"), 100, "between 0 and 100, not 100"),
        (("normalise", "dose_gy"), 3, "normalisation of PTV D95%"),
        (("normalise", "dose_gy"), None, "normalise lacks dose_gy"),
        (("aliases", "Rectum"), "Rektum", "aliases is .* not a list"),
        (("aliases",), [], r"aliases is \[\], not an object"),
        (("assumptions",), "none", "assumptions is .* not a list"),
        (("assumptions",), [1], "assumptions is 1, not a text"),
    ],
)
def test_what_is_wrong_is_named(path: tuple[str | int, ...], new: object, message: str) -> None:
    with pytest.raises(GoalError, match=message) as told:
        protocol_from_data(changed(path, new), "mine")
    assert str(told.value).startswith("mine")


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_what_is_no_object_is_no_protocol(data: Any) -> None:
    with pytest.raises(GoalError, match="not an object with named fields"):
        protocol_from_data(data)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(GoalError, match=r"no protocol 'tg119'; give the path.*tg119-prostate"):
        load_protocol("tg119")
    with pytest.raises(GoalError, match="no protocol"):
        load_protocol(tmp_path / "absent.json")
    for name, text, kind in (("a.json", "{", "JSON"), ("a.toml", "= 3", "TOML")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(GoalError, match=f"is no {kind}"):
            load_protocol(tmp_path / name)
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GoalError, match="cannot be read"):
        load_protocol(tmp_path / "b.json")
    (tmp_path / "c.txt").write_text("{}", encoding="utf-8")
    with pytest.raises(GoalError, match=r"\.json or \.toml"):
        load_protocol(tmp_path / "c.txt")


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("Rectum", ["RECTUM"], "RECTUM"),
        ("Rectum", ["rectum", "Rectum"], "Rectum"),
        ("Femur_Head_L", ["FemurHeadL"], "FemurHeadL"),
        ("Femur_Head_L", ["Femur_L"], "Femur_L"),
        ("Femur_Head_L", ["Left femoral-head"], "Left femoral-head"),
        ("Femur_Head_L", ["Femur_L", "femur head l"], "femur head l"),
        ("Femur_Head_L", ["Femur_R"], None),
        ("PTV", ["PTV+5mm"], None),
    ],
)
def test_names_of_structures(name: str, known: list[str], found: str | None) -> None:
    aliases = load_protocol("quantec-prostate").aliases
    assert find_structure(name, known, aliases) == found


def test_names_that_may_be_either() -> None:
    with pytest.raises(CaseError, match="'Rectum' may be RECTUM or rectum"):
        find_structure("Rectum", ["RECTUM", "rectum"], {})


def small_case(*structures: tuple[str, float, float]) -> Any:
    """Balls by name, radius and distance from the centre along y."""
    grid = centred_grid(40, 4.0)
    return case_of(
        grid,
        *(
            occupied(n, "target" if n.startswith("PTV") else "oar", ball(r, (0, y, 0)), grid, 3)
            for n, r, y in structures
        ),
    )


def test_matched_protocols_speak_the_cases_names() -> None:
    case = small_case(("PTV_7020", 14, 0), ("RECTUM", 8, 22), ("Femur_L", 8, -22))
    protocol = matched(load_protocol("portpy-70.2-26"), case)
    assert protocol.prescription_gy == {"PTV_7020": 70.2}
    assert protocol.normalise == ("PTV_7020", 95, 70.2)
    structures = {goal.metric.structure for goal in protocol.goals}
    assert structures == {"PTV_7020", "RECTUM", "Femur_L", "Bladder", "Femur_Head_R", "Body"}


def test_two_targets_that_are_one_structure() -> None:
    data = copy.deepcopy(OWN)
    data["prescription_gy"]["Boost"] = 66.0
    data["aliases"]["Boost"] = ["PTV"]
    with pytest.raises(CaseError, match="two targets of protocol own are one structure"):
        matched(protocol_from_data(data), small_case(("PTV", 14, 0)))


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_protocol_judges(name: str) -> None:
    protocol: Protocol = load_protocol(name)
    organs = dict.fromkeys(goal.metric.structure for goal in protocol.goals)
    places = np.linspace(-24, 24, len(organs))
    case = small_case(*((organ, 10.0, float(y)) for organ, y in zip(organs, places, strict=True)))
    table = judge(case, np.full(case.grid.voxels, 80.0), protocol)
    assert len(table.rows) == len(protocol.goals)
    whole_cc = case.grid.voxels * case.grid.voxel_cc
    for row in table.judged:
        ball_cc = 10.0**3 * 4e-3 / 3 * np.pi
        uniform = {"Gy": 80.0, "%": 100.0, "cc": ball_cc, "": ball_cc / whole_cc}[
            row.goal.metric.unit
        ]
        assert row.value == pytest.approx(
            uniform, rel=0.05 if row.goal.metric.unit in ("cc", "") else 1e-6
        )
        assert (row.verdict == "pass") == (row.goal.margin(uniform) >= 0)
    assert all(finding.text() for finding in find_infeasible(case, protocol))
