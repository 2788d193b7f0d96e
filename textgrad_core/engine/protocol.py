"""What the suite asks of a language model: one request, one reply."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, Protocol

from textgrad_core.counts import Tokens, count_in, tokens_in
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.values import media_type

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture in a conversation: its bytes, or the address the model's server fetches.

    Raises:
        UsageError: If it is not exactly one of the two, or the bytes are no image.
    """

    data: bytes = b""
    url: str = ""

    def __post_init__(self) -> None:
        """Look at the bytes."""
        if bool(self.data) == bool(self.url):
            raise UsageError("an Image is its data or its url: give exactly one of them")
        if self.data:
            media_type(self.data)

    @property
    def address(self) -> str:
        """Its own address, or one that holds the data."""
        if self.url:
            return self.url
        return f"data:{media_type(self.data)};base64,{b64encode(self.data).decode('ascii')}"

    def to_json(self) -> JSON:
        """What tells it from another image, without the data."""
        if self.url:
            return {"url": self.url}
        return {"sha256": sha256(self.data).hexdigest(), "bytes": len(self.data)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation.

    Args:
        role: Who speaks.
        content: What is said; an image stands in it as a note.
        parts: Where there are images: texts and images in order. Engines that can send images
            send these instead of the content.
    """

    role: Role
    content: str
    parts: tuple[str | Image, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """Plain data for the journal and the key; an image by its digest."""
        fields: dict[str, JSON] = {"role": self.role, "content": self.content}
        if self.parts:
            fields["parts"] = [p if isinstance(p, str) else p.to_json() for p in self.parts]
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that shapes a reply.

    Args:
        messages: The conversation so far.
        purpose: What it is for (``forward``, ``feedback``, ``proposal`` ...); not sent.
        params: Sampling parameters to send, only those somebody set.
        sample: Number of this sample when the same request is made several times; not sent.
    """

    messages: tuple[Message, ...]
    purpose: str = "forward"
    params: Mapping[str, JSON] = field(default_factory=dict)
    sample: int = 0

    def to_json(self) -> dict[str, JSON]:
        """Plain data for the journal and the key."""
        return {
            "messages": [m.to_json() for m in self.messages],
            "purpose": self.purpose,
            "params": dict(self.params),
            "sample": self.sample,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What a server says is left of its limits; None where it does not say."""

    requests: int | None = None
    tokens: int | None = None


_NONE = Tokens()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A usable answer.

    Args:
        text: What the model wrote.
        finish_reason: ``"length"`` if it was cut.
        model: The model the server says it used.
        prompt_tokens: As the server counted; None if it did not say, or said nonsense.
        completion_tokens: Likewise.
        attempts: Requests it took.
        wasted: Tokens of those that failed, as far as servers counted them.
        headroom: What the server says is left of its limits; of the moment, not recorded.
    """

    text: str
    finish_reason: FinishReason = "stop"
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    attempts: int = 1
    wasted: Tokens = _NONE
    headroom: Headroom | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Take no count that is negative or absurd: it would falsify every sum."""
        for name in ("prompt_tokens", "completion_tokens"):
            object.__setattr__(self, name, count_in(getattr(self, name)))

    def to_json(self) -> dict[str, JSON]:
        """Plain data for the journal."""
        wasted = {} if self.wasted == _NONE else {"wasted": self.wasted.to_json()}
        return {
            "text": self.text,
            "finish_reason": self.finish_reason,
            "model": self.model,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "attempts": self.attempts,
            **wasted,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Reply:
        """The inverse of `to_json`."""
        fields = record if isinstance(record, dict) else {}
        finish = fields.get("finish_reason")
        attempts = fields.get("attempts")
        return cls(
            text=str(fields.get("text", "")),
            finish_reason="stop"
            if finish == "stop"
            else "length"
            if finish == "length"
            else "other",
            model=str(fields.get("model", "")),
            prompt_tokens=count_in(fields.get("prompt_tokens")),
            completion_tokens=count_in(fields.get("completion_tokens")),
            attempts=attempts if isinstance(attempts, int) else 1,
            wasted=tokens_in(fields.get("wasted")) or _NONE,
        )


class Engine(Protocol):
    """A language model behind any wire.

    Attributes:
        name: Stable name of model and endpoint; part of every key. Never holds a secret.
        max_concurrency: Requests that may be under way at once.
    """

    name: str
    max_concurrency: int

    async def ask(self, request: Request) -> Reply:
        """Answer one request.

        Raises:
            EngineError: With its kind, and whether trying again may help.
        """
        ...


def engine_key(engine: Engine) -> dict[str, JSON]:
    """What tells one engine's replies from another's: its name, and its `shaping` if it has one.

    ``shaping`` is an optional attribute: JSON data that shapes every reply besides the request,
    such as the address of the server and parameters of the engine's own.
    """
    shaping = getattr(engine, "shaping", None)
    params = getattr(engine, "params", None)
    if isinstance(shaping, Mapping):
        own: dict[str, JSON] = dict(shaping)
    else:
        own = {"params": dict(params)} if isinstance(params, Mapping) and params else {}
    return {"engine": engine.name, "shaping": own}
