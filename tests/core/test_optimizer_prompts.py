"""What the optimizer shows a model: tags, examples, instruction, memory, past values."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from engines import Recorder, last_words
from strategies import hostile_values
from textgrad_core.answering import AnswerForm
from textgrad_core.engine.protocol import Request
from textgrad_core.errors import Invalid, UsageError
from textgrad_core.optimizer import (
    TGD,
    Optimizer,
    TextualGradientDescent,
    TextualGradientDescentwithMomentum,
)
from textgrad_core.optimizer.assembly import UpdateTask, update_request
from textgrad_core.optimizer.past import PastStep, past_block, shares
from textgrad_core.schema import Schema
from textgrad_core.variable import Gradient, Variable
from writers import answering, leaf, writing


def whole(request: Request) -> str:
    """All that a request says."""
    return "\n".join(m.content for m in request.messages)


def test_the_names_are_textgrads() -> None:
    assert tg.TGD is TextualGradientDescent is TGD is tg.optimizer.TGD
    assert issubclass(TextualGradientDescentwithMomentum, Optimizer)
    assert tg.optimizer.StepReport is tg.StepReport
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = tg.optimizer.Nothing


def test_arguments_stand_in_textgrads_order() -> None:
    engine = Recorder(lambda _: "[[new]]")
    variable = leaf()
    TGD([variable], 0, engine, ["be kind"], ["[[", "]]"], "Improve it.", ["like this"], 1).step()
    (request,) = engine.requests
    assert variable.value == "new"
    assert request.messages[0].content == "Improve it."
    assert "- be kind" in last_words(request)
    assert "like this" in last_words(request)


def test_own_tags_stand_in_every_line_and_no_other_tag_does() -> None:
    replies = ["nothing", "<NEW>new</NEW>"]
    engine = Recorder(lambda _: replies.pop(0))
    variable = leaf()
    TGD([variable], engine=engine, new_variable_tags=["<NEW>", "</NEW>"]).step()
    assert variable.value == "new"
    for request in engine.requests:
        assert "<NEW>" in last_words(request)
        assert "VALUE" not in whole(request).replace("IMPROVED_VARIABLE", "")
    assert "<NEW>" in engine.requests[0].messages[0].content


@pytest.mark.parametrize(
    ("tags", "answer"),
    [
        (["<NEW>", "</NEW>"], "<new> x </ NEW >"),
        (["[new]", "[/new]"], "so [NEW] x [/NEW]"),
        (["BEGIN VALUE", "END VALUE"], "Begin  value x end value."),
        (["<<", ">>"], "<think><<draft>></think>\n<< x >>"),
    ],
)
def test_own_tags_are_read_in_any_case_and_with_blanks(tags: list[str], answer: str) -> None:
    variable = leaf()
    TGD([variable], engine=Recorder(lambda _: answer), new_variable_tags=tags).step()
    assert variable.value == " x "


@given(value=hostile_values())
def test_own_tags_carry_any_value_that_does_not_hold_them(value: str) -> None:
    engine = Recorder(lambda _: f"I did it.\n[#new#]\n{value}\n[#/new#]")
    variable = leaf(value)
    report = TGD([variable], engine=engine, new_variable_tags=["[#new#]", "[#/new#]"]).step()
    assert report.failures == ()
    assert variable.value == value.strip("\r\n")


def test_an_own_instruction_may_name_the_tags_and_hold_braces() -> None:
    engine = writing("new")
    prompt = 'Keep {"a": {x}} and $y. {new_variable_start_tag}...{new_variable_end_tag}'
    TGD([leaf()], engine=engine, optimizer_system_prompt=prompt).step()
    told = engine.requests[0].messages[0].content
    assert told.startswith('Keep {"a": {x}} and $y. <VALUE-')
    assert told.count("VALUE-") == 2


def test_examples_are_shown_in_full_and_cannot_end_their_marks() -> None:
    engine = writing("new")
    examples = ["{first} $example", "</EXAMPLE>\nsecond"]
    TGD([leaf()], engine=engine, in_context_examples=examples).step()
    asked = last_words(engine.requests[0])
    assert all(example in asked for example in examples)
    assert asked.count("</EXAMPLE-") == 2


def run_steps(engine: Recorder, steps: int, **how: Any) -> list[str]:
    """The prompts of some steps; feedback of step n is "feedback n", its new value "value n"."""
    variable = Variable("value 0", role_description="a value")
    optimizer = TGD([variable], engine=engine, **how)
    for n in range(steps):
        optimizer.zero_grad()
        variable.gradients.add(f"feedback {n}.")
        optimizer.step()
    return [last_words(r) for r in engine.requests]


def numbering() -> Recorder:
    engine = writing(lambda _: f"value {len(engine.requests)}")
    return engine


@pytest.mark.parametrize("memory", [0, 1, 2, 9])
def test_the_gradient_memory_shows_the_feedback_of_the_last_steps(memory: int) -> None:
    prompts = run_steps(numbering(), 5, gradient_memory=memory)
    for n, prompt in enumerate(prompts):
        shown = [i for i in range(5) if f"feedback {i}." in prompt]
        assert shown == list(range(max(0, n - memory), n + 1))
        assert f"value {n}" in prompt
        assert f"value {n - 1}\n" not in prompt
    assert ("2 steps ago" in prompts[-1]) is (memory >= 2)


@pytest.mark.parametrize("window", [0, 1, 3])
def test_the_momentum_window_shows_the_last_values(window: int) -> None:
    engine = numbering()
    variable = Variable("value 0", role_description="a value")
    optimizer = TextualGradientDescentwithMomentum(engine, [variable], window)
    for n in range(5):
        optimizer.zero_grad()
        variable.gradients.add(f"feedback {n}.")
        assert optimizer.step().changed == (variable,)
    for n, request in enumerate(engine.requests):
        shown = [i for i in range(5) if f"value {i}\n" in last_words(request)]
        assert shown == list(range(max(0, n - window), n + 1))


def test_a_step_without_feedback_is_not_remembered() -> None:
    engine = numbering()
    variable = leaf()
    optimizer = TGD([variable], engine=engine, gradient_memory=1)
    optimizer.step()
    optimizer.zero_grad()
    optimizer.step()
    variable.gradients.add("shorter")
    optimizer.step()
    assert "too old" in last_words(engine.requests[-1])
    assert len(engine.requests) == 2


@given(
    past=st.lists(
        st.builds(
            PastStep,
            value=st.text(max_size=300),
            feedback=st.lists(st.text(max_size=300), max_size=3).map(tuple),
        ),
        max_size=6,
    ),
    limit=st.integers(0, 3000),
)
def test_the_past_never_exceeds_its_limit(past: list[PastStep], limit: int) -> None:
    block = past_block(past, limit, "mark", values=True, feedback=True)
    assert len(block) <= limit
    full = past_block(past, -1, "mark", values=True, feedback=True)
    assert all(step.value in full for step in past)
    assert block == full or len(full) > limit


@given(limit=st.integers(200, 9000), now=st.integers(0, 20_000), past=st.integers(0, 20_000))
def test_feedback_and_past_share_the_limit(limit: int, now: int, past: int) -> None:
    for_feedback, for_past = shares(limit, now, past)
    assert for_feedback + for_past == limit
    assert for_past <= past
    if now + past <= limit:
        assert for_feedback >= now
        assert for_past == past
    else:
        assert for_feedback >= min(now, limit - limit // 4 - 1)


def test_memory_keeps_to_the_limit() -> None:
    engine = writing("new")
    variable = leaf()
    optimizer = TGD([variable], engine=engine, gradient_memory=9, max_context_chars=2_000)
    for n in range(6):
        optimizer.zero_grad()
        variable.gradients.add(f"feedback {n} " + 900 * "f")
        optimizer.step()
    prompt = last_words(engine.requests[-1])
    assert "feedback 5 " in prompt
    assert len(prompt) < 2_000 + 700


def test_verbose_logs_the_new_value(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="textgrad_core"):
        TGD([leaf("old", "the motto")], engine=writing("silent")).step()
        assert caplog.records == []
        TGD([leaf("old", "the motto")], verbose=1, engine=writing("loud")).step()
    assert [r.getMessage() for r in caplog.records] == ["the motto is now: loud"]


def no_shouting(text: str) -> bool:
    """No capital letters."""
    return text == text.lower()


def test_a_predicate_with_a_docstring_is_a_rule() -> None:
    engine = answering("<VALUE-@>NEW</VALUE-@>", "<VALUE-@>new</VALUE-@>")
    variable = leaf()
    TGD([variable], engine=engine, constraints=[no_shouting]).step()
    assert variable.value == "new"
    assert "- No capital letters." in last_words(engine.requests[0])


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"verbose": Recorder()}, "pass the engine as engine="),
        ({"gradient_memory": -1}, "gradient_memory is -1"),
        ({"momentum_window": -1}, "momentum_window is -1"),
        ({"proposals": 0}, "proposals is 0"),
        ({"proposals": 2}, "pass choose="),
        ({"constraints": "be kind"}, "constraints is one string"),
        ({"constraints": [lambda _: True]}, "has no words"),
        ({"in_context_examples": "like this"}, "in_context_examples is one string"),
        ({"new_variable_tags": ["<NEW>"]}, "give a start tag and an end tag"),
        ({"new_variable_tags": "<>"}, "give a start tag and an end tag"),
        ({"new_variable_tags": ["<NEW>", ""]}, "give a start tag and an end tag"),
        ({"new_variable_tags": ["***", "***"]}, "give two that differ"),
    ],
)
def test_mistakes_are_named_at_once(how: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        TGD([leaf()], **how)


def test_only_variables_are_parameters() -> None:
    given: Any = ["a text"]
    with pytest.raises(UsageError, match="parameter 0 is str"):
        TGD(given)


def test_an_own_optimizer_needs_a_step_only() -> None:
    class Shout(Optimizer):
        def step(self) -> None:
            for parameter in self.parameters:
                parameter.value = parameter.value.upper()

    variable = leaf()
    optimizer = Shout([variable])
    optimizer.step()
    optimizer.zero_grad()
    assert (variable.value, len(variable.gradients)) == ("OLD", 0)


@pytest.mark.parametrize("optimizer_first", [True, False])
def test_a_models_answer_may_be_improved_although_its_prompt_is_frozen(
    optimizer_first: bool,
) -> None:
    question = Variable("Why?", role_description="question", requires_grad=False)
    answer = tg.LLMCall(Recorder(lambda _: "Because."))(question)
    other = tg.LLMCall(Recorder(lambda _: "So."))(question)
    critic = Recorder(lambda _: "Say of what.")
    optimizer = TGD([answer], engine=writing("Because of that.")) if optimizer_first else None
    loss = tg.sum(tg.TextLoss("Be strict.", critic)(v) for v in (other, answer))
    optimizer = optimizer or TGD([answer], engine=writing("Because of that."))
    loss.backward(critic)
    assert len(critic.asked("feedback")) == 1
    assert optimizer.step().changed == (answer,)
    assert answer.value == "Because of that."
    assert len(other.gradients) == len(question.gradients) == 0


def test_what_was_frozen_by_hand_stays_frozen() -> None:
    critic = Recorder(lambda _: "Say of what.")
    question = Variable("Why?", role_description="question")
    answer = tg.LLMCall(Recorder(lambda _: "Because."))(question)
    answer.requires_grad = False
    loss = tg.TextLoss("Be strict.", critic)(answer)
    with pytest.raises(UsageError, match="nothing it was made from"):
        loss.backward(critic)
    assert critic.asked("feedback") == []


def test_a_rule_may_say_itself_what_is_wrong() -> None:
    def no_zero(text: str) -> bool:
        """No zero."""
        if "0" in text:
            raise Invalid("there is a 0 in it", "write 1")
        return True

    engine = answering("<VALUE-@>0</VALUE-@>", "<VALUE-@>1</VALUE-@>")
    variable = leaf()
    TGD([variable], engine=engine, constraints=[no_zero]).step()
    assert variable.value == "1"
    assert "there is a 0 in it" in last_words(engine.requests[1])


def test_data_is_shown_as_json_and_an_image_is_no_parameter() -> None:
    engine = writing("new")
    variable = Variable({"a": [1, None]}, role_description="data")
    variable.gradients.add("change it")
    TGD([variable], engine=engine).step()
    assert '{"a": [1, null]}' in last_words(engine.requests[0])
    picture = Variable(b"\x89PNG\r\n\x1a\n", role_description="the plot")
    picture.gradients.add("brighter")
    with pytest.raises(UsageError, match="'the plot' holds an image"):
        TGD([picture], engine=engine).step()
    assert len(engine.requests) == 1


WHOLE_PROMPT = """\
Role of the value: the motto

The current value:
<CURRENT-@>
old
</CURRENT-@>

Feedback on it:
In this conversation:
<TALK-%>
Q: say it
</TALK-%>

<FEEDBACK-%>
too long
</FEEDBACK-%>

<FEEDBACK-%>
too sad
</FEEDBACK-%>

Earlier steps, the oldest first:

The value 1 step ago:
<PAST-#>
older
</PAST-#>

Feedback 1 step ago:
too loud

Rules every value must obey:
- It is JSON that obeys this JSON schema: {"type":"string"}
- be kind

Examples to go by:
<EXAMPLE-@>
like this
</EXAMPLE-@>

What was tried before:
- rejected: x

Write the improved value between <VALUE-@> and </VALUE-@>."""


def test_the_whole_prompt_is_this() -> None:
    task = UpdateTask(
        role="the motto",
        current="old",
        feedback=(Gradient(text="too long", context="Q: say it"), Gradient(text="too sad")),
        rules=("be kind",),
        examples=("like this",),
        record=("rejected: x",),
        past=(PastStep(value="older", feedback=("too loud",)),),
        past_values=True,
        past_feedback=True,
    )
    form = AnswerForm(schema=Schema(definition={"type": "string"}))
    asked = update_request(task, form=form)
    prompt = last_words(asked.request).replace(asked.form.nonce, "@")
    past = prompt.partition("<PAST-")[2].partition(">")[0]
    talk = prompt.partition("<TALK-")[2].partition(">")[0]
    assert prompt.replace(past, "#").replace(talk, "%") == WHOLE_PROMPT
    assert asked.request.params == {}


def test_a_long_value_is_not_repeated_in_every_conversation() -> None:
    prompt = "You solve riddles. " * 50
    told = [
        Gradient(text=f"wrong {n}", context=f"[system]\n{prompt}\n\n[user]\nriddle {n}")
        for n in range(6)
    ]
    task = UpdateTask(role="the prompt", current=prompt, feedback=tuple(told))
    asked = last_words(update_request(task).request)
    assert asked.count(prompt) == 1
    assert all(f"riddle {n}" in asked and f"wrong {n}" in asked for n in range(6))
    short = UpdateTask(role="r", current="a", feedback=(Gradient(text="t", context="a a"),))
    assert "a a" in last_words(update_request(short).request)
