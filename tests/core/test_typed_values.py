"""Typed variables through the optimizer: the form is probed once, the value always checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from engines import Recorder, last_words
from fault_server import FaultServer
from strategies import json_values
from textgrad_core.answering import response_format
from textgrad_core.domain import Constraint
from textgrad_core.engine import get_engine
from textgrad_core.engine.protocol import Request
from textgrad_core.errors import EngineError
from textgrad_core.jsondata import JSON
from textgrad_core.optimizer import TGD
from textgrad_core.parsing import wrap
from textgrad_core.run import Run
from textgrad_core.schema import Schema
from textgrad_core.variable import Variable
from writers import asked_format, enforcing, nonce

WEIGHTS: dict[str, JSON] = {
    "type": "object",
    "properties": {"ptv": {"type": "number", "minimum": 0}, "value": {"type": "string"}},
    "required": ["ptv"],
    "additionalProperties": False,
}


def of_type(schema: dict[str, JSON], value: JSON) -> Variable:
    variable = Variable(value, role_description="weights", schema=schema)
    variable.gradients.add("heavier")
    return variable


def typed() -> Variable:
    return of_type(WEIGHTS, {"ptv": 1})


@pytest.mark.parametrize(
    ("modes", "probes", "used"),
    [
        (("json_schema", "json_object"), 1, "json_schema"),
        (("json_object",), 2, "json_object"),
        ((), 2, ""),
    ],
)
def test_the_strictest_form_the_engine_keeps_to_is_used(
    modes: tuple[str, ...], probes: int, used: str
) -> None:
    engine = enforcing({"ptv": 2.5, "value": "</VALUE>"}, *modes)
    variable = typed()
    with Run():
        optimizer = TGD([variable, typed()], engine=engine)
        assert len(optimizer.step().changed) == 2
        optimizer.step()
    assert variable.value == {"ptv": 2.5, "value": "</VALUE>"}
    assert len(engine.asked("capability")) == probes
    assert {asked_format(r) for r in engine.asked("proposal")} == {used}
    assert engine.asked("repair") == []
    for request in engine.asked("proposal"):
        assert '"minimum":0' in last_words(request)


@pytest.mark.parametrize("modes", [("json_schema",), ("json_object",), ()])
@given(value=json_values())
def test_any_json_goes_there_and_comes_back(modes: tuple[str, ...], value: JSON) -> None:
    variable = of_type({}, value)
    with Run():
        report = TGD([variable], engine=enforcing(value, *modes)).step()
    assert report.failures == ()
    assert variable.value == value


def test_a_resumed_run_knows_the_form_and_counts_the_same(tmp_path: Path) -> None:
    used = []
    for paid in (4, 0):
        engine = enforcing({"ptv": 2}, "json_object")
        with Run(tmp_path / "run") as run:
            optimizer = TGD([typed()], engine=engine)
            optimizer.step()
            optimizer.step()
            used.append(run.meter.used["calls"])
        assert len(engine.requests) == paid
    assert used == [4, 4]


def test_an_engine_that_refuses_the_parameter_is_remembered_too(tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        if asked_format(request):
            raise EngineError("unknown parameter response_format", kind="request")
        return wrap('{"ptv": 3}', nonce(request))

    for paid in (3, 0):
        engine = Recorder(answer)
        with Run(tmp_path / "run"):
            variable = typed()
            TGD([variable], engine=engine).step()
        assert variable.value == {"ptv": 3}
        assert len(engine.requests) == paid


def test_a_probe_that_failed_for_another_reason_says_nothing() -> None:
    failures = ["once"]
    good = enforcing({"ptv": 2}, "json_schema")

    def answer(request: Request) -> str:
        if failures:
            failures.pop()
            raise EngineError("away", kind="network", retryable=True)
        return good._answer(request)

    engine = Recorder(answer)
    variable = typed()
    with Run():
        optimizer = TGD([variable], engine=engine)
        with pytest.raises(EngineError, match="away"):
            optimizer.step()
        optimizer.step()
    assert variable.value == {"ptv": 2}
    assert asked_format(engine.asked("proposal")[0]) == "json_schema"


def test_a_function_that_takes_no_parameters_is_asked_for_tags() -> None:
    def model(prompt: str) -> str:
        mark = prompt.rpartition("<VALUE-")[2].partition(">")[0]
        return wrap('{"ptv": 4}', mark)

    variable = typed()
    with Run() as run:
        TGD([variable], engine=get_engine(model)).step()
        assert run.meter.used["calls"] == 1
    assert variable.value == {"ptv": 4}


def test_a_broken_promise_costs_a_repair_and_no_more() -> None:
    def answer(request: Request) -> str:
        if request.purpose == "capability":
            return '{"reason": "", "value": "yes"}'
        value: Any = {"ptv": 5} if request.purpose == "repair" else {"ptv": "heavy"}
        return json.dumps({"reason": "so", "value": value})

    engine = Recorder(answer)
    variable = typed()
    with Run():
        assert TGD([variable], engine=engine).step().failures == ()
    assert variable.value == {"ptv": 5}
    assert "the value.ptv is 'heavy', not number" in last_words(engine.asked("repair")[0])


@pytest.mark.parametrize(
    "answer",
    [
        '{"ptv": 6}',
        '```json\n{"ptv": 6}\n```',
        'Here it is: {"reason": "heavier", "value": {"ptv": 6}}',
        '<think>{"ptv": 0}</think>{"value": {"ptv": 6}}',
        '<VALUE>\n```json\n{"ptv": 6}\n```\n</VALUE>',
        '<VALUE>{"ptv": 6}</VALUE>',
    ],
)
@pytest.mark.parametrize("mode", ["json_schema", "tags"])
def test_an_answer_is_found_whatever_form_it_took(answer: str, mode: str) -> None:
    def reply(request: Request) -> str:
        if request.purpose == "capability":
            return '{"value": "yes"}' if mode == "json_schema" else "no JSON"
        return answer

    engine = Recorder(reply)
    variable = typed()
    with Run():
        assert TGD([variable], engine=engine).step().failures == ()
    assert variable.value == {"ptv": 6}
    assert engine.asked("repair") == []


def test_a_value_that_never_obeys_is_kept_out() -> None:
    variable = typed()
    with Run():
        report = TGD([variable], engine=enforcing({"ptv": -1})).step()
    assert variable.value == {"ptv": 1}
    assert "the value.ptv is -1, against minimum 0" in report.failures[0]


def test_predicates_and_validators_see_the_data() -> None:
    seen: list[Any] = []

    def validate(value: Any) -> None:
        seen.append(value)

    small: Constraint[Any] = Constraint(words="below 10", holds=lambda v: v["ptv"] < 10)
    schema = Schema(definition={"oneOf": [{}]}, validate=validate)
    variable = Variable({"ptv": 1}, role_description="weights", schema=schema)
    variable.gradients.add("heavier")
    with Run():
        report = TGD([variable], engine=enforcing({"ptv": 11}), constraints=[small]).step()
    assert "below 10" in report.failures[0]
    assert seen[0] == {"ptv": 1}
    assert {"ptv": 11} in seen


def test_own_tags_need_no_probe() -> None:
    engine = Recorder(lambda _: 'so [[{"ptv": 7}]]')
    variable = typed()
    with Run():
        TGD([variable], engine=engine, new_variable_tags=["[[", "]]"]).step()
    assert variable.value == {"ptv": 7}
    assert engine.asked("capability") == []


def test_references_still_lead_somewhere_inside_the_answer() -> None:
    def schema_of(definition: dict[str, JSON]) -> Any:
        sent: Any = response_format("json_schema", definition)
        return sent["json_schema"]

    shared = schema_of({"$defs": {"d": {"type": "null"}}, "$ref": "#/$defs/d"})
    assert shared["schema"]["$defs"] == {"d": {"type": "null"}}
    assert shared["schema"]["properties"]["value"]["$ref"] == "#/$defs/d"
    tree = schema_of({"items": {"$ref": "#"}})["schema"]["properties"]["value"]
    assert tree["items"]["$ref"] == "#/properties/value"


@pytest.mark.parametrize(
    ("definition", "strict"),
    [
        ({"type": "string"}, True),
        (WEIGHTS, False),
        ({**WEIGHTS, "required": ["ptv", "value"]}, True),
        ({"type": "object"}, False),
    ],
)
def test_strict_is_asked_for_where_strict_servers_allow_it(
    definition: dict[str, JSON], strict: bool
) -> None:
    sent: Any = response_format("json_schema", definition)
    assert sent["json_schema"]["strict"] is strict


def test_the_schema_reaches_a_server_over_the_wire() -> None:
    def answer(body: dict[str, Any]) -> str:
        schema = body["response_format"]["json_schema"]["schema"]
        allowed = schema["properties"]["value"].get("enum", [{"ptv": 8}])
        return json.dumps({"reason": "enforced", "value": allowed[0]})

    variable = typed()
    with FaultServer(answer) as server, Run() as run:
        engine = get_engine("m", base_url=server.url(), api_key="k", temperature=0)
        report = TGD([variable], engine=engine, params={"top_p": 0.5}).step()
        assert run.meter.used["calls"] == 2
        probe, proposal = (one.body for one in server.received)
    assert report.failures == ()
    assert variable.value == {"ptv": 8}
    assert probe["response_format"]["json_schema"]["strict"] is True
    assert (proposal["temperature"], proposal["top_p"]) == (0, 0.5)
    assert proposal["response_format"]["json_schema"]["schema"]["properties"]["value"] == WEIGHTS
