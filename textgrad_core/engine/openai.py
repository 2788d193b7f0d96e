"""Any server that speaks OpenAI's chat completions, through the official client.

The client is imported when the first request is made, not before. Its own retries are off:
`Retries` is the only layer that repeats, here or in `Retrying` around the engine.
"""

from __future__ import annotations

import importlib.util
import math
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from textgrad_core.engine.base import EngineLM
from textgrad_core.engine.credentials import Secret, endpoint_of, host_of, key_for
from textgrad_core.engine.headers import headroom, wait_asked_s
from textgrad_core.engine.leaving import close_at_exit
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.engine.replies import failure_from_status, normalise, storable
from textgrad_core.engine.retrying import RETRIES, TOTAL_DEADLINE_S, Retries, RetryRule
from textgrad_core.engine.tokens import looks_truncated, prompt_chars
from textgrad_core.engine.usage import usage_in
from textgrad_core.errors import EngineError, MissingExtra, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.logs import log

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from openai import AsyncOpenAI

    from textgrad_core.engine.transport import Trace

DEFAULT_BASE_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT_S = 10.0
_OURS = ("model", "messages", "stream", "stream_options", "n")


class OpenAIEngine(EngineLM):
    """A model behind a chat-completions server.

    Args:
        model: Model name as the server knows it.
        base_url: Address of the server, usually ending in ``/v1``; else OPENAI_BASE_URL, else
            OpenAI's own.
        api_key: Key; else OPENAI_API_KEY. A server given by address may need none.
        max_concurrency: Requests that may be under way at once; the caller keeps to it.
        deadline_s: Seconds until the whole answer of one request must be there.
        max_retries: Times a request is repeated after a passing failure, see `RetryRule`; 0 for
            an engine inside `RateLimited`, with `Retrying` around both.
        params: Sampling parameters sent with every request; a request's own go before them.
        total_deadline_s: Seconds one ask may take in all, retries and waits included.
        max_answer_bytes: Largest answer that is read.

    Raises:
        UsageError: If an argument is out of bounds.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        max_concurrency: int = 32,
        deadline_s: float = 120.0,
        max_retries: int = RETRIES,
        params: Mapping[str, JSON] | None = None,
        *,
        total_deadline_s: float = TOTAL_DEADLINE_S,
        max_answer_bytes: int = 16 << 20,
    ) -> None:
        if not model.strip():
            raise UsageError("model is empty: name one, such as 'gpt-5' or 'llama3:8b'")
        for what, number, low in (
            ("max_concurrency", max_concurrency, 1),
            ("max_retries", max_retries, 0),
            ("max_answer_bytes", max_answer_bytes, 1),
        ):
            if number < low:
                raise UsageError(f"{what} is {number}: it must be {low} or more")
        if not (math.isfinite(deadline_s) and deadline_s > 0):
            raise UsageError(f"deadline_s is {deadline_s}: it must be a number above 0")
        mistake = _mistaken_params(params or {})
        if mistake:
            raise UsageError(mistake)
        address = base_url or os.environ.get("OPENAI_BASE_URL") or ""
        self.model = model
        self.host = host_of(address)
        self.name = f"openai:{model}@{self.host}"
        self.max_concurrency = max_concurrency
        self.deadline_s = float(deadline_s)
        self.max_retries = max_retries
        self.repeats = max_retries > 0
        self.max_answer_bytes = max_answer_bytes
        self._retries = Retries(
            self.name, RetryRule(retries=max_retries), total_deadline_s=total_deadline_s
        )
        self.params: Mapping[str, JSON] = dict(params or {})
        self._address = address
        self._warned = False
        self._given_key = Secret(api_key) if api_key else None
        self._clients: WeakKeyDictionary[AbstractEventLoop, AsyncOpenAI] = WeakKeyDictionary()

    @property
    def shaping(self) -> Mapping[str, JSON]:
        """What shapes every reply besides the request: address and parameters."""
        return {"endpoint": endpoint_of(self._address), "params": dict(self.params)}

    def __repr__(self) -> str:
        return f"OpenAIEngine({self.name!r})"

    async def ask(self, request: Request) -> Reply:
        """Answer one request, repeating it after passing failures.

        Raises:
            EngineError: With its kind; the text never holds the key.
            MissingExtra: If the client is not installed.
        """
        return await self._retries.answer(self._send, request)

    async def _send(self, request: Request) -> Reply:
        """Send one request, and give its answer within the deadline."""
        import asyncio

        key = key_for(self.model, self._given_key, needed=not self._address)
        client = self._client(key)
        from textgrad_core.engine.transport import TRACE, Trace

        trace = Trace()
        token = TRACE.set(trace)
        failure: EngineError
        try:
            async with asyncio.timeout(self.deadline_s):
                raw = await client.chat.completions.with_raw_response.create(**self._call(request))
            reply = normalise(raw.http_response.content)
            self._warn_if_truncated(request, reply)
            return replace(reply, headroom=headroom(raw.http_response.headers))
        except TimeoutError:
            failure = self._overdue(trace)
        except EngineError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - border with the client and what it lets through
            failure = _understood(error, self.host)
        finally:
            TRACE.reset(token)
        # Raised outside the handler: the client's own errors carry the request with its key.
        raise failure.but(
            message=key.masked_in(failure.message),
            attempts=trace.attempts,
            request_id=trace.request_id,
        )

    def _warn_if_truncated(self, request: Request, reply: Reply) -> None:
        chars = prompt_chars(request)
        if not self._warned and looks_truncated(chars, reply.prompt_tokens):
            self._warned = True
            log.warning(
                "%s was sent %d characters and counted %s tokens: it seems to cut long prompts "
                "without saying so; give it a larger context (Ollama: num_ctx)",
                self.name,
                chars,
                reply.prompt_tokens,
            )

    async def aclose(self) -> None:
        """Close the connections that belong to the running event loop."""
        import asyncio

        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def ready(self) -> None:
        """Check what can be checked without sending anything.

        Raises:
            EngineError: If there is no key, kind ``auth``.
            MissingExtra: If the client is not installed.
        """
        key_for(self.model, self._given_key, needed=not self._address)
        if importlib.util.find_spec("openai") is None:
            raise MissingExtra("the openai engine", ("openai",), "openai")

    def _client(self, key: Secret) -> AsyncOpenAI:
        """The client of the running loop: its connections cannot move to another."""
        import asyncio

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = self._new_client(key)
            close_at_exit(self)
        return client

    def _new_client(self, key: Secret) -> AsyncOpenAI:
        try:
            import httpx2
            from openai import AsyncOpenAI
        except ImportError as error:
            raise MissingExtra("the openai engine", ("openai",), "openai") from error
        from textgrad_core.engine.transport import GuardedTransport, direct_or_proxied

        address = self._address or DEFAULT_BASE_URL
        origin = httpx2.URL(address)
        transport = GuardedTransport(
            origin=origin,
            limit_bytes=self.max_answer_bytes,
            inner=direct_or_proxied(origin, self.max_concurrency),
        )
        timeout = httpx2.Timeout(self.deadline_s, connect=min(CONNECT_TIMEOUT_S, self.deadline_s))
        return AsyncOpenAI(
            api_key=key.reveal(),
            base_url=address,
            max_retries=0,
            timeout=timeout,
            http_client=httpx2.AsyncClient(
                transport=transport, timeout=timeout, follow_redirects=True
            ),
        )

    def _call(self, request: Request) -> dict[str, Any]:
        """Arguments of the client; parameters go into the body as they are, known or not."""
        mistake = _mistaken_params(request.params)
        if mistake:
            raise EngineError(mistake, kind="request", attempts=0)
        return {
            "model": self.model,
            "messages": [{"role": m.role, "content": _content(m)} for m in request.messages],
            "extra_body": {**self.params, **request.params},
        }

    def _overdue(self, trace: Trace) -> EngineError:
        seen = f" (its last status was {trace.status})" if trace.status else ""
        return EngineError(
            f"{self.host} gave no full answer within {self.deadline_s:g} s{seen}: raise "
            "deadline_s if the model is slow",
            kind="timeout",
            retryable=True,
        )


def _content(message: Message) -> str | list[dict[str, JSON]]:
    """Text as text; with images, parts as the server wants them."""
    if not message.parts:
        return storable(message.content)
    return [
        {"type": "text", "text": storable(part)}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": part.address}}
        for part in message.parts
    ]


def _understood(error: Exception, host: str) -> EngineError:
    """The client's own errors, and those it lets through, as ours."""
    import openai

    match error:
        case openai.APITimeoutError():
            return EngineError(f"{host} did not answer in time", kind="timeout", retryable=True)
        case openai.APIConnectionError():
            cause = error.__cause__ or error
            return EngineError(
                f"no connection to {host}: {cause} ({type(cause).__name__}); check that the "
                "server runs and the address is right",
                kind="network",
                retryable=True,
            )
        case openai.APIStatusError():
            return failure_from_status(
                error.status_code,
                error.body if error.body is not None else error.response.text,
                retry_after_s=wait_asked_s(error.response.headers, time.time()),
                may_retry=error.response.headers.get("x-should-retry") != "false",
            ).but(spent=usage_in(error.response.content))
    return EngineError(
        f"the request to {host} failed: {type(error).__name__}: {error}", kind="request"
    )


def _mistaken_params(params: Mapping[str, JSON]) -> str:
    """Why these parameters cannot be sent; empty if they can."""
    mistaken = [name for name in _OURS if name in params]
    if not mistaken:
        return ""
    return (
        f"parameter {mistaken[0]!r} is set by the engine itself: leave it out "
        "(several samples are several requests)"
    )


def __getattr__(name: str) -> Any:
    if name == "ChatOpenAI":  # TextGrad's name, at TextGrad's place
        return import_module("textgrad_core.engine.chat").ChatOpenAI
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
