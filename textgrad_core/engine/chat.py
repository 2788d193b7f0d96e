"""TextGrad's names for models behind a chat-completions server, over `OpenAIEngine`."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any, final

from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.errors import UsageError

DEFAULT_MODEL = "gpt-4o-mini"


class ChatOpenAI(OpenAIEngine):
    """A model of OpenAI, or of a server that speaks its protocol.

    Args:
        model_string: Model name as the server knows it.
        system_prompt: Sent where a call brings none; by default nothing is.
        is_multimodal: Kept for TextGrad's programs; images are sent to any model, and one that
            takes none says so.
        base_url: Address of the server.
        **options: As for `OpenAIEngine`.

    Raises:
        UsageError: If an argument is out of bounds.
    """

    def __init__(
        self,
        model_string: str = DEFAULT_MODEL,
        system_prompt: str | None = None,
        is_multimodal: bool = True,
        base_url: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model_string, base_url, **options)
        self.model_string, self.is_multimodal = model_string, is_multimodal
        self.system_prompt = system_prompt
        if system_prompt:  # it shapes every reply, so it is part of every key
            told = sha256(system_prompt.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            self.name = f"{self.name}+system-{told}"

    async def ask(self, request: Request) -> Reply:
        """Answer one request, with the engine's own system prompt if it brings none."""
        if self.system_prompt and not any(m.role == "system" for m in request.messages):
            system = Message(role="system", content=self.system_prompt)
            request = replace(request, messages=(system, *request.messages))
        return await super().ask(request)


@final
class ChatExternalClient(ChatOpenAI):
    """The server an OpenAI client object points to: LM Studio, llama.cpp, vLLM and others.

    Of the client only the address and the key are used; requests go through `OpenAIEngine`, with
    its deadline, its limits and its typed failures.

    Args:
        client: An ``openai.OpenAI`` or ``openai.AsyncOpenAI``.
        model_string: Model name as the server knows it.
        system_prompt: Sent where a call brings none.
        **options: As for `OpenAIEngine`.

    Raises:
        UsageError: If the client does not say where its server is.
    """

    def __init__(
        self,
        client: Any,
        model_string: str,
        system_prompt: str | None = None,
        **options: Any,
    ) -> None:
        address = getattr(client, "base_url", None)
        if address is None:
            raise UsageError(
                f"{type(client).__name__} has no base_url: give an openai.OpenAI client, or wrap "
                "your own function with get_engine(function)"
            )
        options.setdefault("api_key", getattr(client, "api_key", None))
        super().__init__(model_string, system_prompt, base_url=str(address), **options)
