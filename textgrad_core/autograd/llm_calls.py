"""Calling a language model as an operation, and asking one for feedback on its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from textgrad_core.answer_forms import said
from textgrad_core.autograd.function import FeedbackRequest, Function
from textgrad_core.config import backward_engine
from textgrad_core.engine import get_engine
from textgrad_core.engine.protocol import Engine, Message, Reply, Request
from textgrad_core.errors import EngineError, UsageError
from textgrad_core.parsing import tag_for
from textgrad_core.prompting import render
from textgrad_core.run import Run
from textgrad_core.variable import NO_FEEDBACK, Gradient, NoFeedback, Variable

_PLACES = ("prompt", "system prompt")
_NOTHING = "NO FEEDBACK"
_AROUND = " .!*_`\"'"  # what models put around it


@final
class LLMCall(Function):
    """Ask a model: the input is the prompt, a system prompt may go before it.

    Args:
        engine: The model; without one, the engine that is set when the call is made.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    name: ClassVar[str] = "llm call"

    def __init__(
        self, engine: Engine | str | None = None, system_prompt: Variable | str | None = None
    ) -> None:
        """Keep engine and system prompt."""
        self._engine = None if engine is None else get_engine(engine)
        if isinstance(system_prompt, str):
            system_prompt = Variable(
                system_prompt, role_description="system prompt", requires_grad=False
            )
        self.system_prompt = system_prompt

    def __call__(
        self, prompt: Variable, response_role_description: str = "response of a language model"
    ) -> Variable:
        """Start the call; the answer is deferred."""
        if self._engine is None:
            engine = backward_engine()
            if engine is None:
                raise UsageError(
                    "no engine: pass one to LLMCall, or choose one with set_backward_engine()"
                )
            return LLMCall(engine, self.system_prompt)(prompt, response_role_description)
        inputs = [prompt] if self.system_prompt is None else [prompt, self.system_prompt]
        return self.apply(inputs, response_role_description)

    async def forward(
        self, run: Run, site: str, inputs: Sequence[Variable], memo: dict[str, Any]
    ) -> str:
        """The model's answer."""
        if self._engine is None:
            raise UsageError("no engine: call the LLMCall, do not apply it")
        request = forward_request([str(v.value) for v in inputs])
        reply = await run.ask(self._engine, request, site)
        if reply.finish_reason == "length":
            raise EngineError("the answer was cut: raise max_tokens", kind="cut")
        memo["conversation"] = conversation(request, reply.text)
        return reply.text

    async def feedback(self, request: FeedbackRequest) -> Gradient | NoFeedback:
        """What the model that writes feedback says about one input."""
        engine = request.engine or self._engine
        if engine is None:
            raise UsageError("no engine to write feedback: pass backward(engine=...)")
        asked = feedback_request(request)
        reply = await request.node.run.ask(engine, asked, request.site)
        return understand_feedback(reply, request)


def forward_request(values: Sequence[str]) -> Request:
    """What to ask: the system prompt, if any, goes first."""
    user = Message(role="user", content=values[0])
    system = tuple(Message(role="system", content=v) for v in values[1:])
    return Request(messages=(*system, user), purpose="forward")


def conversation(request: Request, answer: str) -> str:
    """A conversation as text for prompts."""
    turns = [f"[{m.role}]\n{m.content}" for m in request.messages]
    return "\n\n".join([*turns, f"[assistant]\n{answer}"])


def feedback_request(request: FeedbackRequest) -> Request:
    """What to ask about one input of a call."""
    given = request.node.inputs[request.argument]
    text = str(given.value)
    talk = str(request.output.memo["conversation"])
    feedback = "\n\n".join(dict.fromkeys(g.text for g in request.received))
    mark = f"PART-{tag_for(text + talk + feedback)}"
    fields = {
        "argument": text,
        "argument_role": given.role_description,
        "argument_place": _PLACES[request.argument],
        "conversation": talk,
        "open": f"<{mark}>",
        "close": f"</{mark}>",
    }
    if request.is_base:
        fields["also"] = f"\n\nIt has also received this feedback:\n{feedback}" if feedback else ""
        user = render("feedback_base", **fields)
    else:
        fields.update(output_role=request.output.role_description, feedback=feedback)
        user = render("feedback_chain", **fields)
    return Request(
        messages=(
            Message(role="system", content=render("feedback_system")),
            Message(role="user", content=user),
        ),
        purpose="feedback",
    )


def understand_feedback(reply: Reply, request: FeedbackRequest) -> Gradient | NoFeedback:
    """What the answer means: feedback, or none.

    Raises:
        EngineError: If the answer was cut before it said anything.
    """
    text = said(reply.text)
    if not text and reply.finish_reason == "length":
        raise EngineError("the feedback was cut before it began: raise max_tokens", kind="cut")
    if not text or text.strip(_AROUND).upper() == _NOTHING:
        return NO_FEEDBACK
    return Gradient(
        text=text,
        source=request.output.role_description,
        context=str(request.output.memo["conversation"]),
    )
