"""Asking a model for a new value: one call, and at most one more if the answer is unusable."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from textgrad_core.answer_forms import fenced_blocks, said
from textgrad_core.answering import AnswerForm, candidates
from textgrad_core.engine.protocol import Engine, Message, Reply, Request
from textgrad_core.engine.replies import storable
from textgrad_core.errors import AnswerError, Invalid
from textgrad_core.optimizer.assembly import AskedUpdate
from textgrad_core.optimizer.bounds import clip
from textgrad_core.parsing import AnswerProblem, repair_request
from textgrad_core.prompting import render
from textgrad_core.run import Run

V = TypeVar("V")


RATIONALE_CHARS = 1_000
QUOTED_CHARS = 20_000  # of an answer that is sent back
REJECTED_CHARS = 500  # of a value that is named in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[V]):
    """A value a model wrote, and what it said before it."""

    value: V
    rationale: str


class Unaccepted(Invalid):
    """An answer whose value was read and refused.

    Args:
        reason: Why.
        hint: How to mend it.
        value: The value, shortened.
    """

    def __init__(self, reason: str, hint: str, value: str) -> None:
        """Keep all three."""
        super().__init__(reason, hint)
        self.value = value


class UnusableAnswer(AnswerError):
    """No usable value, also after one repair.

    Args:
        problem: What was wrong with the second answer.
    """

    def __init__(self, problem: AnswerProblem | Unaccepted) -> None:
        """Keep the value, if there was one to refuse."""
        super().__init__(f"unusable answer, also after one repair: {problem}")
        self.value = problem.value if isinstance(problem, Unaccepted) else ""


async def ask_value(
    run: Run,
    engine: Engine,
    asked: AskedUpdate,
    site: str,
    accept: Callable[[str], V],
    *,
    keep_failure: bool = False,
    lenient: bool = False,
) -> Answer[V]:
    """Ask for a value, parse the answer and have it accepted.

    Args:
        run: Where the calls are recorded and counted.
        engine: The model.
        asked: What to ask, and the form the answer has.
        site: Place in the program; a repair is recorded beside it.
        accept: Turns the text into a value, or raises `Invalid`.
        keep_failure: As in `Run.ask`.
        lenient: Whether a lone fenced block or a whole answer without marks may be the value,
            if it is accepted; only where `accept` knows a value when it sees one.

    Raises:
        UnusableAnswer: If the repaired answer is unusable too; the message says why.
        EngineError: If there is no answer at all.
    """
    reply = await run.ask(engine, asked.request, site, keep_failure=keep_failure)
    try:
        return _understood(reply, asked.form, accept, lenient)
    except AnswerProblem as problem:
        again = repair_request(
            reply.text, problem, asked.form.told("repair"), params=asked.request.params
        )
    except Unaccepted as problem:
        again = mend_request(asked, reply, problem)
    reply = await run.ask(engine, again, f"{site} repair", keep_failure=keep_failure)
    try:
        return _understood(reply, asked.form, accept, lenient)
    except (AnswerProblem, Unaccepted) as problem:
        raise UnusableAnswer(problem) from problem


def mend_request(asked: AskedUpdate, reply: Reply, problem: Invalid) -> Request:
    """What to ask when the form was right and the value was not."""
    complaint = render(
        "mend", reason=problem.reason, hint=problem.hint, form=asked.form.told("repair")
    )
    return Request(
        messages=(
            *asked.request.messages,
            Message(role="assistant", content=clip(reply.text, QUOTED_CHARS)),
            Message(role="user", content=complaint),
        ),
        purpose="repair",
        params=asked.request.params,
        sample=asked.request.sample,
    )


def _understood(
    reply: Reply, form: AnswerForm, accept: Callable[[str], V], lenient: bool
) -> Answer[V]:
    """The first reading of an answer that is accepted; if none is, why the likeliest is not."""
    try:
        texts = candidates(reply, form)
    except AnswerProblem as problem:
        if not lenient or problem.kind != "absent":
            raise
        blocks = fenced_blocks(reply.text)
        for text in blocks if len(blocks) == 1 else [said(reply.text)]:
            with suppress(Invalid):
                return Answer(value=accept(storable(text)), rationale="")
        raise
    first: Unaccepted | None = None
    for text in texts:
        # a text of its own may come out of JSON, which spells out what UTF-8 cannot hold
        value = text if form.schema is not None else storable(text)
        try:
            return Answer(value=accept(value), rationale=_rationale(reply.text, form))
        except Invalid as error:
            first = first or Unaccepted(error.reason, error.hint, clip(value, REJECTED_CHARS))
    raise first or AnswerProblem("the answer holds no value")


def _rationale(text: str, form: AnswerForm) -> str:
    before, mark, _ = text.rpartition(form.marks[0])
    return before.strip()[-RATIONALE_CHARS:] if mark else ""
