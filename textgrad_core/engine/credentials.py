"""Keys and addresses of servers: where they come from, and how they stay out of sight."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from textgrad_core.errors import EngineError, UsageError

DUMMY_KEY = "no-key"
SHORTEST_KEY_CHARS = 6  # a shorter one is no secret, and masking it would garble every message


class Secret:
    """A key that no repr, log or traceback of locals shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hide the text."""
        self._text = text

    def reveal(self) -> str:
        """The text, for the one place that sends it."""
        return self._text

    def masked_in(self, text: str) -> str:
        """Other text with the key replaced, should a server have repeated it."""
        if self._text == DUMMY_KEY or len(self._text) < SHORTEST_KEY_CHARS:
            return text
        text = text.replace(self._text, "<key>")
        for length in range(len(self._text) - 1, SHORTEST_KEY_CHARS - 1, -1):
            text = text.replace(f"{self._text[:length]}...", "<key>...")  # it was cut off there
        return text

    def __repr__(self) -> str:
        return "<key>"


def key_for(model: str, given: Secret | None, *, needed: bool) -> Secret:
    """The key to send: the one that was given, else OPENAI_API_KEY, else a dummy.

    Args:
        model: For the message.
        given: The key somebody passed.
        needed: Whether a server may not be asked without one.

    Raises:
        EngineError: If there is none and one is needed, or no HTTP header may hold it.
    """
    text = (given.reveal() if given else os.environ.get("OPENAI_API_KEY") or "").strip()
    if text and not (text.isascii() and text.isprintable()):
        raise EngineError(
            "the key holds a character that no HTTP header may hold: copy it again",
            kind="auth",
            attempts=0,
        )
    if text:
        return Secret(text)
    if not needed:
        return Secret(DUMMY_KEY)
    raise EngineError(
        f"no key for {model!r}: set OPENAI_API_KEY, pass api_key, or pass base_url for "
        "a server that needs none; nothing was sent",
        kind="auth",
        attempts=0,
    )


def host_of(address: str) -> str:
    """The host of a server's address, for its name; ``"default"`` if no address was given.

    Raises:
        UsageError: If it is no address, or holds a secret.
    """
    if not address:
        return "default"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise UsageError(_unreadable(str(error))) from error
    if port == 0:
        raise UsageError(_unreadable("port 0 is no port"))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            f"base_url has scheme {parts.scheme!r} and host {parts.hostname!r}: write it like "
            "'http://127.0.0.1:8080/v1'"
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError("base_url holds a user or password: pass the secret as api_key instead")
    return parts.hostname


def endpoint_of(address: str) -> str:
    """The address without anything that could be a secret; it was accepted by `host_of`."""
    parts = urlsplit(address)
    if not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _unreadable(why: str) -> str:
    """Names what is wrong; the address itself may hold a secret."""
    return (
        f"base_url cannot be read ({why}): write it like 'http://127.0.0.1:8080/v1' or "
        "'http://[::1]:8080/v1', with a port from 1 to 65535"
    )
