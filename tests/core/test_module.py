"""Programs as objects: parameters by name, state, modes; models, batches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from engines import Recorder, last_words
from strategies import json_values
from textgrad_core.autograd import LLMCall, Module
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.loss import MultiFieldEvaluation, TextLoss
from textgrad_core.tasks import DataLoader, Dataset
from textgrad_core.variable import Variable


def leaf(value: object = "x", role: str = "prompt", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


class Step(Module):
    def __init__(self, engine: object, text: str) -> None:
        self.prompt = leaf(text)
        self.call = LLMCall(engine, self.prompt)  # type: ignore[arg-type]

    def forward(self, x: Variable) -> Variable:
        self.last = self.call(x)
        return self.last


class Program(Module):
    def __init__(self, engine: object) -> None:
        self.steps = [Step(engine, "one"), Step(engine, "two")]
        self.named = {"judge": TextLoss(leaf("three"), engine)}  # type: ignore[arg-type]
        self.frozen = leaf("four", requires_grad=False)
        self.shared = self.steps[0].prompt
        self.itself = self
        self.number: object = 5

    def forward(self, x: Variable) -> Variable:
        for step in self.steps:
            x = step(x)
        return self.named["judge"](x)


NAMES = ["steps.0.prompt", "steps.1.prompt", "named.judge.eval_system_prompt"]


def test_parameters_have_one_name_each() -> None:
    program = Program(Recorder())
    assert [n for n, _ in program.named_parameters()] == NAMES
    assert [p.value for p in program.parameters()] == ["one", "two", "three"]
    program.number = Step(Recorder(), "six")
    assert [n for n, _ in program.named_parameters()] == [*NAMES, "number.prompt"]


def test_what_an_operation_returned_is_no_parameter() -> None:
    program = Program(Recorder(lambda _: "answer"))
    out = program(leaf())
    assert out.value == "answer"
    assert len(program.steps[0].last.predecessors) == 2
    assert [n for n, _ in program.named_parameters()] == NAMES
    out.backward()
    assert [len(p.gradients) for p in program.parameters()] == [1, 1, 1]
    program.zero_grad()
    assert [len(p.gradients) for p in program.parameters()] == [0, 0, 0]


@given(values=st.lists(json_values(), min_size=4, max_size=4))
def test_state_is_json_and_comes_back(values: list[Any]) -> None:
    first, second = Program(Recorder()), Program(Recorder())
    for variable, value in zip([*first.parameters(), first.frozen], values, strict=True):
        variable.value = value
    state = json.loads(json.dumps(first.state_dict(), ensure_ascii=False))
    assert list(state) == [*NAMES, "frozen"]
    assert second.load_state_dict(state) == ((), ())
    assert second.state_dict() == first.state_dict()
    assert [v.value for v in second.parameters()] == [v.value for v in first.parameters()]


def test_a_state_of_another_module_is_refused_whole() -> None:
    program = Program(Recorder())
    state = program.state_dict()
    state["steps.0.prompt"] = "changed"
    other: dict[str, JSON] = dict(state)
    del other["frozen"]
    other["stray"] = 1
    with pytest.raises(UsageError, match=r"lacks \['frozen'\] and has \['stray'\]"):
        program.load_state_dict(other)
    damaged: dict[str, JSON] = {**state, "frozen": {"$bytes": "?"}}
    with pytest.raises(UsageError, match="damaged"):
        program.load_state_dict(damaged)
    assert program.parameters()[0].value == "one"
    assert program.load_state_dict(other, strict=False) == (("frozen",), ("stray",))
    assert program.parameters()[0].value == "changed"
    program.frozen.value = object()
    with pytest.raises(UsageError, match="frozen"):
        program.state_dict()


def test_bytes_are_state_too() -> None:
    program = Program(Recorder())
    program.frozen.value = b"\x00\xff"
    state = json.loads(json.dumps(program.state_dict()))
    program.frozen.value = "other"
    program.load_state_dict(state)
    assert program.frozen.value == b"\x00\xff"


def test_modes_reach_every_module() -> None:
    program = Program(Recorder())
    everything = [program, *program.steps, program.named["judge"]]
    assert [m.training for m in everything] == [True] * 4
    assert program.eval() is program
    assert [m.training for m in everything] == [False] * 4
    program.train()
    assert [m.training for m in everything] == [True] * 4
    assert set(program.modules()) == set(everything)


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match="defines no forward"):
        Module()(leaf())


def test_a_model_lists_its_prompt_only_if_it_can_improve() -> None:
    engine = Recorder(lambda r: f"{[m.content for m in r.messages]}")
    prompt = leaf("Be brief.")
    model = tg.BlackboxLLM(engine, prompt)
    assert model.parameters() == [prompt]
    assert model(leaf("Why?")).value == "['Be brief.', 'Why?']"
    frozen = tg.BlackboxLLM(engine, "Be brief.")
    assert frozen.parameters() == []
    assert frozen(leaf("Why?")).value == "['Be brief.', 'Why?']"
    assert tg.BlackboxLLM(engine).forward(leaf("Why?")).value == "['Why?']"
    with tg.using(engine):
        assert tg.BlackboxLLM()(leaf("Why?")).value == "['Why?']"
    assert frozen.state_dict() == {"system_prompt": "Be brief."}


def test_frozen_modules_send_no_feedback_calls() -> None:
    engine = Recorder(lambda _: "words")
    answer = tg.BlackboxLLM(engine, "Be brief.")(leaf("Why?", requires_grad=False))
    assert not answer.requires_grad
    judge = MultiFieldEvaluation("Right?", ["answer"], engine)
    assert not judge([answer]).requires_grad
    assert engine.asked("feedback") == []


def test_batches_come_as_textgrad_has_them() -> None:
    data = [(f"q{n}", f"a{n}") for n in range(7)]
    loader = DataLoader(data, batch_size=3, shuffle=False)
    batches = list(loader)
    assert batches[0] == (("q0", "q1", "q2"), ("a0", "a1", "a2"))
    assert [len(x) for x, _ in batches] == [3, 3, 1]
    assert len(loader) == 3
    assert list(DataLoader(["a", "b"], 2, False)) == [["a", "b"]]
    assert list(DataLoader([])) == []
    with pytest.raises(UsageError, match="batch_size is 0"):
        DataLoader(data, 0)


def test_orders_differ_by_pass_and_repeat_by_seed() -> None:
    def passes(seed: int) -> list[list[Any]]:
        loader = DataLoader(list(range(50)), 50, seed=seed)
        return [next(iter(loader)) for _ in range(3)]

    assert passes(1) == passes(1) != passes(2)
    first, second, _ = passes(1)
    assert first != second
    assert sorted(first) == sorted(second) == list(range(50))


def test_a_data_set_is_written_with_two_methods() -> None:
    class Squares(Dataset):
        def __getitem__(self, index: int) -> tuple[int, int]:
            return index, index * index

        def __len__(self) -> int:
            return 3

    assert list(DataLoader(Squares(), 2, shuffle=False)) == [((0, 1), (0, 1)), ((2,), (4,))]
    with pytest.raises(NotImplementedError):
        len(Dataset())


def test_a_program_improves() -> None:
    def answer(request: Any) -> str:
        if request.purpose == "proposal":
            mark = last_words(request).rpartition("<VALUE-")[2].partition(">")[0]
            return f"<VALUE-{mark}>better</VALUE-{mark}>"
        return "words"

    engine = Recorder(answer)
    program = Program(engine)
    optimizer = tg.TGD(program.parameters(), engine=engine)
    program(leaf(requires_grad=False)).backward()
    optimizer.step()
    assert [p.value for p in program.parameters()] == ["better"] * 3
