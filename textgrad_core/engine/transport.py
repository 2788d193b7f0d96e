"""The HTTP transport under the client: bounded answers, and no strangers.

Imports httpx2, so only `textgrad_core.engine.openai` imports this module, on first use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from textgrad_core.errors import EngineError

if TYPE_CHECKING:
    from httpx2 import URL, Request, Response

ERROR_BODY_LIMIT_BYTES = 1 << 20


@dataclass(slots=True)
class Trace:
    """What one ask did on the wire; filled in by the transport.

    Args:
        attempts: Requests sent.
        status: Status of the last answer; None if there was none.
        request_id: The server's identifier of the last answer.
    """

    attempts: int = 0
    status: int | None = None
    request_id: str | None = None


TRACE: ContextVar[Trace | None] = ContextVar("textgrad_engine_trace", default=None)


class _Capped(httpx2.AsyncByteStream):
    """A body that may not grow beyond a bound."""

    def __init__(self, inner: httpx2.AsyncByteStream, limit_bytes: int) -> None:
        self._inner, self._limit_bytes = inner, limit_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._inner:
            seen += len(chunk)
            if seen > self._limit_bytes:
                raise EngineError(
                    f"the answer is larger than {self._limit_bytes} bytes: lower max_tokens or "
                    "raise max_answer_bytes",
                    kind="malformed",
                )
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to one origin only, and bounds what comes back.

    Args:
        origin: Any URL of the server; redirects elsewhere are refused, so that neither prompts
            nor the key reach a host nobody named.
        limit_bytes: Largest body of an answer.
        inner: The transport that does the sending.
    """

    def __init__(self, *, origin: URL, limit_bytes: int, inner: httpx2.AsyncBaseTransport) -> None:
        self._origin, self._limit_bytes, self._inner = origin, limit_bytes, inner

    async def handle_async_request(self, request: Request) -> Response:
        """Send one request.

        Raises:
            EngineError: If it would go to another host, or the answer is compressed.
        """
        self._refuse_strangers(request.url)
        trace = TRACE.get() or Trace()
        trace.attempts, trace.status = trace.attempts + 1, None
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        trace.status = response.status_code
        trace.request_id = response.headers.get("x-request-id")
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            return await _without_body(response)
        stream = response.stream
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise TypeError(f"transport gave a {type(stream).__name__}, not an async stream")
        limit_bytes = ERROR_BODY_LIMIT_BYTES if response.status_code >= 300 else self._limit_bytes
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Capped(stream, limit_bytes),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    def _refuse_strangers(self, url: URL) -> None:
        here, there = self._origin, url
        same = (here.scheme, here.host, _port(here)) == (there.scheme, there.host, _port(there))
        upgrade = (
            here.host == there.host
            and (here.scheme, _port(here)) == ("http", 80)
            and (there.scheme, _port(there)) == ("https", 443)
        )
        if not (same or upgrade):
            raise EngineError(
                f"the server {here.host} redirects to {there.scheme}://{there.host}:"
                f"{_port(there)}, which was refused: give that base_url if you trust it",
                kind="request",
            )


async def _without_body(response: Response) -> Response:
    """Drop a compressed body: it may be a bomb. An error keeps its status."""
    await response.aclose()
    if response.status_code < 300:
        raise EngineError(
            "the server sent a compressed answer although none was allowed; its size cannot be "
            "bounded, so it was refused: switch compression off there",
            kind="malformed",
        )
    dropped = ("content-encoding", "content-length", "transfer-encoding")
    kept = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in dropped]
    return httpx2.Response(response.status_code, headers=kept, content=b"")


def _port(url: URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def direct_or_proxied(origin: URL, connections: int) -> httpx2.AsyncHTTPTransport:
    """A plain transport that honours the proxy variables of the environment.

    A client with its own transport ignores them, so they are read here. Loopback addresses are
    never proxied.
    """
    from urllib.request import getproxies, proxy_bypass

    host = origin.host
    local = host in {"localhost", "::1"} or host.startswith("127.")
    proxy = None
    if not local and not proxy_bypass(host):
        known = getproxies()
        proxy = known.get(origin.scheme) or known.get("all")
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=connections)
    return httpx2.AsyncHTTPTransport(proxy=proxy, limits=limits)
