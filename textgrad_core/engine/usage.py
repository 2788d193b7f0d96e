"""The usage a server put into an answer that is none: it was computed, and is paid for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from textgrad_core.counts import Tokens, count_in

# Inside a JSON string the quotes would carry a backslash, so no text of a model looks like this.
_KEY = re.compile(r'(?<!\\)"usage"\s*:\s*(?=\{)')


def counts_in(usage: object) -> tuple[int | None, int | None]:
    """Tokens sent and received by the ``usage`` of a reply; None for what it does not say."""
    said = usage if isinstance(usage, Mapping) else {}
    return count_in(said.get("prompt_tokens")), count_in(said.get("completion_tokens"))


def usage_in(body: bytes) -> Tokens | None:
    """What a body says it took, also where it is damaged; None if it does not say."""
    text = body.decode("utf-8", "replace")
    places = [found.end() for found in _KEY.finditer(text)]
    if not places:
        return None
    try:
        usage, _ = json.JSONDecoder().raw_decode(text, places[-1])
    except (ValueError, RecursionError):
        return None
    sent, received = counts_in(usage)
    if sent is None and received is None:
        return None
    return Tokens(prompt=sent or 0, completion=received or 0)
