"""A chat-completions server with faults: raw sockets on this machine, in a thread of its own.

    with FaultServer(answer=lambda body: "CCO") as server:
        engine = OpenAIEngine("m", base_url=server.url("ok"))

The scenario is the first part of the path. ``name`` always fails that way, ``name@2`` only for
the first two requests of that address; then, and for ``ok``, the answer function is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

Answer = Callable[[dict[str, Any]], str]
TICK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came over the wire; ``asked_host`` is set if it came as to a proxy."""

    scenario: str
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    asked_host: str = ""


def _usage() -> dict[str, Any]:
    return {"usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}


def completion(
    content: object = "ok", *, finish: object = "stop", message: object = None, **top: object
) -> dict[str, Any]:
    """A well-formed reply, except for what the caller bends."""
    said = {"role": "assistant", "content": content, **(message or {})}  # type: ignore[dict-item]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served-model",
        "choices": [{"index": 0, "finish_reason": finish, "message": said}],
        **_usage(),
        **top,
    }


def response(
    status: int,
    body: object,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> bytes:
    """The bytes of an HTTP response; anything but bytes is sent as JSON."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {
        "content-type": content_type,
        "content-length": str(len(payload)),
        "x-request-id": "req-1",
        "connection": "close",
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + payload


def refusal_status(
    status: int,
    code: object = None,
    type_: str = "some_error",
    message: str = "refused",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """An error in the shape OpenAI uses."""
    return response(status, {"error": {"message": message, "type": type_, "code": code}}, headers)


def _canned(name: str) -> bytes | None:
    """Replies that are bytes and nothing else; built on demand, since one of them is huge."""
    page = b"<html><title>Sign in</title></html>"
    vllm = "This model's maximum context length is 4096 tokens, however you requested 5000"
    builders: dict[str, Callable[[], bytes]] = {
        "401": lambda: refusal_status(401, "invalid_api_key"),
        "403": lambda: refusal_status(403),
        "404": lambda: refusal_status(404, "model_not_found"),
        "429": lambda: refusal_status(429, headers={"retry-after": "0.05"}),
        "429-long": lambda: refusal_status(429, headers={"retry-after": "100"}),
        "429-longer": lambda: refusal_status(429, headers={"retry-after": "300"}),
        "500": lambda: refusal_status(500),
        "502-html": lambda: response(502, page, content_type="text/html"),
        "500-gzip": lambda: response(500, gzip.compress(b"{}"), {"content-encoding": "gzip"}),
        "quota": lambda: refusal_status(429, "insufficient_quota", "insufficient_quota"),
        "402": lambda: refusal_status(402),
        "overflow-openai": lambda: refusal_status(400, "context_length_exceeded"),
        "overflow-llama": lambda: refusal_status(400, 400, "exceed_context_size_error"),
        "overflow-words": lambda: response(400, {"object": "error", "message": vllm, "code": 400}),
        "html": lambda: response(200, page, content_type="text/html"),
        "html-as-json": lambda: response(200, page),
        "cut-json": lambda: response(200, json.dumps(completion()).encode()[:60]),
        "cut-late": lambda: response(200, json.dumps(completion()).encode()[:-1]),
        "500-counted": lambda: response(500, {"error": {"message": "x"}, **_usage()}),
        "empty-body": lambda: response(200, b""),
        "not-utf8": lambda: response(200, json.dumps(completion()).encode() + b"\xff\xfe"),
        "json-list": lambda: response(200, [1, 2]),
        "json-null": lambda: response(200, None),
        "error-200": lambda: response(200, {"error": {"message": "upstream died", "code": 502}}),
        "no-choices": lambda: response(200, completion(choices=[])),
        "null-choices": lambda: response(200, completion(choices=None)),
        "null-content": lambda: response(200, completion(None)),
        "empty-content": lambda: response(200, completion("")),
        "int-content": lambda: response(200, completion(42)),
        "list-content": lambda: response(
            200,
            completion([{"type": "thinking", "thinking": []}, {"type": "text", "text": "parts"}]),
        ),
        "tool-call": lambda: response(
            200,
            completion(None, finish="tool_calls", message={"tool_calls": [{"id": "1"}]}),
        ),
        "refusal": lambda: response(200, completion(None, message={"refusal": "I cannot"})),
        "length": lambda: response(200, completion("half an ans", finish="length")),
        "length-empty": lambda: response(200, completion("", finish="length")),
        "content-filter": lambda: response(200, completion("", finish="content_filter")),
        "no-usage": lambda: response(200, completion("fine", usage=None)),
        "surrogate": lambda: response(200, completion("a\ud800b")),
        "huge": lambda: response(200, completion("x" * (4 << 20))),
        "gzip-bomb": lambda: response(
            200,
            gzip.compress(json.dumps(completion("x" * (64 << 20))).encode(), 1),
            {"content-encoding": "gzip"},
        ),
    }
    builder = builders.get(name)
    return builder() if builder else None


class FaultServer:
    """Serves until the ``with`` block ends.

    Args:
        answer: From the request's JSON to the reply's text.
        delay_s: Wait before each good answer.

    Attributes:
        received: Every request, in order.
        most_at_once: Highest number of requests under way.
        connections: Connections made so far.
        told: Tokens sent and received, of each answer of the scenarios ``counted``,
            ``flaky`` (which fails at every other request) and ``as-told`` (whose prompt names
            the scenarios of the requests that bring it, such as ``refusal`` or ``empty-body,ok``).
    """

    def __init__(self, answer: Answer | None = None, delay_s: float = 0.0) -> None:
        self._answer = answer or (lambda _body: "ok")
        self._delay_s = delay_s
        self._counts: Counter[str] = Counter()
        self.received: list[Received] = []
        self.most_at_once = 0
        self.connections = 0
        self.told: list[tuple[int, int]] = []
        self._now = 0
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fault-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def url(self, scenario: str = "ok") -> str:
        """The base URL whose requests meet this scenario."""
        return f"http://127.0.0.1:{self.port}/{scenario}/v1"

    def count(self, scenario: str) -> int:
        """How many requests this scenario has seen."""
        return self._counts[scenario]

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            self._ready.set()
            raise

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._handle(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer) == "keep-alive":
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up, which several tests make it do
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """One request and its answer; returns the name of the scenario it met."""
        received = await _receive(reader)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            self.received.append(received)
            self._counts[received.scenario] += 1
            name, _, first = received.scenario.partition("@")
            if first and self._counts[received.scenario] > int(first):
                name = "ok"
            await self._respond(name, received.body, writer)
            await writer.drain()
        finally:
            self._now -= 1
        return name

    async def _respond(
        self, name: str, body: dict[str, Any], writer: asyncio.StreamWriter
    ) -> None:
        slow: dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]] = {
            "hang": _hang,
            "slow-body": _slow_body,
            "slow-headers": _slow_headers,
        }
        if name in slow:
            await slow[name](writer)
        elif name == "close":
            return
        elif name == "redirect":
            target = f"http://localhost:{self.port}/redirected/v1/chat/completions"
            writer.write(response(307, b"", {"location": target}))
        elif name == "redirect-home":
            writer.write(response(307, b"", {"location": "/redirected/v1/chat/completions"}))
        elif name == "echo-key":
            key = self.received[-1].headers.get("authorization", "").removeprefix("Bearer ")
            writer.write(refusal_status(401, message=f"Incorrect API key provided: {key}"))
        elif name == "flaky" and self._counts[name] % 2:
            writer.write(refusal_status(500))
        elif name == "as-told":
            writer.write(self._as_told(body["messages"][-1]["content"], body))
        elif name in {"counted", "flaky"}:
            await asyncio.sleep(self._delay_s)
            writer.write(response(200, self._counted(body)))
        elif name == "keep-alive":
            writer.write(response(200, completion(), {"connection": "keep-alive"}))
        elif name == "headroom":
            left = {"x-ratelimit-remaining-requests": "5", "x-ratelimit-remaining-tokens": "70"}
            writer.write(response(200, completion(), left))
        elif (canned := _canned(name)) is not None:
            writer.write(canned)
        else:
            await asyncio.sleep(self._delay_s)
            writer.write(response(200, completion(self._answer(body))))

    def _as_told(self, prompt: str, body: dict[str, Any]) -> bytes:
        """What the prompt names for this request; afterwards, and for ``ok``, an answer."""
        names = prompt.split(",")
        self._counts[prompt] += 1
        name = names[self._counts[prompt] - 1] if self._counts[prompt] <= len(names) else "ok"
        canned = _canned(name) or response(200, completion(self._answer(body)))
        if b'"prompt_tokens": 7' in canned:
            self.told.append((7, 3))
        return canned

    def _counted(self, body: dict[str, Any]) -> dict[str, Any]:
        said = self._answer(body)
        sent = sum(len(m["content"].split()) for m in body["messages"])
        self.told.append((sent, len(said)))
        return completion(said, usage={"prompt_tokens": sent, "completion_tokens": len(said)})


async def _receive(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.strip().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    target = urlsplit(request_line.split(" ")[1])  # a proxy is asked for a whole address
    scenario = target.path.strip("/").split("/")[0]
    return Received(
        scenario=scenario,
        body=json.loads(raw) if raw else {},
        headers=headers,
        asked_host=target.netloc,
    )


async def _hang(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _slow_body(writer: asyncio.StreamWriter) -> None:
    body = response(200, completion("x" * 100_000))
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(TICK_S)


async def _slow_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        writer.write(f"x-{number}: y\r\n".encode())
        await writer.drain()
        await asyncio.sleep(TICK_S)
