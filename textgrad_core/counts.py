"""Tokens as servers count them."""

from __future__ import annotations

from dataclasses import dataclass

from textgrad_core.jsondata import JSON

MOST_TOKENS = 10**9  # of one answer; no model comes near


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens sent and received, as far as a server said."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        """Both together."""
        return Tokens(
            prompt=self.prompt + other.prompt, completion=self.completion + other.completion
        )

    @property
    def total(self) -> int:
        """Both kinds together."""
        return self.prompt + self.completion

    def to_json(self) -> JSON:
        """Plain data for the journal."""
        return [self.prompt, self.completion]


def added(one: Tokens | None, other: Tokens | None) -> Tokens | None:
    """Both together, where None is a count that nobody made."""
    if one is None or other is None:
        return one or other
    return one + other


def tokens_in(record: JSON) -> Tokens | None:
    """The inverse of `Tokens.to_json`; None for anything else."""
    if not isinstance(record, list) or len(record) != 2:
        return None
    sent, received = map(count_in, record)
    return None if sent is None or received is None else Tokens(prompt=sent, completion=received)


def count_in(said: object) -> int | None:
    """A count that may be true; None for what is no number, negative or absurd."""
    if isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= MOST_TOKENS:
        return said
    return None
