"""Model calls as operations: what they ask, what the answers mean, which engine is asked."""

from __future__ import annotations

import pytest
from hypothesis import given

import textgrad_core as tg
from engines import Recorder, last_words
from strategies import hostile_values
from textgrad_core import config
from textgrad_core.autograd.llm_calls import LLMCall
from textgrad_core.engine.protocol import Reply, Request
from textgrad_core.errors import BackwardError, EngineError, UsageError
from textgrad_core.loss import TextLoss
from textgrad_core.variable import Variable


@pytest.fixture(autouse=True)
def _no_default_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_default", [])


def leaf(value: str = "x", role: str = "a leaf", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


def answering(text: str) -> Recorder:
    return Recorder(lambda r: text if r.purpose == "feedback" else "an answer")


def turns(request: Request) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in request.messages]


def marked(prompt: str) -> str:
    """What stands between the marks of a feedback prompt."""
    opening = next(line for line in prompt.splitlines() if line.startswith("<PART-"))
    _, _, rest = prompt.partition(f"{opening}\n")
    return rest.partition(f"\n{opening.replace('<', '</', 1)}")[0]


@given(prompt=hostile_values(), system=hostile_values())
def test_the_texts_are_sent_as_they_are(prompt: str, system: str) -> None:
    engine = Recorder(lambda _: "an answer")
    answer = LLMCall(engine, leaf(system))(leaf(prompt))
    assert answer.value == "an answer"
    assert LLMCall(engine)(leaf(prompt)).value == "an answer"
    assert turns(engine.requests[0]) == [("system", system), ("user", prompt)]
    assert turns(engine.requests[1]) == [("user", prompt)]


@given(prompt=hostile_values(), feedback=hostile_values(), role=hostile_values())
def test_feedback_prompts_hold_everything_as_it_is(prompt: str, feedback: str, role: str) -> None:
    engine = answering("shorter")
    variable = leaf(prompt, role)
    answer = LLMCall(engine)(variable, "the given answer")
    answer.backward(gradient=feedback)
    asked = last_words(engine.asked("feedback")[0])
    assert marked(asked) == prompt
    for part in (role, feedback, "an answer", "the given answer"):
        assert part in asked
    assert [g.text for g in variable.gradients] == ["shorter"]


def test_a_loss_and_a_link_of_a_chain_are_asked_differently() -> None:
    engine = answering("shorter")
    question = leaf("How far is the moon?", "the question")
    answer = LLMCall(engine)(question, "the answer")
    loss = TextLoss("Judge the answer.", engine)(answer)
    loss.backward()
    about_answer, about_question = (last_words(r) for r in engine.asked("feedback"))
    assert "judge" in about_answer
    assert "received this feedback" not in about_answer
    assert "Its answer was then used as: the answer" in about_question
    assert "shorter" in about_question
    (gradient,) = question.gradients
    assert gradient.source == "the answer"
    assert "How far is the moon?" in gradient.context


def test_a_loss_that_is_also_used_otherwise_loses_no_feedback() -> None:
    engine = answering("shorter")
    question = leaf("q", "the question")
    loss = TextLoss("Judge it.", engine)(question)
    tg.sum([loss, LLMCall(engine)(loss)]).backward()
    about_question = last_words(engine.asked("feedback")[-1])
    assert marked(about_question) == "q"
    assert "shorter" in about_question


def test_every_use_of_a_variable_is_asked_about() -> None:
    engine = Recorder(
        lambda r: "as a system prompt" if "its system prompt" in last_words(r) else "as a prompt"
    )
    both = leaf("text", "prompt and system prompt")
    LLMCall(engine, both)(both).backward(gradient="why?")
    assert [g.text for g in both.gradients] == ["as a prompt", "as a system prompt"]


@pytest.mark.parametrize(
    "nothing",
    [
        "NO FEEDBACK",
        "no feedback.",
        "  No Feedback!\n",
        "**NO FEEDBACK**",
        '"NO FEEDBACK"',
        "<think>Is it good? It is.</think>\nNO FEEDBACK",
        "It is good, so ...</think> NO FEEDBACK",
    ],
)
def test_no_feedback_stops_there(nothing: str) -> None:
    engine = answering(nothing)
    question = leaf()
    TextLoss("Judge it.", engine)(LLMCall(engine)(question)).backward()
    assert len(question.gradients) == 0
    assert len(engine.asked("feedback")) == 1


def test_thinking_is_no_feedback() -> None:
    engine = answering("<think>It says x.</think>\n\n  Say y.  ")
    question = leaf()
    LLMCall(engine)(question).backward(gradient="why x?")
    assert [g.text for g in question.gradients] == ["Say y."]


class Cut(Recorder):
    async def ask(self, request: Request) -> Reply:
        reply = await super().ask(request)
        return Reply(text=reply.text, finish_reason="length")


def test_a_cut_answer_is_no_answer() -> None:
    with pytest.raises(EngineError, match="max_tokens"):
        _ = LLMCall(Cut(lambda _: "half an ans"))(leaf()).value


def test_feedback_that_was_cut_before_it_began_is_no_silence() -> None:
    answer = LLMCall(Recorder(lambda _: "an answer"))(leaf())
    with pytest.raises(BackwardError, match="max_tokens"):
        answer.backward(engine=Cut(lambda _: "<think>Hmm"), gradient="why?")


def test_the_nearest_engine_is_asked() -> None:
    engines = {name: Recorder(lambda _: "an answer", name=name) for name in "abcd"}

    def asked() -> str:
        names = [n for n, e in engines.items() if e.requests]
        for engine in engines.values():
            engine.requests.clear()
        return "".join(names)

    with pytest.raises(UsageError, match="set_backward_engine"):
        LLMCall()(leaf())
    tg.set_backward_engine(engines["a"])
    _ = LLMCall()(leaf()).value
    assert asked() == "a"
    with tg.using(engines["b"]):
        answer = LLMCall()(leaf())
        assert (answer.value, asked()) == ("an answer", "b")
        answer.backward(gradient="why?")
        assert asked() == "b"
        answer.backward(engines["c"], gradient="why?")
        assert asked() == "c"
        _ = LLMCall(engines["d"])(leaf()).value
        assert asked() == "d"
    _ = LLMCall()(leaf()).value
    assert asked() == "a"
    with pytest.raises(UsageError, match="override=True"):
        tg.set_backward_engine(engines["b"], override=False)
    tg.set_backward_engine(engines["b"])
    _ = LLMCall()(leaf()).value
    assert asked() == "b"


def test_a_users_function_is_an_engine() -> None:
    def model(prompt: str, system_prompt: str = "") -> str:
        return f"{system_prompt}|{prompt}"

    answer = LLMCall(model, "Be brief.")(leaf("Hello"))
    assert answer.value == "Be brief.|Hello"
    assert [v.requires_grad for v in answer.predecessors] == [True, False]
