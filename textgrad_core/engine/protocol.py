"""What the suite asks of a language model: one request, one reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from textgrad_core.jsondata import JSON

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


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
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "purpose": self.purpose,
            "params": dict(self.params),
            "sample": self.sample,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A usable answer.

    Args:
        text: What the model wrote.
        finish_reason: ``"length"`` if it was cut.
        model: The model the server says it used.
        prompt_tokens: As the server counted; None if it did not say.
        completion_tokens: Likewise.
    """

    text: str
    finish_reason: FinishReason = "stop"
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def to_json(self) -> dict[str, JSON]:
        """Plain data for the journal."""
        return {
            "text": self.text,
            "finish_reason": self.finish_reason,
            "model": self.model,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }

    @classmethod
    def from_json(cls, record: JSON) -> Reply:
        """The inverse of `to_json`."""
        fields = record if isinstance(record, dict) else {}
        finish = fields.get("finish_reason")
        sent, received = fields.get("prompt_tokens"), fields.get("completion_tokens")
        return cls(
            text=str(fields.get("text", "")),
            finish_reason="stop"
            if finish == "stop"
            else "length"
            if finish == "length"
            else "other",
            model=str(fields.get("model", "")),
            prompt_tokens=sent if isinstance(sent, int) else None,
            completion_tokens=received if isinstance(received, int) else None,
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
    own = dict(shaping) if isinstance(shaping, Mapping) else {}
    return {"engine": engine.name, "shaping": own}
