"""Whether a server enforces JSON: one small call finds out, once per engine and run."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from textgrad_core.answering import AnswerForm, Mode, candidates
from textgrad_core.engine.protocol import Engine, Message, Reply, Request, engine_key
from textgrad_core.errors import EngineError, Invalid
from textgrad_core.jsondata import JSON, digest
from textgrad_core.parsing import AnswerProblem
from textgrad_core.prompting import render
from textgrad_core.run import Run
from textgrad_core.schema import Schema

LADDER: tuple[Mode, ...] = ("json_schema", "json_object", "tags")
# What a server says that does not know the parameter, or cannot keep to it; other failures
# (no network, no quota) say nothing about it.
_CANNOT = ("request", "malformed", "wrong_shape", "empty", "cut", "refused")
_ASKED = Schema(definition={"type": "string", "enum": ["yes"]})
_ANY = Schema(definition={})
_known: WeakKeyDictionary[Run, dict[str, asyncio.Future[Mode]]] = WeakKeyDictionary()


async def best_mode(run: Run, engine: Engine) -> Mode:
    """The strictest form of answer the engine keeps to.

    Every rung that is tried costs one call, which is recorded and counted; the answer holds for
    the rest of the run, and a resumed run does not ask again.

    Raises:
        EngineError: If the engine cannot be asked at all.
    """
    found = _known.setdefault(run, {})
    key = digest(engine_key(engine))
    loop = asyncio.get_running_loop()
    while key in found:
        pending = found[key]
        if pending.done() and not pending.cancelled() and pending.exception() is None:
            return pending.result()
        if pending.done() or pending.get_loop() is not loop:
            del found[key]
        else:
            await asyncio.wait([pending])
    mine = found[key] = loop.create_future()
    try:
        mode = await _climb(run, engine)
    except BaseException:
        found.pop(key, None)
        mine.cancel()
        raise
    mine.set_result(mode)
    return mode


async def _climb(run: Run, engine: Engine) -> Mode:
    for mode in LADDER[:-1]:
        if await _keeps_to(run, engine, mode):
            return mode
    return LADDER[-1]


async def _keeps_to(run: Run, engine: Engine, mode: Mode) -> bool:
    form = AnswerForm(mode=mode, schema=_ASKED)
    request = Request(
        messages=(Message(role="user", content=render("capability")),),
        purpose="capability",
        params=form.params(),
    )
    shaped = engine_key(engine)
    site = f"capability {mode} of {engine.name} {digest(shaped)[:8]}"

    async def effect() -> JSON:
        try:
            reply = await run.ask(engine, request, site)
        except EngineError as error:
            if error.kind not in _CANNOT:
                raise
            return {"keeps": False, "answered": False}
        return {"keeps": _enforced(reply, form), "answered": True}

    asked: JSON = {**shaped, **request.to_json()}
    found, recalled = await run.journal.perform("capability", site, asked, effect)
    verdict = found if isinstance(found, dict) else {}
    if recalled:  # counted as in the run that asked
        if verdict.get("answered"):
            await run.ask(engine, request, site)
        else:
            run.meter.count(calls=1)
    return verdict.get("keeps") is True


def _enforced(reply: Reply, form: AnswerForm) -> bool:
    """Whether the server made the model keep to the form.

    The prompt asks for another value than the schema allows, so obedience proves the schema.
    """
    try:
        said = candidates(reply, form)[0]
        _ANY.read(said) if form.mode == "json_object" else _ASKED.read(said)
    except (AnswerProblem, Invalid):
        return False
    return True
