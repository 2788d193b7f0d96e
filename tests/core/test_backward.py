"""The backward pass against a plain reference, and under failure, depth, width and bad timing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from engines import Meeting, Recorder, down, last_words
from graphs import Spot, Telling, build, expected_feedback, expected_values, plans
from hash_seeds import printed_under_any_seed
from textgrad_core.autograd.llm_calls import LLMCall
from textgrad_core.engine.protocol import Request
from textgrad_core.errors import BackwardError, UsageError
from textgrad_core.loss import TextLoss
from textgrad_core.run import Run
from textgrad_core.variable import Gradient, Variable


def leaf(value: str = "x", role: str = "a leaf", requires_grad: bool = True) -> Variable:
    return Variable(value, role_description=role, requires_grad=requires_grad)


def texts(variable: Variable) -> list[str]:
    return [g.text for g in variable.gradients]


@given(
    plan=plans(),
    timings=st.tuples(st.integers(0, 9), st.integers(10, 19)),
    seed=st.sampled_from([None, "start here"]),
)
def test_any_graph_gives_what_the_reference_gives_whatever_the_timing(
    plan: tuple[Spot, ...], timings: tuple[int, int], seed: str | None
) -> None:
    wanted = expected_feedback(plan, seed)
    for timing in timings:
        built = build(plan, timing)
        built.variables[-1].backward(gradient=seed)
        assert [v.value for v in built.variables] == expected_values(plan)
        assert [texts(v) for v in built.variables] == wanted


@given(plan=plans(), data=st.data())
def test_a_failed_pass_changes_nothing_and_the_next_asks_for_what_is_missing(
    plan: tuple[Spot, ...], data: st.DataObject
) -> None:
    reference = build(plan)
    reference.variables[-1].backward()
    asked = {p: sorted(f.asked) for p, f in reference.functions.items() if f.asked}
    failing = data.draw(st.sampled_from(sorted(asked)), label="failing operation")
    argument = data.draw(st.sampled_from(asked[failing]), label="failing argument")
    built = build(plan, timing=3)
    built.functions[failing].failing = {argument}
    with pytest.raises(BackwardError, match=f"t{failing} is away"):
        built.variables[-1].backward()
    assert [texts(v) for v in built.variables] == [[] for _ in plan]
    built.functions[failing].failing = set()
    built.variables[-1].backward()
    assert [texts(v) for v in built.variables] == [texts(v) for v in reference.variables]
    again = {p: sorted(f.asked) for p, f in built.functions.items() if f.asked}
    again[failing].remove(argument)  # the one that failed was asked for twice
    assert again == asked


@given(plan=plans(max_spots=6))
def test_every_pass_adds_its_own_feedback(plan: tuple[Spot, ...]) -> None:
    built = build(plan)
    built.variables[-1].backward()
    first = [texts(v) for v in built.variables]
    built.variables[-1].backward()
    assert [texts(v) for v in built.variables] == [once + once for once in first]
    for variable in built.variables:
        variable.reset_gradients()
    built.variables[-1].backward()
    assert [texts(v) for v in built.variables] == first


@given(plan=plans(max_spots=6))
def test_async_and_sync_programs_get_the_same(plan: tuple[Spot, ...]) -> None:
    async def awaiting() -> list[list[str]]:
        built = build(plan, timing=1)
        assert await built.variables[-1] == expected_values(plan)[-1]
        await built.variables[-1].abackward()
        return [texts(v) for v in built.variables]

    async def notebook() -> list[list[str]]:
        built = build(plan, timing=2)
        built.variables[-1].backward()  # sync inside a running loop
        return [texts(v) for v in built.variables]

    wanted = expected_feedback(plan, None)
    assert asyncio.run(awaiting()) == wanted
    assert asyncio.run(notebook()) == wanted


def test_a_variable_used_twice_gets_one_gradient_per_use() -> None:
    v = leaf()
    total = v + v
    assert total.value == "xx"
    total.backward(gradient="shorter")
    assert texts(v) == ["shorter", "shorter"]
    assert v.get_gradient_text() == "shorter"
    first, second = v.gradients
    assert first is second


@pytest.mark.parametrize("constant", [True, False])
def test_nested_concatenations_stay_linear(constant: bool) -> None:
    v = leaf()
    total: Variable = v
    for _ in range(12):
        total = total + "!" if constant else total + total
    total.backward(gradient="shorter")
    assert len(v.gradients) == (1 if constant else 2)
    assert v.get_gradient_text() == "shorter"


def test_deep_doubling_is_no_event() -> None:
    v = leaf("")
    total: Variable = v
    for _ in range(300):
        total = total + total
    total.backward(gradient="shorter")
    assert texts(v) == ["shorter", "shorter"]


def test_a_sum_hands_over_the_very_object_and_makes_its_terms_losses() -> None:
    seed = Gradient(text="as a whole", score=2.0, data={"a": [1]})
    terms = [leaf(t) for t in "abc"]
    total = tg.sum(terms)
    assert total.value == "a\nb\nc"
    total.backward(gradient=seed)
    assert all(g is seed for t in terms for g in t.gradients)
    v = leaf()
    losses = [Telling(f"loss {n}").apply([v], f"loss {n}") for n in range(3)]
    tg.sum(losses).backward()
    assert texts(v) == ["loss 0.0!<->", "loss 1.0!<->", "loss 2.0!<->"]
    assert all(len(loss.gradients) == 0 for loss in losses)
    sum(losses[1:], losses[0]).backward()
    assert len(v.gradients) == 6
    with pytest.raises(UsageError, match="no variables"):
        tg.sum([])


def test_pythons_own_sum_works() -> None:
    total = sum([leaf("a"), leaf("b"), leaf("c")])
    assert isinstance(total, Variable)
    assert total.value == "abc"
    assert ("<" + leaf("a") + ">").value == "<a>"


def test_frozen_inputs_get_nothing_and_cost_nothing() -> None:
    thawed, frozen = leaf(), leaf(requires_grad=False)
    tell = Telling("t")
    out = tell.apply([frozen, thawed, frozen], "out")
    out.backward()
    assert tell.asked == [1]
    assert len(frozen.gradients) == 0
    assert len(thawed.gradients) == 1
    all_frozen = Telling("u").apply([frozen], "frozen out")
    assert not all_frozen.requires_grad
    with pytest.raises(UsageError, match="frozen out"):
        all_frozen.backward()


def test_a_silent_edge_stops_everything_behind_it() -> None:
    v = leaf()
    near = Telling("near").apply([v], "near")
    far = Telling("far", silent=[0])
    loss = far.apply([near], "loss")
    loss.backward()
    assert far.asked == [0]
    assert len(v.gradients) == len(near.gradients) == 0


def test_feedback_may_start_anywhere_even_on_a_leaf() -> None:
    v = leaf()
    v.backward(gradient="a person's words")
    assert texts(v) == ["a person's words"]
    v.backward()
    assert len(v.gradients) == 1


def test_twenty_thousand_in_a_chain() -> None:
    v = leaf("")
    tail: Variable = v
    for n in range(20_000):
        tail = Telling(f"{n}").apply([tail], "link") if n % 2 else tail + ""
    assert tail.value.startswith("19999(19997(")
    tail.backward()
    assert len(v.gradients) == 1


def test_a_thousand_uses_of_one_variable() -> None:
    v = leaf()
    losses = [Telling(f"{n}", timing=n).apply([v], "loss") for n in range(1000)]
    tg.sum(losses).backward()
    assert texts(v) == [f"{n}.0!<->" for n in range(1000)]


def test_a_failing_pass_names_the_operation_and_its_role() -> None:
    tell = Telling("t")
    tell.failing = {0}
    out = tell.apply([leaf()], "the judged answer")
    with pytest.raises(BackwardError) as caught:
        out.backward()
    assert "tell" in str(caught.value)
    assert "'the judged answer'" in str(caught.value)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert "test_backward.py" in "".join(caught.value.__cause__.__notes__)


def program(engine: Recorder, size: int = 8, answers: str = "answer") -> tuple[Variable, Variable]:
    """A batch: every question is answered under one system prompt and judged."""
    system = leaf("Be brief.", "the system prompt")
    call = LLMCall(engine, system)
    judge = TextLoss("Is it right?", engine)
    questions = [leaf(f"question {n}", "a question", requires_grad=False) for n in range(size)]
    return system, tg.sum([judge(call(q, answers)) for q in questions])


def by_purpose(request: Request) -> str:
    return f"{request.purpose} of {last_words(request)[-30:]}"


def test_a_batch_keeps_its_order_whatever_comes_first() -> None:
    def judged(request: Request) -> str:
        number = next(n for n in range(8) if f"question {n}" in str(request.to_json()))
        return f"{request.purpose} question {number}"

    for shift in (1, 3, 7):
        engine = Recorder(judged, yields=lambda r, s=shift: len(judged(r)) * s % 5)  # type: ignore[misc]
        system, total = program(engine)
        total.backward()
        assert texts(system) == [f"feedback question {n}" for n in range(8)]


def test_a_retry_pays_for_the_missing_call_only() -> None:
    failures = ["once"]

    def sometimes(request: Request) -> str:
        if request.purpose == "feedback" and "question 3" in last_words(request) and failures:
            failures.pop()
            raise down()
        return by_purpose(request)

    engine = Recorder(sometimes)
    system, total = program(engine)
    with pytest.raises(BackwardError, match="the server is away"):
        total.backward()
    assert len(system.gradients) == 0
    total.backward()
    assert len(system.gradients) == 8
    assert len(engine.asked("forward")) == 16
    assert len(engine.asked("feedback")) == 16 + 1


def test_a_retry_is_found_again_by_a_resumed_program(tmp_path: Path) -> None:
    failures = ["once"]

    def sometimes(request: Request) -> str:
        if request.purpose == "feedback" and "question 3" in last_words(request) and failures:
            failures.pop()
            raise down()
        return by_purpose(request)

    told = []
    for calls in (33, 0):
        engine = Recorder(sometimes)
        with Run(tmp_path / "run"):
            system, total = program(engine)
            for _ in range(2):
                try:
                    total.backward()
                except BackwardError:
                    continue
                break
            total.backward()  # another pass is asked anew: it has its own place
            told.append(texts(system))
        assert len(engine.requests) == (calls + 16 if calls else 0)
    assert told[0] == told[1]


def test_passes_from_different_losses_do_not_share_a_place(tmp_path: Path) -> None:
    for calls in (6, 0):
        engine = Recorder(by_purpose)
        with Run(tmp_path / "run"):
            answer = LLMCall(engine)(leaf("question"))
            for instruction in ("short?", "true?"):
                TextLoss(instruction, engine)(answer).backward()
        assert len(engine.requests) == (calls + 1 if calls else 0)


def test_thirty_two_losses_are_under_way_at_once() -> None:
    engine = Meeting(32)  # answers nobody before all are there
    loss = TextLoss("Is it right?", engine)
    losses = [loss(leaf(f"text {n}")) for n in range(32)]
    assert all("answer to text" in loss.value for loss in losses)
    assert engine.met == 32


def test_thirty_two_feedbacks_are_under_way_at_once() -> None:
    forward, feedback = Recorder(), Meeting(32, purpose="feedback")
    loss = TextLoss("Is it right?", forward)
    v = leaf()
    tg.sum([loss(v) for _ in range(32)]).backward(engine=feedback)
    assert feedback.met == 32
    assert len(v.gradients) == 32


def test_one_slow_branch_holds_up_nobody_else() -> None:
    class Holding(Recorder):
        """Gives the slow branch's feedback only after the quick branch has ended."""

        quick_is_done = asyncio.Event()

        async def ask(self, request: Request) -> tg.engine.Reply:
            if request.purpose == "feedback" and "slow" in last_words(request):
                await self.quick_is_done.wait()
            reply = await super().ask(request)
            if request.purpose == "feedback" and "quick start" in last_words(request):
                self.quick_is_done.set()
            return reply

    engine = Holding(lambda r: f"{r.purpose} about something")
    call = LLMCall(engine)
    slow, quick = leaf("slow start"), leaf("quick start")
    chain = call(call(quick))  # deeper than the slow branch
    tg.sum([call(slow), chain]).backward()
    assert len(slow.gradients) == len(quick.gradients) == 1


def test_engines_are_never_asked_too_often_from_two_loops() -> None:
    engine = Recorder(by_purpose, max_concurrency=2, yields=lambda r: len(last_words(r)) % 4)

    async def notebook() -> list[int]:
        programs = [program(engine, size=4) for _ in range(3)]
        await asyncio.gather(*(total.abackward() for _, total in programs))
        return [len(system.gradients) for system, _ in programs]

    assert asyncio.run(notebook()) == [4, 4, 4]
    assert asyncio.run(notebook()) == [4, 4, 4]
    assert engine.peak == 2


PROMPTS = """
import hashlib, json
import textgrad_core as tg
from textgrad_core.engine import ScriptedEngine

engine = ScriptedEngine(lambda r: f"{r.purpose} {hashlib.md5(str(r).encode()).hexdigest()}"
                        if r.purpose != "proposal" else "<VALUE>new</VALUE>")
system = tg.Variable("Be brief.", role_description="the system prompt")
style = tg.Variable("Be kind.", role_description="the style")
call = tg.LLMCall(engine, system)
judge = tg.TextLoss(system + style, engine)
asked = [tg.Variable(f"q {n}", role_description="question") for n in range(5)]
total = tg.sum([judge(call(q)) for q in asked])
optimizer = tg.TGD([system, style, *asked], engine=engine, constraints=["no lies"])
for _ in range(2):
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
texts = sorted(json.dumps(r.to_json(), sort_keys=True) for r in engine.requests)
print(len(texts), hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def test_prompts_do_not_depend_on_the_hash_seed() -> None:
    assert int(printed_under_any_seed(PROMPTS).split()[0]) > 20


def test_roles_of_sums_name_everything_once_and_stay_short() -> None:
    question, answer = leaf(role="a question"), leaf(role="an answer")
    total = question + answer
    assert total.role_description == "a question and an answer"
    assert (total + question + "!").role_description == "a question and an answer"
    assert ("plain " + question).role_description == "a question"
    assert tg.sum([question, answer, question]).role_description.endswith(
        ": a question, an answer"
    )
    many = tg.sum([leaf(role=f"role number {n}") for n in range(1000)])
    assert "role number 0, role number 1," in many.role_description
    assert len(many.role_description) < 400
