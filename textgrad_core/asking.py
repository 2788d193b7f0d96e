"""Asking a model for a new value: one call, and at most one more if the answer is unusable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from textgrad_core.answering import AnswerForm, candidates
from textgrad_core.engine.protocol import Engine, Message, Reply, Request
from textgrad_core.errors import AnswerError, EngineFailure, Invalid
from textgrad_core.optimizer.assembly import AskedUpdate
from textgrad_core.parsing import AnswerProblem, repair_request
from textgrad_core.prompting import render
from textgrad_core.run import Run

V = TypeVar("V")


RATIONALE_CHARS = 1_000
ANSWER_FAULTS: frozenset[EngineFailure] = frozenset({"refused", "cut", "empty"})
"""Failures of an engine that say: the model was reached and gave no answer to this request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[V]):
    """A value a model wrote, and what it said before it."""

    value: V
    rationale: str


async def ask_value(
    run: Run, engine: Engine, asked: AskedUpdate, site: str, accept: Callable[[str], V]
) -> Answer[V]:
    """Ask for a value, parse the answer and have it accepted.

    Args:
        run: Where the calls are recorded and counted.
        engine: The model.
        asked: What to ask, and the form the answer has.
        site: Place in the program; a repair is recorded beside it.
        accept: Turns the text into a value, or raises `Invalid`.

    Raises:
        AnswerError: If the repaired answer is unusable too; the message says why.
        EngineError: If there is no answer at all.
    """
    reply = await run.ask(engine, asked.request, site)
    try:
        return _understood(reply, asked.form, accept)
    except AnswerProblem as problem:
        again = repair_request(
            reply.text, problem, asked.form.told("repair"), params=asked.request.params
        )
    except Invalid as problem:
        again = mend_request(asked, reply, problem)
    reply = await run.ask(engine, again, f"{site} repair")
    try:
        return _understood(reply, asked.form, accept)
    except (AnswerProblem, Invalid) as problem:
        raise AnswerError(f"unusable answer, also after one repair: {problem}") from problem


def mend_request(asked: AskedUpdate, reply: Reply, problem: Invalid) -> Request:
    """What to ask when the form was right and the value was not."""
    complaint = render(
        "mend", reason=problem.reason, hint=problem.hint, form=asked.form.told("repair")
    )
    return Request(
        messages=(
            *asked.request.messages,
            Message(role="assistant", content=reply.text),
            Message(role="user", content=complaint),
        ),
        purpose="repair",
        params=asked.request.params,
        sample=asked.request.sample,
    )


def _understood(reply: Reply, form: AnswerForm, accept: Callable[[str], V]) -> Answer[V]:
    """The first reading of an answer that is accepted; if none is, why the likeliest is not."""
    first: Invalid | None = None
    for text in candidates(reply, form):
        try:
            value = accept(text)
        except Invalid as problem:
            first = first or problem
        else:
            return Answer(value=value, rationale=_rationale(reply.text, form))
    raise first or AnswerProblem("the answer holds no value")


def _rationale(text: str, form: AnswerForm) -> str:
    before, mark, _ = text.rpartition(form.marks[0])
    return before.strip()[-RATIONALE_CHARS:] if mark else ""
