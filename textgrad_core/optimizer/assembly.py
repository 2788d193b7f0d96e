"""What to ask for a new value: one request, with a hard limit on its length. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from textgrad_core.answering import AnswerForm, with_marks
from textgrad_core.engine.protocol import Message, Request
from textgrad_core.jsondata import JSON, canonical_json
from textgrad_core.optimizer.feedback import feedback_block, without_repeats
from textgrad_core.optimizer.past import PastStep, past_block, shares
from textgrad_core.parsing import tag_for
from textgrad_core.prompting import render
from textgrad_core.variable import Gradient

MAX_CONTEXT_CHARS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTask:
    """Everything the model that writes a new value is told.

    Args:
        role: What the value is for.
        task: What the value is to achieve, at length; empty if the role says it all.
        current: The value, always shown in full.
        feedback: What should change.
        rules: What every value must obey, in words.
        examples: Examples of good values, as the user wrote them.
        record: What was tried before, one line each.
        place: Number of this proposal and how many are asked for at the same time.
        past: Earlier steps.
        past_values: Whether to show the values of earlier steps.
        past_feedback: Whether to show the feedback of earlier steps.
        system: The user's own instruction in place of the built-in one.
        max_context_chars: Limit for feedback, conversations and earlier steps together.
    """

    role: str
    current: str
    feedback: tuple[Gradient, ...]
    rules: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    record: tuple[str, ...] = ()
    place: tuple[int, int] = (1, 1)
    past: tuple[PastStep, ...] = ()
    past_values: bool = False
    past_feedback: bool = False
    system: str | None = None
    max_context_chars: int = MAX_CONTEXT_CHARS
    task: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedUpdate:
    """The request for a new value, and the form its answer has."""

    request: Request
    form: AnswerForm


def update_request(
    task: UpdateTask,
    sample: int = 0,
    params: Mapping[str, JSON] | None = None,
    form: AnswerForm | None = None,
) -> AskedUpdate:
    """What to ask.

    Args:
        task: What the model is told.
        sample: Number of this sample, when several are asked for.
        params: Sampling parameters to send.
        form: How the answer is to carry the value; its nonce is derived from the task.
    """
    feedback, past = _context(task)
    rules = list(task.rules)
    if form is not None and form.schema is not None:
        schema = canonical_json(dict(form.schema.definition))
        rules.insert(0, f"It is JSON that obeys this JSON schema: {schema}")
    nonce = _nonce(task, (feedback, past, *rules))
    form = replace(form or AnswerForm(), nonce=nonce)
    user = render(
        "update_user",
        role=task.role,
        task=task_block(task.task, nonce),
        current=f"<CURRENT-{nonce}>\n{task.current}\n</CURRENT-{nonce}>",
        feedback=feedback or "(none)",
        past=f"\nEarlier steps, the oldest first:\n\n{past}\n" if past else "",
        rules=_listed("Rules every value must obey:", rules),
        examples=_examples(task.examples, nonce),
        record=_listed("What was tried before:", task.record),
        variation=_variation(*task.place),
        form=form.told("user"),
    )
    if task.system is None:
        system = render("update_system", form=form.told("system"))
    else:
        system = with_marks(task.system, form)
    request = Request(
        messages=(Message(role="system", content=system), Message(role="user", content=user)),
        purpose="proposal",
        params={**form.params(), **(params or {})},
        sample=sample,
    )
    return AskedUpdate(request=request, form=form)


def task_block(task: str, nonce: str) -> str:
    """What a value is to achieve, between marks; nothing if there is nothing to say."""
    return f"\nWhat it is to achieve:\n<TASK-{nonce}>\n{task}\n</TASK-{nonce}>\n" if task else ""


def _context(task: UpdateTask) -> tuple[str, str]:
    """Feedback and past, together within the limit."""

    def told(limit_chars: int) -> str:
        return past_block(
            task.past,
            limit_chars,
            _nonce(task, ()),
            values=task.past_values,
            feedback=task.past_feedback,
        )

    heard = without_repeats(task.feedback, task.current)
    whole = feedback_block(heard, -1)
    for_feedback, for_past = shares(task.max_context_chars, len(whole), len(told(-1)))
    return feedback_block(heard, for_feedback), told(for_past)


def _nonce(task: UpdateTask, more: Sequence[str]) -> str:
    past = [text for step in task.past for text in (step.value, *step.feedback)]
    told = [task.role, *([task.task] if task.task else []), task.current, *more]
    material = [*told, *task.rules, *task.examples, *task.record, *past]
    return tag_for("\n".join(material))


def _examples(examples: Sequence[str], nonce: str) -> str:
    told = [f"<EXAMPLE-{nonce}>\n{text}\n</EXAMPLE-{nonce}>" for text in examples]
    return "\n".join(["", "Examples to go by:", *told, ""]) if told else ""


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join(["", title, *(f"- {line}" for line in lines), ""]) if lines else ""


def _variation(number: int, of: int) -> str:
    """Tells proposals that are asked for at the same time apart, so that they differ."""
    if of == 1:
        return ""
    return f"This is proposal {number} of {of}, written independently; make it one of its own.\n"
