"""Engines that write new values: they find the form a request asks for and keep to it."""

from __future__ import annotations

import json
from collections.abc import Callable

from engines import Recorder, last_words
from textgrad_core.engine.protocol import Request
from textgrad_core.jsondata import JSON
from textgrad_core.parsing import wrap
from textgrad_core.variable import Variable

Write = str | Callable[[Request], str]


def leaf(value: str = "old", role: str = "a value", *feedback: str) -> Variable:
    """A variable that has received feedback."""
    variable = Variable(value, role_description=role)
    for text in feedback or ("too old",):
        variable.gradients.add(text)
    return variable


def nonce(request: Request) -> str:
    """The mark the answer must carry, as the prompt asks for it."""
    for message in reversed(request.messages):
        _, found, rest = message.content.rpartition("<VALUE-")
        if found:
            return rest.partition(">")[0]
    raise AssertionError("the prompt asks for no mark")


def writing(value: Write) -> Recorder:
    """An engine that writes this value between the tags it is asked for."""

    def answer(request: Request) -> str:
        if request.purpose == "summary":
            return "in short: " + str(len(last_words(request)))
        text = value if isinstance(value, str) else value(request)
        return f"I did what was asked.\n{wrap(text, nonce(request))}"

    return Recorder(answer)


def answering(*templates: str) -> Recorder:
    """An engine that gives these answers in turn, with ``@`` for the mark it is asked for."""
    left = list(templates)
    return Recorder(lambda request: left.pop(0).replace("@", nonce(request)))


def asked_format(request: Request) -> str:
    """The response format of a request: ``json_schema``, ``json_object``, or nothing."""
    given = request.params.get("response_format")
    return str(given.get("type")) if isinstance(given, dict) else ""


def enforcing(value: JSON, *modes: str) -> Recorder:
    """A server that enforces these response formats, ignores others, and writes this value."""

    def answer(request: Request) -> str:
        mode = asked_format(request)
        if mode not in modes:
            if request.purpose == "capability":
                return "I would rather talk."
            return wrap(json.dumps(value, ensure_ascii=False), nonce(request))
        if request.purpose == "capability":
            said: JSON = "yes" if mode == "json_schema" else "no"
        else:
            said = value
        return json.dumps({"reason": "asked to", "value": said}, ensure_ascii=False)

    return Recorder(answer)
