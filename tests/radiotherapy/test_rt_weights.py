"""Weights as JSON: what is read, what is refused, and one text per plan."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_core.errors import Invalid
from textgrad_radiotherapy.outline import anatomy_of
from textgrad_radiotherapy.protocols import load_protocol, protocol_names
from textgrad_radiotherapy.starting_terms import starting_terms
from textgrad_radiotherapy.terms import Term
from textgrad_radiotherapy.weights import canonical_weights, parse_weights, start_weights

TERMS = (
    Term(name="PTV under", structure="PTV", kind="squared-underdose", dose_gy=60.0),
    Term(name="PTV over", structure="PTV", kind="squared-overdose", dose_gy=62.0),
    Term(name="Rectum mean", structure="Rectum", kind="mean-dose"),
)
GOOD = {"PTV under": 1.0, "PTV over": 2.0, "Rectum mean": 0.5}


def text(**changes: object) -> str:
    return json.dumps({**GOOD, **{k.replace("PTV_", "PTV "): v for k, v in changes.items()}})


@given(
    scale=st.floats(1e-3, 1e3), over=st.floats(1e-2, 1e5), mean=st.floats(1e-2, 1e5)
)  # fmt: skip
def test_only_ratios_count_and_the_text_is_stable(scale: float, over: float, mean: float) -> None:
    weights = {"PTV under": scale, "Rectum mean": mean * scale, "PTV over": over * scale}
    read = parse_weights(json.dumps(weights), TERMS)
    assert list(read.weights) == [term.name for term in TERMS]
    assert read.weights["PTV under"] == 1.0
    assert read.weights["PTV over"] == pytest.approx(over, rel=1e-5)
    assert read.weights["Rectum mean"] == pytest.approx(mean, rel=1e-5)
    once = canonical_weights(read)
    assert canonical_weights(parse_weights(once, TERMS)) == once


def test_a_fence_around_the_answer_is_taken_off() -> None:
    assert parse_weights(f"```json\n{text()}\n```", TERMS).weights == GOOD


def test_dose_levels_are_kept_where_they_differ() -> None:
    read = parse_weights(text(doses_gy={"PTV over": 64.0, "PTV under": 60.0}), TERMS)
    assert dict(read.doses_gy) == {"PTV over": 64.0}
    assert parse_weights(canonical_weights(read), TERMS).doses_gy == read.doses_gy
    own = parse_weights(json.dumps({**GOOD, "doses_gy": {"PTV over": 64.0}}), TERMS)
    assert dict(own.doses_gy) == {"PTV over": 64.0}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "no JSON"),
        ("the weights should rise", "no JSON"),
        ("[1, 2]", "no JSON object"),
        ("[" * 19_000, "nested"),
        ("[" * 100_000, "characters long"),
        (json.dumps({"PTV under": 1.0, "PTV over": 1.0}), "'Rectum mean' is missing"),
        (text(Bowel=1.0), "no term 'Bowel'"),
        (text(PTV_over=float("nan")), "nan"),
        (text(PTV_over=float("inf")), "inf"),
        (text(PTV_over=10**400), "inf"),
        (text(PTV_over=-1.0), "-1"),
        (text(PTV_over=0), "is 0"),
        (text(PTV_over=True), "not a number"),
        (text(PTV_over="2"), "not a number"),
        (text(PTV_over=1e7), "times that of 'PTV under'"),
        (text(PTV_over=1e-4), "times that of 'PTV under'"),
        (text()[:-1] + ', "PTV over": 3.0}', "given twice"),
        (json.dumps({**GOOD, "doses_gy": 60}), "doses_gy"),
        (json.dumps({**GOOD, "doses_gy": {"Bowel": 60}}), "'Bowel'"),
        (json.dumps({**GOOD, "doses_gy": {"Rectum mean": 20}}), "'Rectum mean'"),
        (json.dumps({**GOOD, "doses_gy": {"PTV over": 1.6}}), "1.6 Gy"),
        (json.dumps({**GOOD, "doses_gy": {"PTV over": 300}}), "300 Gy"),
    ],
)
def test_what_is_no_set_of_weights_is_refused_with_the_reason(answer: str, says: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_weights(answer, TERMS)
    assert says in refusal.value.reason
    assert refusal.value.hint


def test_a_dose_level_per_fraction_is_told_apart() -> None:
    with pytest.raises(Invalid, match="not per fraction"):
        parse_weights(json.dumps({**GOOD, "doses_gy": {"PTV over": 2.0}}), TERMS)


@pytest.mark.parametrize("protocol", [p for p in protocol_names() if "tg119" not in p])
def test_every_goal_of_a_protocol_has_a_term_to_work_with(protocol: str) -> None:
    found = load_protocol(protocol)
    structures = anatomy_of("adult_hard", 10.0, 10.0).structures
    kinds = {name: structure.kind for name, structure in structures.items()}
    terms = starting_terms(found, kinds)
    assert terms == starting_terms(found, kinds)
    assert {term.weight for term in terms} == {1.0}
    assert len({term.name for term in terms}) == len(terms)
    assert terms[0].kind == "squared-underdose"
    assert set(start_weights(terms).weights.values()) == {1.0}
    judged = {goal.metric.structure for goal in found.goals} & set(kinds)
    assert judged <= {term.structure for term in terms}
    assert len(terms) <= 20
