"""Programs in TextGrad's manner, with the import line changed: they run and improve something."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import textgrad_core as tg
from hash_seeds import printed_under_any_seed
from textgrad_core import config
from textgrad_core.tasks import DataLoader

PNG = b"\x89PNG\r\n\x1a\n....."


@pytest.fixture(autouse=True)
def _no_default_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_default", [])


class Model(tg.EngineLM):
    """A user's engine: one method, which may be asked in several threads."""

    model_string = "of the user's own"

    def __init__(self) -> None:
        self.prompts: list[Any] = []

    def generate(self, prompt: Any, system_prompt: str | None = None, **_: Any) -> str:
        self.prompts.append(prompt)
        told = f"{system_prompt}\n{prompt}"
        if "<VALUE-" in told:
            mark = told.rpartition("<VALUE-")[2].partition(">")[0]
            return f"I count the hours.\n<VALUE-{mark}>one hour</VALUE-{mark}>"
        if "You give feedback" in told:
            return "Shirts dry at the same time."
        return "thirty hours"


PROMPTS = """
import hashlib, json
import textgrad_core as tg
from textgrad_core.engine import ScriptedEngine

def answer(r):
    mark = r.messages[-1].content.rpartition("<VALUE-")[2].partition(">")[0]
    said = hashlib.md5(json.dumps(r.to_json()).encode()).hexdigest()
    return f"<VALUE-{mark}>{said}</VALUE-{mark}>" if r.purpose == "proposal" else said

engine = ScriptedEngine(answer)
png = bytes.fromhex("89504e470d0a1a0a")
prompts = [tg.Variable(f"p{n}", role_description=f"prompt {n}") for n in range(3)]
count = lambda **v: {k: len(x.value) for k, x in v.items()}
check = tg.autograd.StringBasedFunction(count, "counts")
see = tg.autograd.MultimodalLLMCall(engine, prompts[0])
judge = tg.loss.MultiFieldEvaluation(prompts[1], ["counts", "answer"], engine, prompts[2])
losses = []
for n in range(12):
    image = tg.Variable(png + bytes([n]), role_description="image")
    seen = see([image, tg.Variable(f"q{n}", role_description="question")])
    losses.append(judge(check({"b": seen, "a": prompts[2]}), seen))
optimizer = tg.TGD(prompts, engine=engine)
for _ in range(2):
    optimizer.zero_grad()
    tg.aggregate(losses).backward(engine=engine)
    optimizer.step()
texts = sorted(json.dumps(r.to_json(), sort_keys=True) for r in engine.requests)
print(len(texts), hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def test_prompts_do_not_depend_on_the_hash_seed() -> None:
    assert int(printed_under_any_seed(PROMPTS).split()[0]) > 100


def test_an_answer_improves() -> None:
    engine = Model()
    tg.set_backward_engine(engine, override=True)
    model = tg.BlackboxLLM(engine)
    question = tg.Variable(
        "25 shirts dry in one hour. How long do 30 take?",
        role_description="question to the model",
        requires_grad=False,
    )
    answer = model(question)
    answer.set_role_description("concise and accurate answer to the question")
    assert answer.value == "thirty hours"
    optimizer = tg.TGD(parameters=[answer])
    loss_fn = tg.TextLoss(f"Here is a question: {question.value}. Look for mistakes.")
    loss = loss_fn(answer)
    loss.backward()
    optimizer.step()
    assert answer.value == "one hour"
    assert answer.get_gradient_text() == "Shirts dry at the same time."


def test_a_system_prompt_improves_with_a_data_set_and_a_function() -> None:
    engine = Model()
    tg.set_backward_engine(engine)

    def equal(prediction: tg.Variable, ground_truth_answer: tg.Variable) -> int:
        return int(str(prediction.value) == str(ground_truth_answer.value))

    eval_fn = tg.autograd.StringBasedFunction(equal, function_purpose="compares two answers")
    system_prompt = tg.Variable("Think.", requires_grad=True, role_description="system prompt")
    model = tg.BlackboxLLM(engine, system_prompt)
    optimizer = tg.TextualGradientDescent(engine=engine, parameters=[system_prompt])
    data = [(f"question {n}", "one hour") for n in range(6)]
    for batch_x, batch_y in DataLoader(data, batch_size=3, shuffle=True):
        optimizer.zero_grad()
        losses = []
        for x, y in zip(batch_x, batch_y, strict=True):
            asked = tg.Variable(x, requires_grad=False, role_description="query to the model")
            truth = tg.Variable(y, requires_grad=False, role_description="correct answer")
            losses.append(
                eval_fn(inputs={"prediction": model(asked), "ground_truth_answer": truth})
            )
        total_loss = tg.sum(losses)
        assert total_loss.value == "0\n0\n0"
        total_loss.backward()
        assert len(system_prompt.gradients) == 3
        optimizer.step()
    assert system_prompt.value == "one hour"


def test_an_answer_about_an_image_improves() -> None:
    engine = Model()
    tg.set_backward_engine(engine)
    image = tg.Variable(PNG, role_description="image to ask about", requires_grad=False)
    question = tg.Variable("How long?", role_description="question", requires_grad=False)
    response = tg.autograd.MultimodalLLMCall(engine)([image, question])
    loss_fn = tg.loss.ImageQALoss(
        evaluation_instruction="Does this answer the question about the image?", engine=engine
    )
    optimizer = tg.TGD(parameters=[response])
    loss_fn(question=question, image=image, response=response).backward()
    optimizer.step()
    assert response.value == "one hour"
    assert [PNG in p for p in engine.prompts if isinstance(p, list)] == [True] * 3


def test_one_variable_is_improved_again_and_again() -> None:
    engine = Model()
    code = tg.Variable("draft", role_description="program to optimise")
    loss_fn = tg.autograd.FormattedLLMCall(
        engine=engine,
        format_string='{"problem": "{problem}", "code": "{code}"}',
        fields={"problem": None, "code": None},
        system_prompt=tg.Variable("Judge.", requires_grad=False, role_description="system"),
    )
    problem = tg.Variable("sort {x}", role_description="problem", requires_grad=False)
    optimizer = tg.TGD(parameters=[code], engine=engine, constraints=["Keep it short."])
    for _ in range(3):
        optimizer.zero_grad()
        loss = loss_fn(inputs={"problem": problem, "code": code})
        loss.backward(engine)
        assert len(code.gradients) == 1
        optimizer.step()
    assert code.value == "one hour"
    assert '{"problem": "sort {x}", "code": "draft"}' in engine.prompts


def test_the_parts_by_themselves_and_answers_judged_at_test_time() -> None:
    """TextGrad's tutorials on primitives and on solutions."""
    engine = Model()
    sentence = tg.Variable("A sntence", role_description="the input", requires_grad=True)
    assert tg.get_engine(engine).generate("hello") == "thirty hours"  # type: ignore[attr-defined]
    instruction = tg.Variable("Is it right?", role_description="the instruction")
    loss = tg.TextLoss(instruction, engine=engine)
    optimizer = tg.TextualGradientDescent(parameters=[sentence], engine=engine)
    loss(sentence).backward(engine)
    assert len(sentence.gradients) == len(instruction.gradients) == 1
    optimizer.step()
    assert sentence.value == "one hour"
    optimizer.zero_grad()
    assert len(sentence.gradients) == 0

    tg.set_backward_engine(engine, override=True)
    solution = tg.Variable("thirty", role_description="solution to the question")
    judge = tg.loss.MultiChoiceTestTime("Look for mistakes.", engine=engine)
    optimizer = tg.TGD([solution], engine=engine, constraints=["End with the answer."])
    for _ in range(2):
        optimizer.zero_grad()
        judge("How long do 30 shirts take?", solution).backward()
        optimizer.step()
    assert solution.value == "one hour"


def test_samples_are_judged_in_the_threads_of_the_program() -> None:
    """TextGrad's evaluation scripts: a pool of threads, each reading values of its own."""
    engine = Model()
    model = tg.BlackboxLLM(engine, tg.Variable("Think.", role_description="system prompt"))

    def equal(prediction: tg.Variable, truth: tg.Variable) -> int:
        return int(str(prediction.value) == str(truth.value))

    eval_fn = tg.autograd.StringBasedFunction(equal, function_purpose="compares two answers")

    def judged(number: int) -> int:
        asked = tg.Variable(f"q{number}", requires_grad=False, role_description="query")
        wanted = "thirty hours" if number % 2 else "one hour"
        truth = tg.Variable(wanted, requires_grad=False, role_description="right answer")
        result = eval_fn(inputs={"prediction": model(asked), "truth": truth})
        return int(result.value)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(judged, range(12))) == [0, 1] * 6
