"""Our own estimate of tokens, for what must be known before a server has counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textgrad_core.engine.protocol import Request
from textgrad_core.jsondata import JSON

CHARS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
COMPLETION_GUESS = 1024
# A tokenizer that makes one token of more characters than this is not known for running text.
MOST_CHARS_PER_TOKEN = 7
SHORTEST_SUSPECT_CHARS = 8_000
_LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEstimate:
    """Tokens a request may take."""

    prompt: int
    completion: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.prompt + self.completion


def estimate_tokens(request: Request, params: Mapping[str, JSON]) -> TokenEstimate:
    """Tokens a request may take: four characters each, and as long an answer as is allowed.

    Args:
        request: What will be sent.
        params: What the engine sends with every request; the request's own go before them.
    """
    chars = prompt_chars(request)
    prompt = -(-chars // CHARS_PER_TOKEN) + TOKENS_PER_MESSAGE * len(request.messages)
    for name in _LIMITS:
        limit = {**params, **request.params}.get(name)
        if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
            return TokenEstimate(prompt=prompt, completion=limit)
    return TokenEstimate(prompt=prompt, completion=COMPLETION_GUESS)


def prompt_chars(request: Request) -> int:
    """Characters of text in a request."""
    return sum(len(m.content) for m in request.messages)


def looks_truncated(chars: int, prompt_tokens: int | None) -> bool:
    """Whether a server counted far fewer tokens than the text it was sent must have.

    Some servers cut a prompt at their context length and say nothing.
    """
    if prompt_tokens is None or prompt_tokens == 0 or chars < SHORTEST_SUSPECT_CHARS:
        return False
    return chars > MOST_CHARS_PER_TOKEN * prompt_tokens
