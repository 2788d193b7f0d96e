"""Where TextGrad's programs meet the edges: images, wrong engines, wrong order, absent names."""

from __future__ import annotations

import copy
import importlib
import subprocess
import sys
from typing import Any

import pytest

import textgrad_core as tg
from engines import Recorder, down
from project import ROOT
from textgrad_core.absent import INSTEAD
from textgrad_core.autograd import MultimodalLLMCall, OrderedFieldsMultimodalLLMCall
from textgrad_core.engine import CallableEngine, ImageURL
from textgrad_core.engine.protocol import Image
from textgrad_core.errors import BackwardError, EngineError, UsageError

PNG = b"\x89PNG\r\n\x1a\n....."
ADDRESS = "https://example.org/cat.png"


class Parts:
    """A user's engine that keeps the prompts it is given."""

    def __init__(self) -> None:
        self.prompts: list[Any] = []

    def generate(self, prompt: Any, system_prompt: str | None = None) -> str:  # noqa: ARG002 - TextGrad's signature
        self.prompts.append(prompt)
        return "a cat"


def leaf(value: Any = "text", role: str = "a text", requires_grad: bool = True) -> tg.Variable:
    return tg.Variable(value, role_description=role, requires_grad=requires_grad)


def test_a_users_engine_gets_every_input_as_a_part_of_its_own() -> None:
    engine = Parts()
    inputs = [leaf("First"), leaf(PNG), leaf("What is it?"), leaf(7)]
    assert MultimodalLLMCall(engine)(inputs).value == "a cat"
    named = dict(zip(("a", "image", "b"), inputs, strict=False))
    assert OrderedFieldsMultimodalLLMCall(engine, list(named))(named).value == "a cat"
    assert engine.prompts == [
        ["First", PNG, "What is it?", "7"],
        ["a: First", "image: ", PNG, "b: What is it?"],
    ]


def test_a_prompt_given_to_an_engine_directly_is_in_parts_too() -> None:
    target = Parts()
    engine = CallableEngine(target)
    assert engine.generate(["First", PNG, "last"]) == "a cat"
    assert engine.generate(["First", "last"]) == "a cat"
    assert target.prompts == [["First", PNG, "last"], "First\n\nlast"]


def test_a_users_engine_can_tell_an_address_from_text() -> None:
    engine = Parts()
    image = tg.Variable(image_path=ADDRESS, role_description="an image", requires_grad=False)
    text = leaf(ADDRESS)
    assert MultimodalLLMCall(engine)([image, text]).value == "a cat"
    (given,) = engine.prompts
    assert given == [ADDRESS, ADDRESS]
    assert [isinstance(part, ImageURL) for part in given] == [True, False]


def test_an_address_stays_an_image_when_it_is_stored_and_copied() -> None:
    class Program(tg.Module):
        def __init__(self) -> None:
            self.image = tg.Variable(image_path=ADDRESS, role_description="an image")

    saved, loaded = Program(), Program()
    loaded.image.value = "nothing"
    loaded.load_state_dict(saved.state_dict())
    assert isinstance(loaded.image.value, ImageURL)
    assert loaded.image.value == ADDRESS
    assert isinstance(copy.deepcopy(saved.image).value, ImageURL)
    made = tg.FunctionCall(lambda image: image, "hands an image on")({"image": saved.image})
    engine = Recorder(lambda _: "a cat")
    assert MultimodalLLMCall(engine)([made, leaf("What?")]).value == "a cat"
    assert engine.requests[0].messages[-1].parts[0] == Image(url=ADDRESS)


@pytest.mark.parametrize("answer", [7, b"x", {"a": 1}, ["x"]])
def test_an_engine_that_gives_no_text_is_a_failure_of_the_step_on_record(
    answer: object, tmp_path: Any
) -> None:
    calls: list[str] = []

    def engine(prompt: str) -> Any:
        calls.append(prompt)
        return answer

    for _ in range(2):  # the second run recalls the failure
        with tg.Run(tmp_path):
            variable = leaf()
            variable.gradients.add("shorter")
            report = tg.TGD([variable], engine=engine).step()
        assert report.changed == ()
        assert type(answer).__name__ in report.failures[0]
        assert variable.value == "text"
    assert len(calls) == 1


def test_a_damaged_answer_of_a_server_still_stops_the_step() -> None:
    def fail(_: object) -> str:
        raise EngineError("no choices", kind="wrong_shape", retryable=True)

    variable = leaf()
    variable.gradients.add("shorter")
    with pytest.raises(EngineError, match="no choices"):
        tg.TGD([variable], engine=Recorder(fail)).step()


def test_a_failed_backward_names_both_ends_of_the_edge_and_the_line() -> None:
    def answer(request: Any) -> str:
        if request.purpose == "feedback":
            raise down()
        return "well"

    engine = Recorder(answer)
    question = leaf("Why?", "the hard question")
    built = tg.LLMCall(engine)(question, "the long answer")
    with pytest.raises(BackwardError) as caught:
        built.backward()
    told = str(caught.value)
    for part in ("'the hard question'", "'the long answer'", "llm call", "the server is away"):
        assert part in told
    line = tg.LLMCall.__call__.__code__  # any code: the message names this file, not the library's
    assert "test_textgrad_edges.py:" in told
    assert line.co_filename not in told


def test_the_kind_of_a_failure_is_told_once() -> None:
    first = EngineError("nothing came", kind="empty")
    again = EngineError(str(first), kind="empty")
    assert str(again) == "empty: nothing came"
    assert str(again.but(message=str(again), attempts=3)) == "empty: nothing came"


def test_an_optimizer_made_after_backward_is_told_what_went_wrong() -> None:
    engine = Recorder(lambda r: "shorter" if r.purpose == "feedback" else "an answer")
    question = leaf("Why?", "question", requires_grad=False)
    system = leaf("Judge.", "the judge's instruction")
    answer = tg.LLMCall(engine)(question, "the answer")
    loss = tg.TextLoss(system, engine)(answer)
    loss.backward()
    assert len(system.gradients) == 1
    optimizer = tg.TGD([answer], engine=engine)
    with pytest.raises(UsageError, match=r"'the answer'.*make the optimizer first"):
        optimizer.step()
    loss.backward()
    assert len(answer.gradients) == 1
    answer.reset_gradients()
    assert optimizer.step().unreached == (answer,)  # feedback reached it; then it was forgotten


def test_backward_of_what_nobody_wants_to_improve_names_the_order() -> None:
    engine = Recorder(lambda _: "an answer")
    answer = tg.LLMCall(engine)(leaf("Why?", "question", requires_grad=False))
    with pytest.raises(UsageError, match="optimizer before backward"):
        tg.TextLoss("Judge.", engine)(answer).backward()


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_an_absent_name_says_what_to_use_instead(name: str) -> None:
    home, _, last = f"textgrad_core.{name}".rpartition(".")
    with pytest.raises(ImportError, match="migrating-from-textgrad"):
        importlib.import_module(f"{home}.{last}")
    with pytest.raises(AttributeError, match="is TextGrad's and not here"):
        getattr(importlib.import_module(home), last)


def test_absent_names_are_told_in_a_program_of_its_own_and_others_are_as_ever() -> None:
    program = (
        "import textgrad_core as tg\n"
        "for line in ('from textgrad_core.tasks import load_task',\n"
        "             'from textgrad_core.engine_experimental.litellm import LiteLLMEngine'):\n"
        "    try: exec(line)\n"
        "    except ImportError as error: assert 'not here' in str(error), error\n"
        "    else: raise SystemExit(line)\n"
        "for line in ('import textgrad_core.nothing', 'import nothing_at_all'):\n"
        "    try: exec(line)\n"
        "    except ModuleNotFoundError as error: assert 'not here' not in str(error)\n"
        "assert not hasattr(tg, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_the_page_lists_what_is_absent() -> None:
    page = (ROOT / "docs" / "migrating-from-textgrad.md").read_text("utf-8")
    assert [name for name in INSTEAD if name.rpartition(".")[2] not in page] == []
