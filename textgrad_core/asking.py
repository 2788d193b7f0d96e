"""Asking a model for a new value: one call, and at most one more if the answer is unusable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from textgrad_core.engine.protocol import Engine, Message, Reply, Request
from textgrad_core.errors import AnswerError, Invalid
from textgrad_core.optimizer.assembly import AskedUpdate
from textgrad_core.parsing import AnswerProblem, parse_answer, repair_request, tags
from textgrad_core.prompting import render
from textgrad_core.run import Run

V = TypeVar("V")


RATIONALE_CHARS = 1_000


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
        asked: What to ask, and the mark the answer carries.
        site: Place in the program; a repair is recorded beside it.
        accept: Turns the text into a value, or raises `Invalid`.

    Raises:
        AnswerError: If the repaired answer is unusable too; the message says why.
        EngineError: If there is no answer at all.
    """
    reply = await run.ask(engine, asked.request, site)
    try:
        return _understood(reply, asked.nonce, accept)
    except AnswerProblem as problem:
        again = repair_request(
            reply.text, problem, _form(asked.nonce), params=asked.request.params
        )
    except Invalid as problem:
        again = mend_request(asked, reply, problem)
    reply = await run.ask(engine, again, f"{site} repair")
    try:
        return _understood(reply, asked.nonce, accept)
    except (AnswerProblem, Invalid) as problem:
        raise AnswerError(f"unusable answer, also after one repair: {problem}") from problem


def mend_request(asked: AskedUpdate, reply: Reply, problem: Invalid) -> Request:
    """What to ask when the form was right and the value was not."""
    opening, closing = tags(asked.nonce)
    complaint = render(
        "mend", reason=problem.reason, hint=problem.hint, open=opening, close=closing
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


def _understood(reply: Reply, nonce: str, accept: Callable[[str], V]) -> Answer[V]:
    found = parse_answer(reply.text, nonce=nonce, finish_reason=reply.finish_reason)
    before, mark, _ = reply.text.rpartition(tags(nonce)[0])
    said = before.strip()[-RATIONALE_CHARS:] if mark else ""
    return Answer(value=accept(found.value), rationale=said)


def _form(nonce: str) -> str:
    opening, closing = tags(nonce)
    return f"Write the complete value, and nothing else, between {opening} and {closing}."
