"""The one operation that asks a language model, and asks one for feedback on its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

from textgrad_core.answer_forms import said
from textgrad_core.autograd.function import FeedbackRequest, Function
from textgrad_core.autograd.layout import Layout, conversation
from textgrad_core.config import backward_engine
from textgrad_core.engine import get_engine
from textgrad_core.engine.protocol import Engine, Image, Message, Reply, Request
from textgrad_core.errors import EngineError, UsageError
from textgrad_core.parsing import tag_for
from textgrad_core.prompting import render
from textgrad_core.run import Run
from textgrad_core.values import is_image, text_of
from textgrad_core.variable import NO_FEEDBACK, Gradient, NoFeedback, Variable

if TYPE_CHECKING:
    from textgrad_core.engine import EngineLike

RESPONSE_ROLE = "response of a language model"
_NOTHING = "NO FEEDBACK"
_AROUND = " .!*_`\"'"  # what models put around it


@final
class ModelCall(Function):
    """One call of a model.

    Args:
        engine: The model.
        layout: How the inputs become messages.
        examples: Examples of good feedback, shown where feedback is asked for.
    """

    name: ClassVar[str] = "llm call"

    def __init__(self, engine: Engine, layout: Layout, examples: Sequence[str] = ()) -> None:
        """Keep all of it."""
        self._engine, self._layout, self._examples = engine, layout, tuple(examples)

    async def compute(
        self, run: Run, site: str, inputs: Sequence[Variable], memo: dict[str, Any]
    ) -> str:
        """The model's answer."""
        request = self._layout.request([v.value for v in inputs])
        reply = await run.ask(self._engine, request, site)
        if reply.finish_reason == "length":
            raise EngineError("the answer was cut: raise max_tokens", kind="cut")
        memo["conversation"] = conversation(request, reply.text)
        memo["images"] = images_of(request)
        return reply.text

    async def feedback(self, request: FeedbackRequest) -> Gradient | NoFeedback:
        """What the model that writes feedback says about one input.

        Nothing is said about an image that was given from outside: no words can change it.
        """
        given = request.node.arguments[request.argument]
        if given.node is None and is_image(given.value):
            return NO_FEEDBACK
        engine = request.engine or self._engine
        place = self._layout.places[request.argument]
        asked = feedback_request(request, place, self._examples)
        reply = await request.node.run.ask(engine, asked, request.site)
        return understand_feedback(reply, request, request.output.memo["conversation"])


def engine_or_default(engine: EngineLike | None, user: object) -> Engine:
    """The engine that was given, else the one that is set.

    Raises:
        UsageError: If there is none.
    """
    chosen = backward_engine() if engine is None else get_engine(engine)
    if chosen is None:
        raise UsageError(
            f"no engine: pass one to {type(user).__name__}, or choose one with "
            "set_backward_engine()"
        )
    return chosen


def images_of(request: Request) -> tuple[Image, ...]:
    """The images of a conversation, in order."""
    return tuple(p for m in request.messages for p in m.parts if isinstance(p, Image))


def feedback_request(request: FeedbackRequest, place: str, examples: Sequence[str]) -> Request:
    """What to ask about one input of a call."""
    given = request.node.arguments[request.argument]
    text = text_of(given.value)
    talk = str(request.output.memo["conversation"])
    feedback = told_once(request)
    mark = f"PART-{tag_for(text + talk + feedback)}"
    fields = {
        "argument": text,
        "argument_role": given.role_description,
        "argument_place": place,
        "conversation": talk,
        "examples": as_examples(examples, mark),
        "open": f"<{mark}>",
        "close": f"</{mark}>",
    }
    if request.is_base:
        fields["also"] = f"\n\nIt has also received this feedback:\n{feedback}" if feedback else ""
        user = render("feedback_base", **fields)
    else:
        fields.update(output_role=request.output.role_description, feedback=feedback)
        user = render("feedback_chain", **fields)
    return asking_for_feedback(user, request.output.memo["images"])


def told_once(request: FeedbackRequest) -> str:
    """What the output has received, each distinct text once."""
    return "\n\n".join(dict.fromkeys(g.text for g in request.received))


def as_examples(examples: Sequence[str], mark: str) -> str:
    """Examples as part of a prompt; empty if there are none."""
    if not examples:
        return ""
    told = "\n\n".join(f"<EXAMPLE-{mark}>\n{text}\n</EXAMPLE-{mark}>" for text in examples)
    return "\n\n" + render("feedback_examples", examples=told)


def asking_for_feedback(user: str, images: Sequence[Image] = ()) -> Request:
    """The request for feedback, with the images it speaks of."""
    parts: tuple[str | Image, ...] = (user, *images) if images else ()
    return Request(
        messages=(
            Message(role="system", content=render("feedback_system")),
            Message(role="user", content=user, parts=parts),
        ),
        purpose="feedback",
    )


def understand_feedback(
    reply: Reply, request: FeedbackRequest, context: str
) -> Gradient | NoFeedback:
    """What the answer means: feedback, or none.

    Raises:
        EngineError: If the answer was cut before it said anything.
    """
    text = said(reply.text)
    if not text and reply.finish_reason == "length":
        raise EngineError("the feedback was cut before it began: raise max_tokens", kind="cut")
    if not text or text.strip(_AROUND).upper() == _NOTHING:
        return NO_FEEDBACK
    return Gradient(text=text, source=request.output.role_description, context=context)
