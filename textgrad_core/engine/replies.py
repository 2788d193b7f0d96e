"""What a chat-completions server said: bytes or an error in, a `Reply` or a typed failure out.

Pure, and free of any client library, so every oddity of a server is a plain test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from textgrad_core.engine.protocol import FinishReason, Reply
from textgrad_core.engine.usage import counts_in, usage_in
from textgrad_core.errors import EngineError, EngineFailure

EXCERPT_CHARS = 300

_QUOTA_CODES = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_balance",
        "exceeded_current_quota_error",
    }
)
_OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_REFUSAL_CODES = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})
_OVERFLOW_PHRASES = ("prompt is too long", "input token count", "too many tokens")
_SIZE_WORDS = ("length", "window", "size", "token", "exceed", "too long", "maximum")
_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
}


def normalise(response: bytes) -> Reply:
    """Read the body of a chat completion that came with status 200.

    An answer cut at the token limit is a `Reply` with ``finish_reason="length"``: whether the
    part that arrived is enough is for the parser to say. Lone surrogates, which no file could
    hold, become U+FFFD.

    Raises:
        EngineError: ``malformed`` (no JSON), ``wrong_shape`` (no chat completion), ``refused``,
            ``empty``, ``cut`` (the limit was reached before any answer), or what the error
            object inside the body says; with the usage the body holds, since that is paid for.
    """
    try:
        return _reply(_decoded(response))
    except EngineError as error:
        raise error.but(spent=usage_in(response)) from None


def _reply(body: object) -> Reply:
    if not isinstance(body, dict):
        _wrong_shape(f"expected a JSON object, got {type(body).__name__}")
    error = body.get("error")
    if error:
        raise failure_from_error_object(error)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        _wrong_shape("the reply holds no choices")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        _wrong_shape("the first choice holds no message")
    said = choice.get("finish_reason")
    reason = said if isinstance(said, str) else ""
    text = _answer_text(message, reason)
    sent, received = counts_in(body.get("usage"))
    model = body.get("model")
    return Reply(
        text=text,
        finish_reason=_FINISH.get(reason, "other"),
        model=storable(model) if isinstance(model, str) else "",
        prompt_tokens=sent,
        completion_tokens=received,
    )


def failure_from_status(
    status: int, body: object, *, retry_after_s: float | None = None, may_retry: bool = True
) -> EngineError:
    """The failure behind an HTTP status of 300 or more.

    Args:
        status: The HTTP status.
        body: The decoded JSON body, or its ``error`` object, or the text.
        retry_after_s: Seconds the server asked to wait.
        may_retry: False if the server said that trying again is useless.
    """
    fields = body if isinstance(body, dict) else {}
    inner = fields.get("error")
    if isinstance(inner, dict):
        fields = inner
    code, kind_of_error = _word(fields.get("code")), _word(fields.get("type"))
    said = fields.get("message") or inner or fields.get("detail") or body or ""
    message = _excerpt(said)
    kind, retryable = classify(status, code, kind_of_error, message)
    wait = "" if retry_after_s is None else f"; the server asks to wait {retry_after_s:g} s"
    return EngineError(
        f"the server answered with status {status}: {message or 'no text'}{wait}{_remedy(kind)}",
        kind=kind,
        retryable=retryable and may_retry,
        retry_after_s=retry_after_s,
    )


def failure_from_error_object(error: object) -> EngineError:
    """The failure behind an ``error`` that came with status 200, as gateways send it."""
    fields = error if isinstance(error, dict) else {}
    code = fields.get("code")
    text = _word(code)
    status = int(text) if text.isascii() and text.isdigit() and len(text) == 3 else 0
    message = _excerpt(fields.get("message") or error)
    kind, retryable = classify(status, text, _word(fields.get("type")), message)
    return EngineError(
        f"the server answered with an error: {message}{_remedy(kind)}",
        kind=kind,
        retryable=retryable,
    )


def classify(status: int, code: str, type_: str, message: str) -> tuple[EngineFailure, bool]:
    """The class of a failure, and whether the same request may succeed later.

    Args:
        status: HTTP status; 0 if none is known.
        code: The server's own code for the error, possibly empty.
        type_: The server's own type, possibly empty.
        message: What it said in words.
    """
    names = {code, type_}
    if is_quota(status, code, type_):
        return "quota", False
    if names & _REFUSAL_CODES:
        return "refused", False
    if status == 429 or "rate_limit_exceeded" in names:
        return "rate", True
    if names & _OVERFLOW_CODES or (status in {400, 413, 422} and _speaks_of_overflow(message)):
        return "overflow", False
    if status in {401, 403}:
        return "auth", False
    if status == 408:
        return "timeout", True
    if status in {0, 409, 425} or status >= 500:
        return "server", True
    return "request", False


def is_quota(status: int, code: str, type_: str) -> bool:
    """Whether the account is out of money, which no waiting mends."""
    return status == 402 or bool({code, type_} & _QUOTA_CODES)


def storable(text: str) -> str:
    """The same text with every lone surrogate replaced by U+FFFD, so that UTF-8 can hold it."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decoded(response: bytes) -> object:
    if not response.strip():
        raise EngineError("the server sent an empty body", kind="malformed", retryable=True)
    try:
        return json.loads(response.decode("utf-8-sig"))
    except RecursionError:
        _wrong_shape("the reply is nested too deeply to be a chat completion")
    except ValueError as error:  # covers both JSON and UTF-8
        seen = _excerpt(response[: 4 * EXCERPT_CHARS].decode("utf-8", "replace"))
        if seen.lstrip().startswith("<"):
            raise EngineError(
                f"the server sent a web page instead of JSON: {seen[:80]!r}; check the base URL "
                "(it usually ends in /v1) and whether a proxy asks for a login",
                kind="malformed",
                retryable=True,
            ) from None
        raise EngineError(
            f"the server's reply is no JSON ({error}): {seen[:80]!r}",
            kind="malformed",
            retryable=True,
        ) from None


def _answer_text(message: Mapping[str, object], reason: str) -> str:
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        raise EngineError(f"the model refused: {_excerpt(refusal)}", kind="refused")
    if reason == "content_filter":
        raise EngineError("the server's content filter withheld the answer", kind="refused")
    text = storable(_joined(message.get("content")))
    if text.strip():
        return text
    if _FINISH.get(reason) == "length":
        raise EngineError(
            "the token limit was reached before any answer was written: raise max_tokens or "
            "max_completion_tokens (thinking counts too)",
            kind="cut",
        )
    if message.get("tool_calls") or message.get("function_call"):
        _wrong_shape("the model called a tool instead of answering")
    raise EngineError("the model's answer is empty", kind="empty", retryable=True)


def _joined(content: object) -> str:
    """The text of a message; some servers send a list of parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        _wrong_shape(f"the content of the message is {type(content).__name__}, not text")
    texts: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, dict):
            _wrong_shape(f"a part of the content is {type(part).__name__}, not text")
        elif isinstance(part.get("refusal"), str):
            raise EngineError(f"the model refused: {_excerpt(part['refusal'])}", kind="refused")
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
        # parts without text (thinking, citations) are no part of the answer
    return "".join(texts)


def _speaks_of_overflow(message: str) -> bool:
    words = message.lower()
    if any(phrase in words for phrase in _OVERFLOW_PHRASES):
        return True
    return "context" in words and any(word in words for word in _SIZE_WORDS)


def _remedy(kind: EngineFailure) -> str:
    match kind:
        case "auth":
            return "; check the key (OPENAI_API_KEY or api_key) and what it may use"
        case "quota":
            return "; the account's quota or balance is used up, waiting does not help"
        case "overflow":
            return "; the request is longer than the model's context, shorten it"
        case _:
            return ""


def _wrong_shape(what: str) -> NoReturn:
    """A gateway's slip may pass, and a model may answer otherwise next time."""
    raise EngineError(what, kind="wrong_shape", retryable=True)


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _excerpt(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = " ".join(storable(text[: 4 * EXCERPT_CHARS]).split())
    return text if len(text) <= EXCERPT_CHARS else text[:EXCERPT_CHARS] + "..."
